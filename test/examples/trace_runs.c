/* SPDX-License-Identifier: MIT */
/*
 * trace_runs RUN FILE: a run whose trace is written to the file, for test_timeline.sh. Says what has to be in it, as
 * "TASKS FAILED SKIPPED".
 */

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errgroup.h>

#include "../../docs/examples/shared/trace.h"

static struct trace *trace;

/* clang-format off */
#define OBSERVED(...) EG_GROUP_OPTIONS(.observe = trace_observe, .observe_arg = trace, __VA_ARGS__)
/* clang-format on */

static void tell(unsigned tasks, unsigned failed, unsigned skipped)
{
	printf("%u %u %u\n", tasks, failed, skipped);
}

static void ignore(eg_error *error)
{
	eg_error_unref(error);
}

static int do_nothing(eg_ctx *ctx, void *arg, size_t index)
{
	(void)ctx, (void)arg, (void)index;
	return 0;
}

static void run_loop(void)
{
	eg_error *error;
	int result = eg_for(NULL, 1000, do_nothing, NULL, OBSERVED(.limit = 3), &error);

	ignore(error);
	tell(result == 0 ? 1000 : 0, 0, 0);
}

/*
 * Groups within groups, three deep. A task that waits runs tasks of its inner group itself.
 */
static int nest(eg_ctx *ctx, void *arg, size_t index)
{
	int *depth = arg, inner = *depth - 1;

	(void)index;
	return inner == 0 ? 0 : eg_for(ctx, 6, nest, &inner, OBSERVED(.limit = 2), NULL);
}

static void run_nested(void)
{
	eg_error *error;
	int depth = 3, result = eg_for(NULL, 6, nest, &depth, OBSERVED(.limit = 3), &error);

	ignore(error);
	tell(result == 0 ? 6 + 36 + 216 : 0, 0, 0);
}

/* Several groups of one slot each, in as many threads, that all run at the same time. */
#define GROUPS 5

static pthread_barrier_t together;

static int meet(eg_ctx *ctx, void *arg, size_t index)
{
	(void)ctx, (void)arg, (void)index;
	pthread_barrier_wait(&together);
	return 0;
}

static void *run_group(void *arg)
{
	eg_error *error;

	(void)arg;
	if (eg_for(NULL, 100, meet, NULL, OBSERVED(.limit = 1), &error) != 0)
		abort();
	ignore(error);
	return NULL;
}

static void run_groups(void)
{
	pthread_t threads[GROUPS];

	pthread_barrier_init(&together, NULL, GROUPS);
	for (int i = 0; i < GROUPS; i++)
		if (pthread_create(&threads[i], NULL, run_group, NULL) != 0)
			abort();
	for (int i = 0; i < GROUPS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&together);
	tell(GROUPS * 100, 0, 0);
}

static int fail_each_way(eg_ctx *ctx, void *arg, size_t index)
{
	eg_error *error;

	switch (index % 5) {
	case 0:
		return -EIO;
	case 1:
		return eg_fail(
		    -ENOENT, "no \"such\"\n\033[31mfile\\ \xff\xc0\xaf\xed\xa0\x80\xf5\x80\x80\x80 \xc3\xa4");
	case 2:
		eg_panic("panic %zu", index);
	case 3:
		error = eg_error_create(-ENOSPC, "from outside");
		eg_group_fail(arg, error);
		eg_error_unref(error);
		return 0;
	default:
		/* Its own group has failed, and so has it: each is told by itself. */
		return eg_for(ctx, 2, fail_each_way, arg, OBSERVED(.halt = EG_HALT_NEVER, .limit = 1), NULL);
	}
}

static void run_failures(void)
{
	eg_group group = EG_GROUP_INIT;

	if (eg_group_init(&group, NULL, OBSERVED(.halt = EG_HALT_NEVER, .limit = 2)) != 0 ||
	    eg_group_go_each(&group, 10, fail_each_way, &group) != 0)
		abort();
	if (eg_group_wait(&group) == 0)
		abort();
	eg_group_destroy(&group);
	tell(14, 12, 0);
}

static int fail_at_ten(eg_ctx *ctx, void *arg, size_t index)
{
	(void)ctx, (void)arg;
	return index == 10 ? eg_fail(-EIO, "enough") : 0;
}

static void run_skipped(void)
{
	eg_error *error;

	if (eg_for(NULL, 100, fail_at_ten, NULL, OBSERVED(.limit = 1), &error) != -EIO)
		abort();
	ignore(error);
	tell(11, 1, 89);
}

/* Names of every kind. */
static void run_strings(void)
{
	char *name = malloc(100000);

	if (name == NULL)
		abort();
	for (int i = 1; i < 256; i++)
		name[i - 1] = (char)i;
	name[255] = '\0';
	trace_span(trace, 0, name, 10, 20, name);
	trace_span(trace, 1, "", 20, 10, "");
	trace_span(trace, -1, "\xe2\x82\xac \xf0\x9f\x98\x80 \xe2\x82 \xc0\xaf \xed\xa0\x80 \xf5\x80\x80\x80",
		   -1000000000000000000, 1000000000000000000, NULL);
	for (int i = 0; i < 99999; i++)
		name[i] = (char)(i % 3 == 0 ? '\001' : i % 3 == 1 ? '"' : '\xff');
	name[99999] = '\0';
	trace_span(trace, 1000000, name, 0, 1, name);
	tell(4, 3, 0);
	free(name);
}

/*
 * A run as a batch would have it, with times that do not depend on the machine: in three lanes jobs of 10 ms each, one of
 * which, "slow", takes 200. The last jobs of all follow behind it.
 */
static void run_slow(void)
{
	int64_t ms = 1000000, now = eg_clock_now_ns();

	for (int i = 0; i < 6; i++) {
		char name[32];

		for (int lane = 0; lane < 3; lane++) {
			int64_t begin = now + i * 10 * ms;

			if (lane == 1 && i >= 2)
				continue;
			snprintf(name, sizeof(name), "quick %d.%d", lane, i);
			trace_span(trace, lane, name, begin, begin + 10 * ms - 1000, NULL);
		}
	}
	trace_span(trace, 1, "slow", now + 20 * ms, now + 220 * ms, NULL);
	trace_span(trace, 0, "after", now + 220 * ms + 500, now + 240 * ms, "it failed");
	trace_span(trace, 2, "beside", now + 225 * ms, now + 230 * ms, NULL);
	tell(17, 1, 0);
}

static void run_storm(void)
{
	eg_error *error;
	int64_t begin = eg_clock_now_ns(), took;

	if (eg_for(NULL, 60000, do_nothing, NULL, OBSERVED(.limit = 2), &error) != 0)
		abort();
	ignore(error);
	took = eg_clock_now_ns() - begin;
	fprintf(stderr, "%" PRId64 " ns a task\n", took / 60000);
	tell(60000, 0, 0);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} runs[] = {
	    {"failures", run_failures}, {"groups", run_groups},   {"loop", run_loop},
	    {"nested", run_nested},     {"skipped", run_skipped}, {"slow", run_slow},
	    {"storm", run_storm},       {"strings", run_strings},
	};
	int error;

	if (argc != 3)
		return 2;
	error = trace_open(argv[2], &trace);
	for (size_t i = 0; error == 0 && i < sizeof(runs) / sizeof(runs[0]); i++)
		if (strcmp(argv[1], runs[i].name) == 0)
			runs[i].run();
	if (error == 0)
		error = trace_close(trace);
	if (error != 0)
		fprintf(stderr, "%s: %s\n", argv[2], eg_strerror(error));
	return error != 0;
}
