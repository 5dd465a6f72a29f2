/* SPDX-License-Identifier: MIT */

/*
 * Stress: random programs over the public API, in which every accepted task is accounted for.
 *
 *     stress [--seed N] [--seconds N] [--round N]
 *
 * A round draws a group from its seed (limit, backlog, errors kept, flags, parent) and drives it from several
 * submitters, waiters and the tasks themselves, which fail, panic, defer, submit more, wait for groups of their
 * own, change the limit and cancel. Each task owns a cell that counts how often it was accepted and how often it
 * ran. When the wait has returned every accepted cell has run once, or, in a group that skips, as many have not
 * run as the group reports skipped. Two drivers run rounds side by side and so share the library's threads.
 *
 * A seed fixes what is done, not how the threads interleave. The seed and round of a failure are printed;
 * `--seed N --round N` repeats that round until the time is up. Output is TAP.
 */

#include "stress.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DRIVERS 2
#define SUBMITTERS_MAX 4
#define WAITERS_MAX 3

struct driver {
	pthread_t thread;
	unsigned index;
	uint64_t rounds;
	uint64_t tasks;
};

struct helper {
	pthread_t thread;
	struct run *run;
	uint64_t seed;
	size_t count;
};

static uint64_t option_seed;
static int64_t option_round = -1;
static unsigned option_seconds = 5;
static int64_t stop_ns;
static _Atomic uint64_t rounds_now[DRIVERS];

/*
 * Failure
 */

void fail(const struct run *run, const char *what, const char *file, int line)
{
	printf("not ok 1 - stress\n# %s:%d: %s\n", file, line, what);
	printf("# limit %d backlog %d collect %u flags %#x\n", run->options.limit, run->options.backlog,
	       run->options.collect, run->options.flags);
	for (unsigned i = 0; i < DRIVERS; i++)
		printf("# driver %u: --seed %" PRIu64 " --round %" PRIu64 "\n", i, option_seed,
		       (uint64_t)atomic_load(&rounds_now[i]));
	fflush(stdout);
	signal(SIGABRT, SIG_DFL);
	abort();
}

/* A crash or a hang. Async-signal-safe but for dprintf, which the process does not survive anyway. */
static void on_signal(int number)
{
	dprintf(STDOUT_FILENO, "not ok 1 - stress\n# %s\n",
		number == SIGALRM ? "no end: something hangs" : "it crashes");
	for (unsigned i = 0; i < DRIVERS; i++)
		dprintf(STDOUT_FILENO, "# driver %u: --seed %" PRIu64 " --round %" PRIu64 "\n", i,
			option_seed, (uint64_t)atomic_load(&rounds_now[i]));
	signal(SIGABRT, SIG_DFL);
	abort();
}

/* Sanitizers have handlers of their own, which say more. */
static void catch_signals(void)
{
	static const int numbers[] = {SIGALRM, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct sigaction before;

		if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
			signal(numbers[i], on_signal);
	}
}

/*
 * Threads beside the tasks
 */

static void *submitter_main(void *arg)
{
	struct helper *helper = arg;

	for (size_t i = 0; i < helper->count; i++) {
		if (!submit(helper->run, &helper->seed, 0, NULL))
			break;
		if (chance(&helper->seed, 1))
			sched_yield();
		if (helper->run->limit == 0 && draw(&helper->seed, 500) == 0)
			do_limit(helper->run, &helper->seed);
	}
	return NULL;
}

/* Waits a few times, with and without a deadline, while the others go on. */
static void *waiter_main(void *arg)
{
	struct helper *helper = arg;
	struct run *run = helper->run;

	for (size_t i = 0; i < helper->count; i++) {
		int64_t deadline_ns = eg_clock_now_ns() + draw(&helper->seed, 1000000);
		int result = chance(&helper->seed, 50) ? eg_group_wait_until(&run->group, deadline_ns)
						       : eg_group_wait(&run->group);

		REQUIRE(run, result != EG_EINSIDE && result != -EINVAL && result != EG_EFORKED);
	}
	return NULL;
}

static void helper_start(struct helper *helper, void *(*entry)(void *), struct run *run, uint64_t *state,
			 size_t count)
{
	helper->run = run;
	helper->count = count;
	helper->seed = mix(*state ^ count);
	draw(state, 2);
	REQUIRE(run, pthread_create(&helper->thread, NULL, entry, helper) == 0);
}

/*
 * Rounds
 */

static void draw_options(struct run *run, uint64_t *state)
{
	static const int limits[] = {0, 1, 2, 2, 3, 4, 8, EG_LIMIT_NONE, EG_LIMIT_CPUS};
	static const int backlogs[] = {0, 0, 0, 1, 4, 64, EG_BACKLOG_NONE};
	static const unsigned collects[] = {0, 1, 3, CELLS_MAX};
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;

	options.limit = limits[draw(state, 9)];
	options.backlog = backlogs[draw(state, 7)];
	options.collect = collects[draw(state, 4)];
	options.flags |= chance(state, 20) ? EG_GROUP_NO_CANCEL : 0;
	options.flags |= chance(state, 40) ? EG_GROUP_SKIP_UNSTARTED : 0;
	options.flags |= chance(state, 25) ? EG_GROUP_NO_HELP : 0;
	run->options = options;
	run->limit = options.limit ? options.limit : EG_LIMIT_NONE;
	if (run->limit == EG_LIMIT_CPUS || chance(state, 25))
		run->limit = 0;
	run->is_rough = chance(state, 30);
	run->is_abandoned = chance(state, 25);
}

static void run_start(struct run *run, uint64_t *state)
{
	if (chance(state, 15)) {
		/* An all-zero group: no init, nothing to skip or to cancel. */
		memset(&run->options, 0, sizeof(run->options));
		if (run->limit > 0)
			REQUIRE(run, eg_group_set_limit(&run->group, run->limit) == 0);
		return;
	}
	if (chance(state, 50))
		REQUIRE(run, eg_ctx_with_cancel(NULL, &run->parent) == 0);
	REQUIRE(run, eg_group_init(&run->group, run->parent, &run->options) == 0);
}

/* After a wait with nobody else at the group: the books against what the group says. */
static void run_audit(struct run *run, int result)
{
	size_t used = atomic_load(&run->used), unrun = 0, reported, kept, failed = atomic_load(&run->failed);
	size_t skipped_kept = 0;
	eg_error **errors;

	REQUIRE(run, atomic_load(&run->active) == 0);
	for (size_t i = 0; i < used; i++) {
		unsigned accepted = atomic_load(&run->cells[i].accepted),
			 ran = atomic_load(&run->cells[i].ran);

		REQUIRE(run, ran <= accepted);
		unrun += accepted - ran;
	}
	REQUIRE(run, unrun == 0 || (run->options.flags & EG_GROUP_SKIP_UNSTARTED));
	errors = calloc(CELLS_MAX, sizeof(*errors));
	REQUIRE(run, errors != NULL);
	reported = eg_group_error_count(&run->group);
	kept = eg_group_errors(&run->group, CELLS_MAX, errors);
	REQUIRE(run, reported == failed + unrun && kept <= reported);
	for (size_t i = 0; i < kept; i++) {
		skipped_kept += eg_error_kind(errors[i]) == EG_ERROR_SKIPPED;
		REQUIRE(run, eg_error_code(errors[i]) != 0);
	}
	REQUIRE(run, run->options.collect < CELLS_MAX || skipped_kept == unrun);
	REQUIRE(run, (result != 0) == (reported != 0));
	REQUIRE(run, eg_error_code(eg_group_error(&run->group)) == result);
	REQUIRE(run, reported == 0 || errors[0] == eg_group_error(&run->group));
	free(errors);
}

/* Forgets the cells, and after a reset the failures too. A task not run stays in the books until a reset. */
static void run_forget(struct run *run, uint64_t *state)
{
	if (!chance(state, 60))
		return;
	REQUIRE(run, eg_group_reset(&run->group) == 0);
	memset(run->cells, 0, atomic_load(&run->used) * sizeof(*run->cells));
	atomic_store(&run->used, 0);
	atomic_store(&run->failed, 0);
}

static void run_phase(struct run *run, uint64_t *state, bool is_last)
{
	struct helper submitters[SUBMITTERS_MAX], waiters[WAITERS_MAX];
	unsigned submitter_count = 1 + draw(state, SUBMITTERS_MAX),
		 waiter_count = draw(state, WAITERS_MAX + 1);

	for (unsigned i = 0; i < submitter_count; i++)
		helper_start(&submitters[i], submitter_main, run, state, draw(state, 600));
	for (unsigned i = 0; i < waiter_count; i++)
		helper_start(&waiters[i], waiter_main, run, state, 1 + draw(state, 4));
	if (run->parent && chance(state, 10))
		REQUIRE(run, eg_ctx_cancel(run->parent, NULL) != -EINVAL);
	if (run->is_rough && chance(state, 20))
		do_cancel(run);
	for (unsigned i = 0; i < submitter_count; i++)
		pthread_join(submitters[i].thread, NULL);
	for (unsigned i = 0; i < waiter_count; i++)
		pthread_join(waiters[i].thread, NULL);
	/* A destroy with tasks pending skips them; that nothing runs later is for the freed cells to show. */
	if (is_last && run->is_abandoned)
		return;
	run_audit(run, eg_group_wait(&run->group));
	REQUIRE(run, eg_group_wait_until(&run->group, 0) == eg_error_code(eg_group_error(&run->group)));
	if (!is_last)
		run_forget(run, state);
}

static uint64_t round_run(uint64_t seed)
{
	struct run *run = calloc(1, sizeof(*run));
	uint64_t state = seed, tasks;
	unsigned phases;

	if (!run || !(run->cells = calloc(CELLS_MAX, sizeof(*run->cells))))
		abort();
	run->seed = mix(seed);
	draw_options(run, &state);
	run_start(run, &state);
	phases = 1 + draw(&state, 3);
	for (unsigned i = 0; i < phases; i++)
		run_phase(run, &state, i + 1 == phases);
	REQUIRE(run, eg_group_destroy(&run->group) == 0);
	tasks = atomic_load(&run->used);
	for (size_t i = 0; i < tasks; i++)
		REQUIRE(run, atomic_load(&run->cells[i].ran) <= atomic_load(&run->cells[i].accepted));
	eg_ctx_unref(run->parent);
	/* A task that still ran would touch these. */
	memset(run->cells, 0xa5, CELLS_MAX * sizeof(*run->cells));
	free(run->cells);
	memset(run, 0xa5, sizeof(*run));
	free(run);
	return tasks;
}

static void *driver_main(void *arg)
{
	struct driver *driver = arg;

	do {
		uint64_t round =
		    option_round >= 0 ? (uint64_t)option_round : driver->rounds * DRIVERS + driver->index;

		atomic_store(&rounds_now[driver->index], round);
		driver->tasks += round_run(mix(option_seed ^ mix(round)));
		driver->rounds++;
	} while (eg_clock_now_ns() < stop_ns);
	return NULL;
}

static bool parse(int argc, char **argv)
{
	option_seed = mix((uint64_t)eg_clock_now_ns() ^ (uint64_t)getpid()) % 1000000000;
	for (int i = 1; i + 1 < argc; i += 2) {
		char *end;
		unsigned long long value = strtoull(argv[i + 1], &end, 10);

		if (*end || end == argv[i + 1])
			return false;
		if (strcmp(argv[i], "--seed") == 0)
			option_seed = value;
		else if (strcmp(argv[i], "--seconds") == 0)
			option_seconds = (unsigned)value;
		else if (strcmp(argv[i], "--round") == 0)
			option_round = (int64_t)value;
		else
			return false;
	}
	return argc % 2 == 1;
}

int main(int argc, char **argv)
{
	struct driver drivers[DRIVERS] = {0};

	if (!parse(argc, argv)) {
		fprintf(stderr, "usage: stress [--seed N] [--seconds N] [--round N]\n");
		return 2;
	}
	printf("1..1\n# seed %" PRIu64 "\n", option_seed);
	fflush(stdout);
	catch_signals();
	/* Far beyond the slowest checker; only a hang gets there. */
	alarm(option_seconds * 4 + 100);
	stop_ns = eg_clock_now_ns() + (int64_t)option_seconds * 1000000000;
	for (unsigned i = 0; i < DRIVERS; i++) {
		drivers[i].index = i;
		if (pthread_create(&drivers[i].thread, NULL, driver_main, &drivers[i]) != 0)
			abort();
	}
	for (unsigned i = 0; i < DRIVERS; i++)
		pthread_join(drivers[i].thread, NULL);
	printf("ok 1 - every accepted task ran once or was reported skipped\n");
	printf("# %" PRIu64 " rounds, %" PRIu64 " tasks\n", drivers[0].rounds + drivers[1].rounds,
	       drivers[0].tasks + drivers[1].tasks);
	return 0;
}
