/* SPDX-License-Identifier: MIT */
/*
 * Progress: a function that waiting threads call now and then, and when everything is done.
 */

#include "support.h"

#define SOON 1             /* ns: at each look */
#define NEVER INT64_MAX    /* but at the end */
#define BRIEFLY_NS 2000000 /* for waits that give up */

struct progress {
	eg_group group;
	struct hold hold;
	atomic_int inside;
	long calls;
	long releases_at; /* the call that lets the tasks go on */
	struct eg_stats last;
	pid_t thread; /* who called last */
};

static void note_progress(const struct eg_stats *stats, void *arg)
{
	struct progress *progress = arg;

	CHECK(atomic_fetch_add(&progress->inside, 1) == 0);
	CHECK(stats->size == sizeof(*stats));
	CHECK(stats->accepted == stats->done + stats->running + stats->pending);
	progress->last = *stats;
	progress->thread = thread_id();
	if (++progress->calls == progress->releases_at)
		tally_add(&progress->hold.release, 1);
	atomic_fetch_sub(&progress->inside, 1);
}

static void group_begin(struct progress *progress, int limit, int64_t every_ns)
{
	assert_int_equal(
	    eg_group_init(&progress->group, NULL,
			  EG_GROUP_OPTIONS(.limit = limit, .progress = note_progress,
					   .progress_arg = progress, .progress_every_ns = every_ns)),
	    0);
}

static void it_is_told_while_tasks_are_unfinished_and_once_in_the_end(void **state)
{
	struct progress progress = {.hold = HOLD_INIT, .releases_at = 3};

	(void)state;
	group_begin(&progress, 2, SOON);
	for (int i = 0; i < 5; i++)
		eg_group_go(&progress.group, task_hold, &progress.hold);
	assert_int_equal(eg_group_wait(&progress.group), 0);
	assert_true(progress.calls >= 4);
	assert_int_equal(progress.last.done, 5);
	assert_int_equal(progress.last.accepted, 5);
	assert_int_equal(progress.thread, thread_id());
	/* Of a round that is over nothing more is told. */
	progress.calls = 0;
	assert_int_equal(eg_group_wait(&progress.group), 0);
	eg_group_destroy(&progress.group);
	assert_int_equal(progress.calls, 0);
}

static void a_long_time_between_calls_leaves_the_one_in_the_end(void **state)
{
	struct progress progress = {.hold = HOLD_INIT};

	(void)state;
	group_begin(&progress, 0, NEVER);
	assert_int_equal(eg_group_wait(&progress.group), 0);
	assert_int_equal(progress.calls, 0);
	for (long round = 1; round <= 3; round++) {
		for (int i = 0; i < 3; i++)
			eg_group_go(&progress.group, task_return, CODE(i));
		assert_int_not_equal(eg_group_wait(&progress.group), 0);
		assert_int_equal(progress.calls, round);
		assert_int_equal(progress.last.done, 3 * round);
		assert_int_equal(progress.last.failed, 2 * round);
	}
	assert_int_equal(eg_group_reset(&progress.group), 0);
	eg_group_go(&progress.group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&progress.group), 0);
	assert_int_equal(progress.last.done, 1);
	/* Nobody has waited for this one. */
	eg_group_go(&progress.group, task_nothing, NULL);
	eg_group_destroy(&progress.group);
	assert_int_equal(progress.calls, 5);
	assert_int_equal(progress.last.done, 2);
}

static void options_with_a_negative_time_are_refused(void **state)
{
	eg_group group;

	(void)state;
	assert_int_equal(eg_group_init(&group, NULL, EG_GROUP_OPTIONS(.progress_every_ns = -1)), -EINVAL);
	assert_int_equal(
	    eg_group_init(&group, NULL, EG_GROUP_OPTIONS(.progress = note_progress, .progress_every_ns = -1)),
	    -EINVAL);
	assert_int_equal(eg_group_init(&group, NULL, EG_GROUP_OPTIONS(.progress_every_ns = 5)), 0);
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

/* The last of the tasks that are held is let go by the call that finds it is the only one left. */
static void waits_with_a_deadline_tell_it_too(void **state)
{
	struct progress progress = {.hold = HOLD_INIT, .releases_at = 5};
	int err;

	(void)state;
	group_begin(&progress, 1, SOON);
	eg_group_go(&progress.group, task_hold, &progress.hold);
	assert_int_equal(eg_group_wait_until(&progress.group, 0), EG_EUNFINISHED);
	do
		err = eg_group_wait_until(&progress.group, eg_clock_now_ns() + BRIEFLY_NS);
	while (err == EG_EUNFINISHED);
	assert_int_equal(err, 0);
	assert_true(progress.calls >= 6);
	assert_int_equal(progress.last.done, 1);
	eg_group_destroy(&progress.group);
}

static void *wait_as_others(void *arg)
{
	struct progress *progress = arg;

	CHECK(eg_group_wait(&progress->group) == 0);
	/* Whoever returns, the last call has been made. */
	CHECK(progress->last.done == progress->last.accepted);
	return NULL;
}

static void of_several_waiters_one_tells_it_at_a_time(void **state)
{
	(void)state;
	for (long done = 0; goes_on(done, 10); done++) {
		struct progress progress = {.hold = HOLD_INIT, .releases_at = 10};
		pthread_t threads[3];

		group_begin(&progress, 2, SOON);
		for (int i = 0; i < 4; i++)
			eg_group_go(&progress.group, task_hold, &progress.hold);
		for (int i = 0; i < 3; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, wait_as_others, &progress), 0);
		for (int i = 0; i < 3; i++)
			pthread_join(threads[i], NULL);
		assert_true(progress.calls >= 11);
		assert_int_equal(progress.last.done, 4);
		eg_group_destroy(&progress.group);
	}
}

/* The waiter may be made to return to its callers by a signal at most, and never to run a task. */
static int task_is_elsewhere(eg_ctx *ctx, void *arg)
{
	const pid_t *waiter = arg;

	(void)ctx;
	CHECK(thread_id() != *waiter);
	return 0;
}

static void the_waiter_runs_no_tasks(void **state)
{
	struct progress progress = {.hold = HOLD_INIT};
	pid_t self = thread_id();

	(void)state;
	group_begin(&progress, 2, NEVER);
	for (int i = 0; i < 1000; i++)
		eg_group_go(&progress.group, task_is_elsewhere, &self);
	assert_int_equal(eg_group_wait(&progress.group), 0);
	eg_group_destroy(&progress.group);
}

/*
 * What the function may do
 */

static void use_group(const struct eg_stats *stats, void *arg)
{
	struct progress *progress = arg;
	struct eg_stats now = EG_STATS_INIT;

	CHECK(eg_group_stats(&progress->group, &now) == 0);
	CHECK(now.accepted >= stats->accepted);
	CHECK(eg_group_wait(&progress->group) == EG_EINSIDE);
	CHECK(eg_group_wait_until(&progress->group, 0) == EG_EINSIDE);
	CHECK(eg_group_destroy(&progress->group) == EG_EINSIDE);
	CHECK(eg_task_slot() == -1);
	if (++progress->calls == 1)
		CHECK(eg_group_cancel(&progress->group, NULL) == 0);
}

static int task_until_cancelled(eg_ctx *ctx, void *arg)
{
	(void)arg;
	ctx_await_cancel(ctx);
	return 0;
}

static void it_may_cancel_the_group_but_not_wait_for_it(void **state)
{
	struct progress progress = {.hold = HOLD_INIT};

	(void)state;
	assert_int_equal(
	    eg_group_init(&progress.group, NULL,
			  EG_GROUP_OPTIONS(.limit = 1, .progress = use_group, .progress_arg = &progress,
					   .progress_every_ns = SOON)),
	    0);
	eg_group_go(&progress.group, task_until_cancelled, NULL);
	assert_int_equal(eg_group_wait(&progress.group), 0);
	assert_true(progress.calls >= 2);
	eg_group_destroy(&progress.group);
}

static int task_waits_with_progress(eg_ctx *ctx, void *arg)
{
	struct progress *progress = arg;

	(void)ctx;
	for (int i = 0; i < 3; i++)
		CHECK(eg_group_go(&progress->group, task_hold, &progress->hold) == 0);
	return eg_group_wait(&progress->group);
}

static void a_task_may_wait_so(void **state)
{
	struct progress progress = {.hold = HOLD_INIT, .releases_at = 2};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	group_begin(&progress, 2, SOON);
	assert_int_equal(eg_group_set_limit(&group, 1), 0);
	eg_group_go(&group, task_waits_with_progress, &progress);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_true(progress.calls >= 3);
	eg_group_destroy(&progress.group);
	eg_group_destroy(&group);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(it_is_told_while_tasks_are_unfinished_and_once_in_the_end),
	    TEST(a_long_time_between_calls_leaves_the_one_in_the_end),
	    TEST(options_with_a_negative_time_are_refused),
	    TEST(waits_with_a_deadline_tell_it_too),
	    TEST(of_several_waiters_one_tells_it_at_a_time),
	    TEST(the_waiter_runs_no_tasks),
	    TEST(it_may_cancel_the_group_but_not_wait_for_it),
	    TEST(a_task_may_wait_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
