/* SPDX-License-Identifier: MIT */
/*
 * A program without data races, all of whose order comes from the library: what one thread writes before it submits, ends a
 * task, ends a context, others read without a lock. test_races.sh runs it under tools that look for races. The argument is
 * how many rounds; or "race": then it has one, which they have to find.
 */
#include <errgroup.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition)                                                              \
	do {                                                                            \
		if (!(condition)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			exit(3);                                                        \
		}                                                                       \
	} while (0)

enum { TASKS = 300, LIMIT = 4 };

struct item {
	long in, out;
	char text[32];
};

static struct item items[TASKS];
static long scratch[LIMIT];

static int task_double(eg_ctx *ctx, void *arg)
{
	struct item *item = arg;

	(void)ctx;
	item->out = 2 * item->in;
	strcpy(item->text, "done");
	scratch[eg_task_slot()] += item->in;
	return 0;
}

/* Submission, tasks of one slot, and the wait. */
static void batch(eg_group *group, int round)
{
	long sum = 0;

	for (int i = 0; i < TASKS; i++) {
		items[i].in = i + round;
		items[i].text[0] = '\0';
		eg_group_go(group, task_double, &items[i]);
	}
	REQUIRE(eg_group_wait(group) == 0);
	for (int i = 0; i < TASKS; i++)
		REQUIRE(items[i].out == 2L * (i + round) && strcmp(items[i].text, "done") == 0);
	for (int i = 0; i < LIMIT; i++)
		sum += scratch[i];
	REQUIRE(sum > 0);
}

/* The same by ranges, which are not copied as tasks are under such tools. */
static int each_double(eg_ctx *ctx, void *arg, size_t index)
{
	return task_double(ctx, (struct item *)arg + index);
}

static int pieces_double(eg_ctx *ctx, void *arg, size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++)
		each_double(ctx, arg, i);
	return 0;
}

static void ranges(eg_group *group, int round)
{
	for (int way = 0; way < 3; way++) {
		for (int i = 0; i < TASKS; i++)
			items[i].in = i + round;
		if (way == 0)
			eg_group_go_each(group, TASKS, each_double, items);
		else
			eg_group_go_pieces(group, TASKS, way == 1 ? 0 : 7, pieces_double, items);
		REQUIRE(eg_group_wait(group) == 0);
		for (int i = 0; i < TASKS; i++)
			REQUIRE(items[i].out == 2L * (i + round));
	}
}

static int task_copied(eg_ctx *ctx, void *arg)
{
	struct item **item = arg;

	(void)ctx;
	(*item)->out = (*item)->in;
	return 0;
}

static void copies(eg_group *group)
{
	for (int i = 0; i < TASKS; i++) {
		struct item *item = &items[i];

		item->in = 3L * i;
		eg_group_go_copy(group, task_copied, &item, sizeof(item));
	}
	REQUIRE(eg_group_wait(group) == 0);
	for (int i = 0; i < TASKS; i++)
		REQUIRE(items[i].out == 3L * i);
}

/* Tasks submit tasks, and wait for groups of their own. */
static int task_nested(eg_ctx *ctx, void *arg)
{
	struct item *item = arg;
	eg_group inner = EG_GROUP_INIT;
	int err;

	item->in = 5;
	eg_group_go(&inner, task_copied, &item);
	err = eg_group_wait(&inner);
	REQUIRE(item->out == 5);
	eg_group_destroy(&inner);
	(void)ctx;
	return err;
}

static eg_group *outer;

static int task_submits(eg_ctx *ctx, void *arg)
{
	struct item *item = arg;

	item->in = 7;
	(void)ctx;
	return eg_group_go(outer, task_nested, item);
}

static void nested(eg_group *group)
{
	outer = group;
	for (int i = 0; i < TASKS / 10; i++)
		eg_group_go(group, task_submits, &items[i]);
	REQUIRE(eg_group_wait(group) == 0);
	for (int i = 0; i < TASKS / 10; i++)
		REQUIRE(items[i].in == 5 && items[i].out == 5);
}

/* Errors, panics, deferred calls, the hook; and what the cause says to those whom it stops. */
static long deferred[TASKS];
static long told;

/* A task that divides itself: what each half is given, and gives back, lies on the stack of the one that made it. */
struct half {
	int leaves;
	long sum;
};

static int divide(eg_ctx *ctx, void *arg)
{
	struct half *whole = arg, left = {whole->leaves / 2, 0}, right = {whole->leaves - left.leaves, 0};
	int err;

	whole->sum = 1;
	if (whole->leaves == 1)
		return 0;
	err = eg_both(ctx, divide, &left, divide, &right);
	whole->sum = left.sum + right.sum;
	return err;
}

static void divided(eg_group *group)
{
	struct half wholes[4];

	for (int i = 0; i < 4; i++) {
		wholes[i] = (struct half){1000 + i, 0};
		eg_group_go(group, divide, &wholes[i]);
	}
	REQUIRE(eg_group_wait(group) == 0);
	for (int i = 0; i < 4; i++)
		REQUIRE(wholes[i].sum == 1000 + i);
}

static void note_deferred(void *arg)
{
	*(long *)arg += 1;
}

static void hook(eg_error *error, void *arg)
{
	REQUIRE(eg_error_message(error)[0] == 'p' && *(long *)arg == 42);
}

static int task_panic(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	REQUIRE(eg_defer(note_deferred, arg) == 0);
	eg_panic("panic number %ld", *(long *)arg);
}

static int task_await_stop(eg_ctx *ctx, void *arg)
{
	(void)arg;
	REQUIRE(eg_ctx_wait_until(ctx, INT64_MAX) == 0);
	REQUIRE(strstr(eg_error_message(eg_ctx_cause(ctx)), "number") != NULL);
	return eg_fail(-EIO, "stopped by %s", eg_error_message(eg_ctx_cause(ctx)));
}

static int task_await_by_looking(eg_ctx *ctx, void *arg)
{
	(void)arg;
	while (eg_ctx_err(ctx) == 0)
		sched_yield();
	REQUIRE(eg_error_kind(eg_ctx_cause(ctx)) == EG_ERROR_PANIC);
	return 0;
}

static void failures(void)
{
	eg_error *errors[TASKS];
	size_t count;
	eg_group group;

	told = 42;
	eg_panic_set_hook(hook, &told);
	REQUIRE(eg_group_init(&group, NULL, EG_GROUP_OPTIONS(.limit = LIMIT, .collect = TASKS)) == 0);
	for (int i = 0; i < 20; i++)
		deferred[i] = 0;
	eg_group_go(&group, task_await_stop, NULL);
	eg_group_go(&group, task_await_by_looking, NULL);
	for (int i = 0; i < 20; i++)
		eg_group_go(&group, task_panic, &deferred[i]);
	while (!eg_group_error(&group))
		sched_yield();
	REQUIRE(eg_error_message(eg_group_error(&group))[0] == 'p');
	REQUIRE(eg_group_wait(&group) == EG_EPANIC);
	count = eg_group_errors(&group, TASKS, errors);
	REQUIRE(count == 21);
	for (size_t i = 0; i < count; i++)
		REQUIRE(strlen(eg_error_message(errors[i])) > 5);
	for (int i = 0; i < 20; i++)
		REQUIRE(deferred[i] == 1);
	eg_group_destroy(&group);
	eg_panic_set_hook(NULL, NULL);
}

/* Contexts by themselves: what was written before the end, callbacks, and taking them back. */
struct ending {
	eg_ctx *ctx;
	long before, called;
};

static void called(void *arg)
{
	struct ending *ending = arg;

	REQUIRE(ending->before == 1);
	ending->called++;
}

static void *end_main(void *arg)
{
	struct ending *ending = arg;

	ending->before = 1;
	eg_ctx_cancel(ending->ctx, NULL);
	return NULL;
}

static void contexts(void)
{
	struct ending ending = {NULL, 0, 0};
	eg_ctx_callback callback;
	pthread_t thread;

	REQUIRE(eg_ctx_with_cancel(NULL, &ending.ctx) == 0);
	REQUIRE(eg_ctx_on_end(ending.ctx, called, &ending, &callback) == 0);
	REQUIRE(pthread_create(&thread, NULL, end_main, &ending) == 0);
	REQUIRE(eg_ctx_wait_until(ending.ctx, INT64_MAX) == 0);
	REQUIRE(ending.before == 1);
	if (eg_ctx_off_end(&callback) == -EALREADY)
		REQUIRE(ending.called == 1);
	else
		REQUIRE(ending.called == 0);
	pthread_join(thread, NULL);
	eg_ctx_unref(ending.ctx);
}

/* Two threads wait; and a group is destroyed with tasks that have not started. */
static void *wait_main(void *arg)
{
	REQUIRE(eg_group_wait(arg) == 0);
	for (int i = 0; i < TASKS; i++)
		REQUIRE(items[i].text[0] == 'd');
	return NULL;
}

static void waiters(void)
{
	eg_group group = EG_GROUP_INIT;
	pthread_t thread;

	eg_group_set_limit(&group, LIMIT);
	for (int i = 0; i < TASKS; i++)
		eg_group_go(&group, task_double, &items[i]);
	REQUIRE(pthread_create(&thread, NULL, wait_main, &group) == 0);
	wait_main(&group);
	pthread_join(thread, NULL);
	for (int i = 0; i < TASKS; i++)
		eg_group_go(&group, task_double, &items[i]);
	eg_group_destroy(&group);
}

/* Two tasks at once, neither of which is before the other. */
static pthread_barrier_t both;

static int task_race(eg_ctx *ctx, void *arg)
{
	(void)ctx, (void)arg;
	pthread_barrier_wait(&both);
	scratch[0]++; /* whichever slot it has */
	return 0;
}

static void race(void)
{
	eg_group group = EG_GROUP_INIT;

	pthread_barrier_init(&both, NULL, 2);
	eg_group_set_limit(&group, 2);
	eg_group_go(&group, task_race, NULL);
	eg_group_go(&group, task_race, NULL);
	REQUIRE(eg_group_wait(&group) == 0);
	eg_group_destroy(&group);
	pthread_barrier_destroy(&both);
}

int main(int argc, char **argv)
{
	int rounds = argc > 1 ? atoi(argv[1]) : 20;
	eg_group group = EG_GROUP_INIT;

	if (argc > 1 && strcmp(argv[1], "race") == 0) {
		race();
		return 0;
	}
	eg_group_set_limit(&group, LIMIT);
	for (int round = 1; round <= rounds; round++) {
		batch(&group, round);
		ranges(&group, round);
		copies(&group);
		nested(&group);
		divided(&group);
		failures();
		contexts();
		waiters();
	}
	eg_group_destroy(&group);
	return 0;
}
