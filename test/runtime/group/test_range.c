/* SPDX-License-Identifier: MIT */
/*
 * Ranges are tasks: their errors, panics, skipping, counts, the limit, the backlog, and every end of the group, are those of
 * tasks submitted one by one.
 */

#include "support.h"

#include <sys/wait.h>

#define MANY ((size_t)1 << 56) /* the most that may wait */

static void group_begin(eg_group *group, int limit, int backlog, unsigned flags)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;

	options.limit = limit;
	options.backlog = backlog;
	options.collect = 10;
	options.flags = flags;
	assert_int_equal(eg_group_init(group, NULL, &options), 0);
}

static int each_count(eg_ctx *ctx, void *count, size_t index)
{
	(void)index;
	return task_count(ctx, count);
}

static int piece_count(eg_ctx *ctx, void *count, size_t begin, size_t end)
{
	(void)ctx;
	atomic_fetch_add((atomic_long *)count, (long)(end - begin));
	return 0;
}

/* What the calls of a range have done, and what is to go wrong in one of them. */
struct fate {
	size_t index;
	int (*ends)(void);
	atomic_long called;
};

static int each_meets_fate(eg_ctx *ctx, void *arg, size_t index)
{
	struct fate *fate = arg;

	(void)ctx;
	atomic_fetch_add(&fate->called, 1);
	return index == fate->index ? fate->ends() : 0;
}

static int piece_meets_fate(eg_ctx *ctx, void *arg, size_t begin, size_t end)
{
	struct fate *fate = arg;

	(void)ctx;
	atomic_fetch_add(&fate->called, (long)(end - begin));
	return begin <= fate->index && fate->index < end ? fate->ends() : 0;
}

static int end_by_error(void)
{
	return eg_fail(-EIO, "no luck");
}

static int end_by_panic(void)
{
	eg_panic("no luck");
}

static int end_the_thread(void)
{
	pthread_exit(NULL);
}

static void panics(void *arg)
{
	eg_panic("no luck with %p", arg);
}

static int end_by_deferred_panic(void)
{
	CHECK(eg_defer(panics, NULL) == 0);
	return 0;
}

static void expect_numbers(eg_group *group, uint64_t accepted, uint64_t failed, uint64_t skipped)
{
	struct eg_stats stats = EG_STATS_INIT;

	assert_int_equal(eg_group_stats(group, &stats), 0);
	assert_int_equal(stats.accepted, accepted);
	assert_int_equal(stats.done, accepted);
	assert_int_equal(stats.failed, failed);
	assert_int_equal(stats.skipped, skipped);
	assert_int_equal(stats.pending + stats.running, 0);
}

/* One call of a thousand goes wrong; all others are made. */
static void expect_fate(int (*ends)(void), unsigned flags, int code, enum eg_error_kind kind)
{
	static const size_t grains[] = {1, 7, 1000, 0}; /* the first for calls one by one */

	for (size_t i = 0; i < 4; i++)
		for (int limit = 1; limit <= 2; limit++) {
			size_t grain = grains[i];
			struct fate fate = {707, ends, 0};
			eg_error *error;
			eg_group group;

			group_begin(&group, limit, 0, flags);
			if (i == 0)
				assert_int_equal(eg_group_go_each(&group, 1000, each_meets_fate, &fate), 0);
			else
				assert_int_equal(
				    eg_group_go_pieces(&group, 1000, grain, piece_meets_fate, &fate), 0);
			assert_int_equal(eg_group_wait(&group), code);
			assert_int_equal(atomic_load(&fate.called), 1000);
			error = eg_group_error(&group);
			assert_int_equal(eg_error_kind(error), kind);
			if (grain > 0)
				assert_int_equal(eg_error_task_index(error), 707 / grain * grain);
			else
				assert_in_range(eg_error_task_index(error), 0, 707);
			assert_string_equal(eg_error_site(error)->function, __func__);
			expect_numbers(&group, 1000, 1, 0);
			eg_group_destroy(&group);
		}
}

static void an_error_has_the_index_and_the_rest_runs(void **state)
{
	(void)state;
	expect_fate(end_by_error, 0, -EIO, EG_ERROR_RETURNED);
}

static void a_panic_in_the_middle_is_an_error_and_the_rest_runs(void **state)
{
	(void)state;
	expect_fate(end_by_panic, 0, EG_EPANIC, EG_ERROR_PANIC);
	expect_fate(end_by_deferred_panic, 0, EG_EPANIC, EG_ERROR_PANIC);
}

static void a_call_that_ends_its_thread_is_an_error_and_the_rest_runs(void **state)
{
	(void)state;
	expect_fate(end_the_thread, EG_GROUP_NO_HELP, EG_EEXITED, EG_ERROR_EXITED);
}

static int each_fails(eg_ctx *ctx, void *arg, size_t index)
{
	(void)ctx;
	(void)arg;
	return index % 10 == 3 ? -(int)(index % 100) - 1 : 0;
}

static void errors_beyond_those_kept_are_counted(void **state)
{
	eg_error *errors[20];
	eg_group group;

	(void)state;
	group_begin(&group, 1, 0, 0);
	assert_int_equal(eg_group_go_each(&group, 10000, each_fails, NULL), 0);
	assert_int_equal(eg_group_wait(&group), -4);
	assert_int_equal(eg_group_error_count(&group), 1000);
	assert_int_equal(eg_group_errors(&group, 20, errors), 10);
	for (int i = 0; i < 10; i++)
		assert_int_equal(eg_error_task_index(errors[i]), 10 * i + 3);
	eg_group_destroy(&group);
}

/*
 * Skipping
 */

struct skipping {
	eg_group *group;
	size_t at;
	atomic_long started, cancelled, over, late;
};

static int cancel_at(struct skipping *skipping, size_t begin, size_t end)
{
	atomic_fetch_add(&skipping->started, (long)(end - begin));
	/* Another worker's call may have begun before the end, and be here after it. */
	if (atomic_load(&skipping->over))
		atomic_fetch_add(&skipping->late, 1);
	if (begin <= skipping->at && skipping->at < end) {
		int err = eg_group_cancel(skipping->group, NULL);

		/* Each range has such an index, and two workers may be at both of them. */
		CHECK(err == 0 || err == -EALREADY);
		atomic_fetch_add(&skipping->cancelled, err == 0);
		atomic_store(&skipping->over, 1);
	}
	return 0;
}

static int each_cancels(eg_ctx *ctx, void *skipping, size_t index)
{
	(void)ctx;
	return cancel_at(skipping, index, index + 1);
}

static int piece_cancels(eg_ctx *ctx, void *skipping, size_t begin, size_t end)
{
	(void)ctx;
	return cancel_at(skipping, begin, end);
}

static int submit_for_skipping(struct skipping *skipping, long way, size_t count)
{
	if (way == 0)
		return eg_group_go_each(skipping->group, count, each_cancels, skipping);
	return eg_group_go_pieces(skipping->group, count, way == 1 ? 0 : 7, piece_cancels, skipping);
}

static void no_index_starts_after_the_end_and_each_is_counted(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 300); i++) {
		size_t count = i % 5 == 4 ? MANY / 2 : 20000;
		struct skipping skipping = {.at = (size_t)(i * 13 % 1500)};
		int limit = 1 + (int)(i % 2);
		eg_group group;

		group_begin(&group, limit, 0, EG_GROUP_SKIP_UNSTARTED);
		skipping.group = &group;
		assert_int_equal(submit_for_skipping(&skipping, i % 3, count), 0);
		assert_int_equal(submit_for_skipping(&skipping, (i + 1) % 3, 1000), 0);
		assert_int_equal(eg_group_wait(&group), -ECANCELED);
		/* One call of each other worker may have been about to begin. */
		assert_in_range(atomic_load(&skipping.late), 0, limit - 1);
		assert_int_equal(atomic_load(&skipping.cancelled), 1);
		expect_numbers(&group, count + 1000, 0,
			       count + 1000 - (uint64_t)atomic_load(&skipping.started));
		assert_int_equal(eg_group_error_count(&group),
				 count + 1000 - (size_t)atomic_load(&skipping.started));
		assert_int_equal(eg_error_kind(eg_group_error(&group)), EG_ERROR_SKIPPED);
		eg_group_destroy(&group);
	}
}

static void skipped_indices_are_reported_in_order_as_far_as_errors_are_kept(void **state)
{
	struct skipping skipping = {.at = 99};
	eg_error *errors[10];
	eg_group group;

	(void)state;
	group_begin(&group, 1, 0, EG_GROUP_SKIP_UNSTARTED);
	skipping.group = &group;
	assert_int_equal(submit_for_skipping(&skipping, 0, 103), 0);
	assert_int_equal(submit_for_skipping(&skipping, 0, 1000), 0);
	assert_int_equal(eg_group_wait(&group), -ECANCELED);
	assert_int_equal(eg_group_errors(&group, 10, errors), 10);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(eg_error_task_index(errors[i]), i < 3 ? 100 + i : i - 3);
		assert_int_equal(eg_error_worker_slot(errors[i]), -1);
	}
	assert_int_equal(eg_group_error_count(&group), 1003);
	eg_group_destroy(&group);
}

static void a_group_is_destroyed_with_ranges_that_have_no_end(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 100); i++) {
		eg_group group = EG_GROUP_INIT;
		atomic_long called = 0;

		assert_int_equal(eg_group_set_limit(&group, 1 + (int)(i % 3)), 0);
		assert_int_equal(eg_group_go_each(&group, MANY / 4, each_count, &called), 0);
		assert_int_equal(eg_group_go_pieces(&group, MANY / 4, 0, piece_count, &called), 0);
		assert_int_equal(eg_group_go_pieces(&group, MANY / 4, 1000, piece_count, &called), 0);
		if (i % 2)
			while (atomic_load(&called) == 0)
				sched_yield();
		assert_int_equal(eg_group_destroy(&group), 0);
	}
}

/*
 * Limit and backlog
 */

struct limited {
	eg_group *group;
	struct gauge gauge;
	atomic_long called;
};

static int each_changes_the_limit(eg_ctx *ctx, void *arg, size_t index)
{
	struct limited *limited = arg;

	(void)ctx;
	gauge_enter(&limited->gauge);
	if (index % 50 == 0)
		CHECK(eg_group_set_limit(limited->group, 1 + (int)(index / 50 % 4)) == 0);
	atomic_fetch_add(&limited->called, 1);
	gauge_leave(&limited->gauge);
	return 0;
}

static void the_limit_changes_while_a_range_runs(void **state)
{
	struct limited limited = {0};
	eg_group group;

	(void)state;
	group_begin(&group, 4, 0, 0);
	limited.group = &group;
	assert_int_equal(eg_group_go_each(&group, (size_t)scaled(20000), each_changes_the_limit, &limited),
			 0);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&limited.called), scaled(20000));
	assert_in_range(atomic_load(&limited.gauge.most), 1, 4);
	eg_group_destroy(&group);
}

static int each_holds(eg_ctx *ctx, void *hold, size_t index)
{
	(void)index;
	return task_hold(ctx, hold);
}

static void *submit_one_task(void *arg)
{
	CHECK(eg_group_go(arg, task_nothing, NULL) == 0);
	return NULL;
}

static void a_range_is_accepted_whole_and_then_fills_the_backlog(void **state)
{
	struct hold hold = HOLD_INIT;
	struct eg_stats stats = EG_STATS_INIT;
	pthread_t thread;
	eg_group group;

	(void)state;
	group_begin(&group, 1, 2, 0);
	assert_int_equal(eg_group_go_each(&group, 10, each_holds, &hold), 0);
	tally_await(&hold.started, 1);
	assert_int_equal(pthread_create(&thread, NULL, submit_one_task, &group), 0);
	for (int i = 0; i < 100; i++)
		sched_yield();
	assert_int_equal(eg_group_stats(&group, &stats), 0);
	assert_int_equal(stats.accepted, 10);
	tally_add(&hold.release, 1);
	pthread_join(thread, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	expect_numbers(&group, 11, 0, 0);
	eg_group_destroy(&group);
}

static int each_submits(eg_ctx *ctx, void *arg, size_t index)
{
	struct limited *limited = arg;

	(void)ctx;
	(void)index;
	return eg_group_go_each(limited->group, 5, each_count, &limited->called);
}

static void inside_a_task_a_range_goes_beyond_the_backlog(void **state)
{
	static const int backlogs[] = {1, EG_BACKLOG_NONE};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct limited limited = {0};
		eg_group group;

		group_begin(&group, 1, backlogs[i], 0);
		limited.group = &group;
		assert_int_equal(eg_group_go_each(&group, 20, each_submits, &limited), 0);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(atomic_load(&limited.called), 100);
		eg_group_destroy(&group);
	}
}

/*
 * Use and misuse
 */

static void a_group_has_ranges_in_every_round(void **state)
{
	atomic_long called = 0;
	eg_group group;

	(void)state;
	group_begin(&group, 2, 0, 0);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(eg_group_go_each(&group, 100, each_count, &called), 0);
		assert_int_equal(eg_group_wait(&group), 0);
		if (i % 3 == 0) {
			assert_int_equal(eg_group_reset(&group), 0);
			expect_numbers(&group, 0, 0, 0);
		}
		assert_int_equal(eg_group_go_pieces(&group, 100, i % 2 ? 0 : 9, piece_count, &called), 0);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(atomic_load(&called), (i + 1) * 200);
	}
	eg_group_destroy(&group);
}

/* What a single task's error says of its place is not changed by the ranges beside it. */
static void tasks_beside_ranges_are_numbered_by_themselves(void **state)
{
	atomic_long called = 0;
	eg_group group;

	(void)state;
	group_begin(&group, 1, 0, 0);
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_go_each(&group, 100, each_count, &called), 0);
	eg_group_go(&group, task_return, CODE(-7));
	assert_int_equal(eg_group_wait(&group), -7);
	assert_int_equal(eg_error_task_index(eg_group_error(&group)), 1);
	eg_group_destroy(&group);
}

static void what_is_refused_changes_nothing(void **state)
{
	atomic_long called = 0;
	eg_group group;

	(void)state;
	group_begin(&group, 1, 0, EG_GROUP_SKIP_UNSTARTED | EG_GROUP_NO_HELP);
	assert_int_equal(eg_group_go_each(NULL, 1, each_count, &called), -EINVAL);
	assert_int_equal(eg_group_go_each(&group, 1, NULL, &called), -EINVAL);
	assert_int_equal(eg_group_go_pieces(NULL, 1, 0, piece_count, &called), -EINVAL);
	assert_int_equal(eg_group_go_pieces(&group, 1, 0, NULL, &called), -EINVAL);
	assert_int_equal(eg_group_go_each(&group, MANY + 1, each_count, &called), -EOVERFLOW);
	assert_int_equal(eg_group_go_each(&group, SIZE_MAX, each_count, &called), -EOVERFLOW);
	assert_int_equal(eg_group_go_pieces(&group, SIZE_MAX, SIZE_MAX, piece_count, &called), -EOVERFLOW);
	assert_int_equal(eg_group_go_each(&group, 0, each_count, &called), 0);
	assert_int_equal(eg_group_go_pieces(&group, 0, 5, piece_count, &called), 0);
	assert_int_equal(eg_group_wait(&group), 0);
	expect_numbers(&group, 0, 0, 0);
	assert_int_equal(atomic_load(&called), 0);
	eg_group_destroy(&group);
}

static int each_forks(eg_ctx *ctx, void *arg, size_t index)
{
	pid_t child;
	int status;

	(void)ctx;
	if (index != 5)
		return 0;
	child = fork();
	/* In the child the group is dead: the task returns to where nothing of it is touched. */
	if (child == 0)
		_exit(eg_group_go_each(arg, 1, each_count, NULL) == EG_EFORKED ? 0 : 1);
	CHECK(child > 0 && waitpid(child, &status, 0) == child && status == 0);
	return 0;
}

static void a_call_may_fork(void **state)
{
	eg_group group;

	(void)state;
	if (is_emulated())
		skip();
	group_begin(&group, 1, 0, 0);
	assert_int_equal(eg_group_go_each(&group, 10, each_forks, &group), 0);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

/* With limit 1 no other thread's slot is made meanwhile. */
static void a_range_takes_no_memory(void **state)
{
	atomic_long called = 0;
	size_t before = 1, after = 0;
	eg_group group;

	(void)state;
	group_begin(&group, 1, 0, 0);
	/* Threads that end elsewhere give memory back. */
	for (long i = 0; before != after && goes_on(i, 100); i++) {
		before = heap_in_use();
		assert_int_equal(eg_group_go_each(&group, 1000, each_count, &called), 0);
		after = heap_in_use();
		assert_int_equal(eg_group_wait(&group), 0);
	}
	assert_int_equal(before, after);
	eg_group_destroy(&group);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(an_error_has_the_index_and_the_rest_runs),
	    TEST(a_panic_in_the_middle_is_an_error_and_the_rest_runs),
	    TEST(a_call_that_ends_its_thread_is_an_error_and_the_rest_runs),
	    TEST(errors_beyond_those_kept_are_counted),
	    TEST(no_index_starts_after_the_end_and_each_is_counted),
	    TEST(skipped_indices_are_reported_in_order_as_far_as_errors_are_kept),
	    TEST(a_group_is_destroyed_with_ranges_that_have_no_end),
	    TEST(the_limit_changes_while_a_range_runs),
	    TEST(a_range_is_accepted_whole_and_then_fills_the_backlog),
	    TEST(inside_a_task_a_range_goes_beyond_the_backlog),
	    TEST(a_group_has_ranges_in_every_round),
	    TEST(tasks_beside_ranges_are_numbered_by_themselves),
	    TEST(what_is_refused_changes_nothing),
	    TEST(a_call_may_fork),
	    TEST(a_range_takes_no_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
