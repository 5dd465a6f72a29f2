/* SPDX-License-Identifier: MIT */
/*
 * Groups inside tasks of other groups: no starvation under any limit, no mixing up of tasks, errors and
 * contexts, and a wait that could never end is refused.
 */

#include "support.h"

/*
 * A tree of groups: every task makes a group of its own, fills it and waits for it.
 */

struct level {
	atomic_long *leaves;
	int depth;
	int fan;
	int limit;
};

static int task_level(eg_ctx *ctx, void *arg)
{
	const struct level *level = arg;
	struct level below = {level->leaves, level->depth - 1, level->fan, level->limit};
	eg_group group;
	int code;

	if (level->depth == 0) {
		atomic_fetch_add(level->leaves, 1);
		return 0;
	}
	if (eg_group_init(&group, ctx, NULL))
		return -ENOMEM;
	eg_group_set_limit(&group, level->limit);
	for (int i = 0; i < level->fan; i++)
		CHECK(eg_group_go(&group, task_level, &below) == 0);
	code = eg_group_wait(&group);
	CHECK(eg_group_destroy(&group) == 0);
	return code;
}

static void run_levels(int depth, int fan, int limit, long leaves_expected)
{
	atomic_long leaves = 0;
	struct level top = {&leaves, depth, fan, limit};
	eg_group group = EG_GROUP_INIT;

	eg_group_set_limit(&group, limit);
	eg_group_go(&group, task_level, &top);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&leaves), leaves_expected);
	eg_group_destroy(&group);
}

static void groups_of_groups_never_starve_at_any_limit(void **state)
{
	static const int limits[] = {1, 2, 8, EG_LIMIT_NONE};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		run_levels(4, 4, limits[i], 256);
		run_levels(3, 10, limits[i], 1000);
		run_levels(10, 2, limits[i], 1024);
	}
}

static void a_thousand_groups_deep_is_no_problem(void **state)
{
	(void)state;
	run_levels(1000, 1, 1, 1);
	run_levels(1000, 1, EG_LIMIT_NONE, 1);
}

/* Many tasks of a small outer group wait for inner groups at once: each inner group has its own places. */
static void waiting_for_inner_groups_uses_up_no_places_that_they_need(void **state)
{
	(void)state;
	for (int limit = 1; limit <= 2; limit++) {
		atomic_long leaves = 0;
		struct level inner = {&leaves, 1, 10, limit};
		eg_group group = EG_GROUP_INIT;

		eg_group_set_limit(&group, limit);
		for (int i = 0; i < 1000; i++)
			eg_group_go(&group, task_level, &inner);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(atomic_load(&leaves), 10000);
		eg_group_destroy(&group);
	}
}

/*
 * Helping is with that group's tasks only. The outer group, with limit 1, has one task that waits for an
 * inner group; were the waiting thread to run the outer group's next task meanwhile, that one would wait for
 * ever, for it needs the first to end.
 */

struct strict {
	eg_group *outer;
	struct gauge gauge; /* of outer tasks */
	struct tally first_done;
	struct tally inner_ran;
};

static int task_strict_inner(eg_ctx *ctx, void *arg)
{
	struct strict *strict = arg;

	(void)ctx;
	CHECK(atomic_load(&strict->gauge.now) == 1);
	tally_add(&strict->inner_ran, 1);
	return 0;
}

static int task_strict_second(eg_ctx *ctx, void *arg)
{
	struct strict *strict = arg;

	(void)ctx;
	gauge_enter(&strict->gauge);
	tally_await(&strict->first_done, 1);
	gauge_leave(&strict->gauge);
	return 0;
}

static int task_strict_first(eg_ctx *ctx, void *arg)
{
	struct strict *strict = arg;
	eg_group inner = EG_GROUP_INIT;

	(void)ctx;
	gauge_enter(&strict->gauge);
	for (int i = 0; i < 100; i++)
		CHECK(eg_group_go(strict->outer, task_strict_second, strict) == 0);
	for (int i = 0; i < 1000; i++)
		CHECK(eg_group_go(&inner, task_strict_inner, strict) == 0);
	CHECK(eg_group_wait(&inner) == 0);
	CHECK(eg_group_destroy(&inner) == 0);
	gauge_leave(&strict->gauge);
	tally_add(&strict->first_done, 1);
	return 0;
}

static void helping_runs_tasks_of_the_awaited_group_only(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 50); round++) {
		eg_group outer = EG_GROUP_INIT;
		struct strict strict = {&outer, {0}, TALLY_INIT, TALLY_INIT};

		eg_group_set_limit(&outer, 1);
		eg_group_go(&outer, task_strict_first, &strict);
		assert_int_equal(eg_group_wait(&outer), 0);
		assert_int_equal(atomic_load(&strict.gauge.most), 1);
		assert_int_equal(tally_value(&strict.inner_ran), 1000);
		eg_group_destroy(&outer);
	}
}

/*
 * What belongs to the outer task survives the inner tasks that run on top of it
 */

static void note_call(void *arg)
{
	atomic_fetch_add((atomic_int *)arg, 1);
}

struct layered {
	atomic_int outer_calls;
	atomic_int inner_calls;
};

static int task_layered_inner(eg_ctx *ctx, void *arg)
{
	struct layered *layered = arg;

	(void)ctx;
	CHECK(eg_defer(note_call, &layered->inner_calls) == 0);
	(void)eg_fail(-EIO, "inner words");
	if (atomic_load(&layered->inner_calls) % 2)
		eg_panic("inner panic");
	return 0;
}

static int task_layered_outer(eg_ctx *ctx, void *arg)
{
	struct layered *layered = arg;
	eg_group inner = EG_GROUP_INIT;
	int code;

	(void)ctx;
	CHECK(eg_defer(note_call, &layered->outer_calls) == 0);
	code = eg_fail(-EIO, "outer words");
	eg_group_set_limit(&inner, 2);
	for (int i = 0; i < 100; i++)
		eg_group_go(&inner, task_layered_inner, layered);
	CHECK(eg_group_wait(&inner) == EG_EPANIC);
	CHECK(eg_error_kind(eg_group_error(&inner)) == EG_ERROR_PANIC);
	CHECK(eg_group_destroy(&inner) == 0);
	CHECK(atomic_load(&layered->inner_calls) == 100);
	CHECK(atomic_load(&layered->outer_calls) == 0);
	return code;
}

static void an_outer_tasks_defers_and_words_survive_inner_panics_on_its_thread(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 100); round++) {
		eg_group group = EG_GROUP_INIT;
		struct layered layered = {0};

		eg_group_set_limit(&group, 1);
		eg_group_go(&group, task_layered_outer, &layered);
		assert_int_equal(eg_group_wait(&group), -EIO);
		assert_string_equal(eg_error_message(eg_group_error(&group)), "outer words");
		assert_int_equal(eg_error_kind(eg_group_error(&group)), EG_ERROR_RETURNED);
		assert_int_equal(atomic_load(&layered.outer_calls), 1);
		assert_int_equal(eg_group_error_count(&group), 1);
		eg_group_destroy(&group);
	}
}

static int task_panic_after_inner(eg_ctx *ctx, void *arg)
{
	struct level inner = {arg, 1, 20, 2};

	CHECK(task_level(ctx, &inner) == 0);
	eg_panic("after the inner group");
}

static void a_panic_after_an_inner_wait_ends_the_right_task(void **state)
{
	atomic_long leaves = 0;
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_set_limit(&group, 2);
	for (int i = 0; i < 100; i++)
		eg_group_go(&group, task_panic_after_inner, &leaves);
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);
	assert_int_equal(eg_group_error_count(&group), 100);
	assert_int_equal(atomic_load(&leaves), 2000);
	eg_group_destroy(&group);
}

static int task_inner_failure(eg_ctx *ctx, void *arg)
{
	eg_group inner;
	int code;

	(void)arg;
	if (eg_group_init(&inner, ctx, NULL))
		return -ENOMEM;
	eg_group_go(&inner, task_return, CODE(-EPIPE));
	code = eg_group_wait(&inner);
	CHECK(code == -EPIPE);
	CHECK(eg_ctx_err(ctx) == 0); /* an inner failure is the outer task's to pass on */
	eg_group_destroy(&inner);
	return code;
}

static void errors_go_up_only_when_tasks_pass_them_on_and_cancellation_goes_down(void **state)
{
	eg_group group;

	(void)state;
	assert_int_equal(eg_group_init(&group, NULL, NULL), 0);
	eg_group_set_limit(&group, 1);
	eg_group_go(&group, task_inner_failure, NULL);
	assert_int_equal(eg_group_wait(&group), -EPIPE);
	eg_group_destroy(&group);
}

/*
 * Waiting for oneself
 */

static int task_wait_for_own_group(eg_ctx *ctx, void *arg)
{
	eg_group *group = arg;

	(void)ctx;
	CHECK(eg_group_wait(group) == EG_EINSIDE);
	CHECK(eg_group_wait_until(group, INT64_MAX) == EG_EINSIDE);
	CHECK(eg_group_destroy(group) == EG_EINSIDE);
	return 0;
}

static void waiting_for_the_own_group_is_refused_and_harmless(void **state)
{
	static const int limits[] = {1, 2, EG_LIMIT_NONE};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		eg_group group = EG_GROUP_INIT;
		atomic_long ran = 0;

		eg_group_set_limit(&group, limits[i]);
		for (int k = 0; k < 10; k++) {
			eg_group_go(&group, task_wait_for_own_group, &group);
			eg_group_go(&group, task_count, &ran);
		}
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(atomic_load(&ran), 10);
		eg_group_destroy(&group);
	}
}

/*
 * The outer task waits for an inner group and runs one of its tasks itself. That task, on top of the outer
 * one on the same stack, is inside the outer group too: waiting for it could never end. A task that finds
 * itself on another thread passes the question on.
 */

struct stacked {
	eg_group *outer;
	eg_group *inner;
	pthread_t outer_thread;
	struct tally passes;
	int asked;
};

static int task_stacked_inner(eg_ctx *ctx, void *arg)
{
	struct stacked *stacked = arg;

	(void)ctx;
	if (pthread_equal(pthread_self(), stacked->outer_thread)) {
		CHECK(eg_group_wait(stacked->inner) == EG_EINSIDE);
		CHECK(eg_group_wait(stacked->outer) == EG_EINSIDE);
		CHECK(eg_group_destroy(stacked->outer) == EG_EINSIDE);
		stacked->asked++;
	} else if (tally_value(&stacked->passes) < 100000) {
		tally_add(&stacked->passes, 1);
		CHECK(eg_group_go(stacked->inner, task_stacked_inner, stacked) == 0);
	}
	return 0;
}

static int task_stacked_outer(eg_ctx *ctx, void *arg)
{
	struct stacked *stacked = arg;
	eg_group inner = EG_GROUP_INIT;

	(void)ctx;
	stacked->inner = &inner;
	stacked->outer_thread = pthread_self();
	eg_group_set_limit(&inner, 1);
	eg_group_go(&inner, task_stacked_inner, stacked);
	CHECK(eg_group_wait(&inner) == 0);
	CHECK(eg_group_destroy(&inner) == 0);
	return 0;
}

static void waiting_for_an_outer_group_from_a_task_run_while_helping_is_refused(void **state)
{
	eg_group outer = EG_GROUP_INIT;
	struct stacked stacked = {.outer = &outer, .passes = TALLY_INIT};

	(void)state;
	for (long round = 0; goes_on(round, 100); round++) {
		eg_group_go(&outer, task_stacked_outer, &stacked);
		assert_int_equal(eg_group_wait(&outer), 0);
	}
	eg_group_destroy(&outer);
	if (!stacked.asked)
		skip(); /* the waiting thread never came to run an inner task */
}

/* A group made outside may be waited for inside, and a task of one group may submit to another. */
struct two_groups {
	eg_group *other;
	atomic_long *ran;
};

static int task_into_other(eg_ctx *ctx, void *arg)
{
	struct two_groups *two = arg;

	(void)ctx;
	for (int i = 0; i < 10; i++)
		CHECK(eg_group_go(two->other, task_count, two->ran) == 0);
	CHECK(eg_group_wait(two->other) == 0);
	return 0;
}

static void tasks_of_one_group_may_fill_and_await_another_all_at_once(void **state)
{
	eg_group one = EG_GROUP_INIT, other = EG_GROUP_INIT;
	atomic_long ran = 0;
	struct two_groups two = {&other, &ran};

	(void)state;
	eg_group_set_limit(&one, 4);
	eg_group_set_limit(&other, 1);
	for (long i = 0; i < scaled(1000); i++)
		eg_group_go(&one, task_into_other, &two);
	assert_int_equal(eg_group_wait(&one), 0);
	assert_int_equal(eg_group_wait(&other), 0);
	assert_int_equal(atomic_load(&ran), 10 * scaled(1000));
	eg_group_destroy(&one);
	eg_group_destroy(&other);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(groups_of_groups_never_starve_at_any_limit),
	    TEST(a_thousand_groups_deep_is_no_problem),
	    TEST(waiting_for_inner_groups_uses_up_no_places_that_they_need),
	    TEST(helping_runs_tasks_of_the_awaited_group_only),
	    TEST(an_outer_tasks_defers_and_words_survive_inner_panics_on_its_thread),
	    TEST(a_panic_after_an_inner_wait_ends_the_right_task),
	    TEST(errors_go_up_only_when_tasks_pass_them_on_and_cancellation_goes_down),
	    TEST(waiting_for_the_own_group_is_refused_and_harmless),
	    TEST(waiting_for_an_outer_group_from_a_task_run_while_helping_is_refused),
	    TEST(tasks_of_one_group_may_fill_and_await_another_all_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
