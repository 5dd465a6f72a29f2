/* SPDX-License-Identifier: MIT */
/*
 * Waiting and the end of a group: several waiters, time limits, rounds, reset, destroy, and memory that is
 * given back the instant wait returns.
 */

#include "support.h"

static void wait_without_tasks_returns_0_at_once(void **state)
{
	eg_group zero = EG_GROUP_INIT, group;

	(void)state;
	assert_int_equal(eg_group_wait(&zero), 0);
	assert_int_equal(eg_group_wait(&zero), 0);
	assert_int_equal(eg_group_wait_until(&zero, INT64_MIN), 0);
	assert_int_equal(eg_group_destroy(&zero), 0);
	assert_int_equal(eg_group_init(&group, NULL, NULL), 0);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(eg_group_destroy(&group), 0);
}

static void wait_does_not_return_before_the_last_task_ended(void **state)
{
	static const int limits[] = {1, 2, EG_LIMIT_NONE};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		eg_group group = EG_GROUP_INIT;
		struct hold hold = HOLD_INIT;
		struct waiter waiter = WAITER_INIT(&group);
		pthread_t thread;

		eg_group_set_limit(&group, limits[i]);
		eg_group_go(&group, task_hold, &hold);
		tally_await(&hold.started, 1);
		assert_int_equal(pthread_create(&thread, NULL, waiter_main, &waiter), 0);
		assert_true(thread_blocks(&waiter.thread, &waiter.returned));
		tally_add(&hold.release, 1);
		pthread_join(thread, NULL);
		assert_int_equal(waiter.code, 0);
		eg_group_destroy(&group);
	}
}

struct slow_failure {
	struct hold hold;
	int code;
};

static int task_fail_when_released(eg_ctx *ctx, void *arg)
{
	struct slow_failure *failure = arg;

	(void)task_hold(ctx, &failure->hold);
	return failure->code;
}

static void many_threads_may_wait_at_once_and_get_the_same_result(void **state)
{
	enum { WAITERS = 8 };

	(void)state;
	for (long round = 0; goes_on(round, 200); round++) {
		eg_group group = EG_GROUP_INIT;
		struct slow_failure failure = {HOLD_INIT, -EIO};
		struct waiter waiters[WAITERS];
		pthread_t threads[WAITERS];
		atomic_long ran = 0;

		eg_group_set_limit(&group, 2);
		eg_group_go(&group, task_fail_when_released, &failure);
		for (int i = 0; i < 1000; i++)
			eg_group_go(&group, task_count, &ran);
		for (int i = 0; i < WAITERS; i++) {
			waiters[i] = (struct waiter)WAITER_INIT(&group);
			assert_int_equal(pthread_create(&threads[i], NULL, waiter_main, &waiters[i]), 0);
		}
		tally_add(&failure.hold.release, 1);
		for (int i = 0; i < WAITERS; i++) {
			pthread_join(threads[i], NULL);
			assert_int_equal(waiters[i].code, -EIO);
		}
		assert_int_equal(atomic_load(&ran), 1000);
		eg_group_destroy(&group);
	}
}

/*
 * Another thread sleeps in its wait, or in a task that it runs there, when this one's wait is about to return; and the
 * group's memory is another object's at once. Either has made the group.
 */
struct leaving {
	struct waiter waiter;
	struct slow_failure failure;
	unsigned flags;
	struct tally made;
};

static void leaving_make(struct leaving *leaving)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;

	options.limit = 2;
	options.flags = leaving->flags;
	CHECK(eg_group_init(leaving->waiter.group, NULL, &options) == 0);
	eg_group_go(leaving->waiter.group, task_fail_when_released, &leaving->failure);
	tally_add(&leaving->made, 1);
}

static void *leaving_main(void *arg)
{
	struct leaving *leaving = arg;

	if (tally_value(&leaving->made) == 0)
		leaving_make(leaving);
	return waiter_main(&leaving->waiter);
}

static void a_group_may_be_freed_while_another_threads_wait_returns(void **state)
{
	static const unsigned flags[] = {0, EG_GROUP_NO_HELP, EG_GROUP_NO_CANCEL,
					 EG_GROUP_NO_HELP | EG_GROUP_NO_CANCEL};

	(void)state;
	for (long round = 0; goes_on(round, 400); round++) {
		eg_group *group = malloc(sizeof(*group));
		struct leaving leaving = {
		    WAITER_INIT(group), {HOLD_INIT, round & 8 ? -EIO : 0}, flags[round & 3], TALLY_INIT};
		pthread_t thread;

		assert_non_null(group);
		if (round & 4)
			leaving_make(&leaving);
		assert_int_equal(pthread_create(&thread, NULL, leaving_main, &leaving), 0);
		tally_await(&leaving.made, 1);
		assert_true(thread_blocks(&leaving.waiter.thread, &leaving.waiter.returned));
		tally_add(&leaving.failure.hold.release, 1);
		assert_int_equal(eg_group_wait(group), leaving.failure.code);
		eg_group_destroy(group);
		memset(group, 0x5a, sizeof(*group));
		free(group);
		pthread_join(thread, NULL);
		assert_int_equal(leaving.waiter.code, leaving.failure.code);
	}
}

/*
 * A wait that is over calls functions for the context's end. Meanwhile the group is destroyed, and what it was made of may
 * be another one's.
 */
struct late {
	eg_group group;
	struct tally ending, destroyed;
	int code;
};

static void await_destruction(void *arg)
{
	struct late *late = arg;

	tally_add(&late->ending, 1);
	tally_await(&late->destroyed, 1);
}

static void *late_main(void *arg)
{
	struct late *late = arg;
	eg_ctx_callback callback;

	CHECK(eg_group_init(&late->group, NULL, NULL) == 0);
	CHECK(eg_ctx_on_end(eg_group_ctx(&late->group), await_destruction, late, &callback) == 0);
	/* Without a task nobody else comes to the group, and its maker needs no lock. */
	late->code = eg_group_wait(&late->group);
	return NULL;
}

static void a_wait_returns_its_own_groups_result_although_that_is_gone(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 100); round++) {
		struct late late = {EG_GROUP_INIT, TALLY_INIT, TALLY_INIT, 1};
		eg_group next;
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, late_main, &late), 0);
		tally_await(&late.ending, 1);
		assert_int_equal(eg_group_wait(&late.group), 0);
		eg_group_destroy(&late.group);
		assert_int_equal(eg_group_init(&next, NULL, NULL), 0);
		eg_group_go(&next, task_return, CODE(-EIO));
		assert_int_equal(eg_group_wait(&next), -EIO);
		tally_add(&late.destroyed, 1);
		pthread_join(thread, NULL);
		assert_int_equal(late.code, 0);
		eg_group_destroy(&next);
	}
}

/* A value of the parent is released by the last reference to it. */
static void note_release(void *value)
{
	*(pthread_t *)value = pthread_self();
}

static int task_compute(eg_ctx *ctx, void *arg)
{
	(void)ctx, (void)arg;
	for (volatile int i = 0; i < 2000; i++)
		;
	return 0;
}

static void destroy_gives_the_parent_back_before_it_returns(void **state)
{
	static const char key;

	(void)state;
	for (long round = 0; goes_on(round, 3000); round++) {
		struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
		pthread_t released;
		eg_group group;
		eg_ctx *parent;

		memset(&released, 0, sizeof(released));
		options.limit = 4;
		assert_int_equal(eg_ctx_with_value(NULL, &key, &released, note_release, &parent), 0);
		assert_int_equal(eg_group_init(&group, parent, &options), 0);
		eg_ctx_unref(parent);
		for (int i = 0; i < 50; i++)
			eg_group_go(&group, task_compute, NULL);
		assert_int_equal(eg_group_wait(&group), 0);
		eg_group_destroy(&group);
		assert_true(pthread_equal(released, pthread_self()));
	}
}

static int task_write(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	*(long *)arg += 1; /* plain: wait makes it visible */
	return 0;
}

static void what_tasks_wrote_is_visible_after_wait(void **state)
{
	static long values[1000];
	eg_group group = EG_GROUP_INIT;

	(void)state;
	memset(values, 0, sizeof(values));
	eg_group_set_limit(&group, 2);
	for (long round = 1; goes_on(round - 1, 500); round++) {
		for (int i = 0; i < 1000; i++)
			eg_group_go(&group, task_write, &values[i]);
		assert_int_equal(eg_group_wait(&group), 0);
		for (int i = 0; i < 1000; i++)
			assert_int_equal(values[i], round);
	}
	eg_group_destroy(&group);
}

/*
 * Time limits
 */

static void wait_until_times_out_and_a_later_wait_gets_the_result(void **state)
{
	eg_group group = EG_GROUP_INIT;
	struct slow_failure failure = {HOLD_INIT, -EIO};

	(void)state;
	eg_group_set_limit(&group, 2);
	eg_group_go(&group, task_fail_when_released, &failure);
	tally_await(&failure.hold.started, 1);
	assert_int_equal(eg_group_wait_until(&group, INT64_MIN), EG_EUNFINISHED);
	assert_int_equal(eg_group_wait_until(&group, 0), EG_EUNFINISHED);
	assert_int_equal(eg_group_wait_until(&group, eg_clock_now_ns()), EG_EUNFINISHED);
	assert_int_equal(eg_group_wait_until(&group, eg_clock_now_ns() + 2000000), EG_EUNFINISHED);
	assert_null(eg_group_error(&group));

	/* The group is as it was: it takes tasks, and the next wait sees them all end. */
	assert_int_equal(eg_group_go(&group, task_nothing, NULL), 0);
	tally_add(&failure.hold.release, 1);
	assert_int_equal(eg_group_wait_until(&group, INT64_MAX), -EIO);
	assert_int_equal(eg_group_wait_until(&group, INT64_MIN), -EIO);
	assert_int_equal(eg_group_wait(&group), -EIO);
	eg_group_destroy(&group);
}

static void wait_until_is_never_early(void **state)
{
	eg_group group = EG_GROUP_INIT;
	struct hold hold = HOLD_INIT;

	(void)state;
	eg_group_go(&group, task_hold, &hold);
	for (long i = 0; goes_on(i, 50); i++) {
		int64_t deadline = eg_clock_now_ns() + 100000 * (i % 7);

		assert_int_equal(eg_group_wait_until(&group, deadline), EG_EUNFINISHED);
		assert_true(eg_clock_now_ns() >= deadline);
	}
	tally_add(&hold.release, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

static void a_wait_that_timed_out_leaves_the_context_alone(void **state)
{
	struct hold hold = HOLD_INIT;
	eg_group group;

	(void)state;
	assert_int_equal(eg_group_init(&group, NULL, NULL), 0);
	eg_group_go(&group, task_hold, &hold);
	assert_int_equal(eg_group_wait_until(&group, 0), EG_EUNFINISHED);
	assert_int_equal(eg_ctx_err(eg_group_ctx(&group)), 0);
	tally_add(&hold.release, 1);
	assert_int_equal(eg_group_wait_until(&group, INT64_MAX), 0);
	assert_int_equal(eg_ctx_err(eg_group_ctx(&group)), -ECANCELED);
	eg_group_destroy(&group);
}

/*
 * A task of another group that waits for this one, a moment too short or from inside, and passes on what it is told.
 */
struct passing {
	eg_group *other;
	int passes;
};

static int task_pass_on(eg_ctx *ctx, void *arg)
{
	struct passing *passing = arg;

	(void)ctx;
	return passing->other ? eg_group_wait_until(passing->other, 0) : passing->passes;
}

static void what_a_wait_says_of_itself_is_no_tasks_result(void **state)
{
	static const int codes[][2] = {{-ETIMEDOUT, -ETIMEDOUT},   {-EDEADLK, -EDEADLK},
				       {-EOWNERDEAD, -EOWNERDEAD}, {EG_EUNFINISHED, -ETIMEDOUT},
				       {EG_EINSIDE, -EDEADLK},     {EG_EFORKED, -EOWNERDEAD}};

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		struct passing passing = {NULL, codes[i][0]};
		eg_group group = EG_GROUP_INIT;

		eg_group_go(&group, task_pass_on, &passing);
		assert_int_equal(eg_group_wait_until(&group, INT64_MAX), codes[i][1]);
		assert_int_equal(eg_group_wait_until(&group, INT64_MIN), codes[i][1]);
		assert_int_equal(eg_group_wait(&group), codes[i][1]);
		assert_int_equal(eg_error_code(eg_group_error(&group)), codes[i][0]);
		eg_group_destroy(&group);
	}
}

static void a_task_may_pass_on_that_its_inner_group_is_unfinished(void **state)
{
	eg_group outer = EG_GROUP_INIT, inner = EG_GROUP_INIT;
	struct passing passing = {&inner, 0}, inside = {&outer, 0};
	struct hold hold = HOLD_INIT;

	(void)state;
	eg_group_go(&inner, task_hold, &hold);
	eg_group_go(&outer, task_pass_on, &passing);
	assert_int_equal(eg_group_wait(&outer), -ETIMEDOUT);
	assert_int_equal(eg_error_code(eg_group_error(&outer)), EG_EUNFINISHED);
	tally_add(&hold.release, 1);
	assert_int_equal(eg_group_wait(&inner), 0);
	assert_int_equal(eg_group_reset(&outer), 0);
	eg_group_go(&outer, task_pass_on, &inside);
	assert_int_equal(eg_group_wait(&outer), -EDEADLK);
	eg_group_destroy(&outer);
	eg_group_destroy(&inner);
}

/*
 * Rounds and reset
 */

static void wait_twice_then_go_and_wait_again_works(void **state)
{
	static const int limits[] = {1, 2, EG_LIMIT_NONE};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		eg_group group = EG_GROUP_INIT;
		atomic_long ran = 0;

		eg_group_set_limit(&group, limits[i]);
		eg_group_go(&group, task_count, &ran);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(eg_group_wait(&group), 0);
		for (int k = 0; k < 1000; k++)
			assert_int_equal(eg_group_go(&group, task_count, &ran), 0);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(atomic_load(&ran), 1001);
		eg_group_destroy(&group);
	}
}

static int task_see_context(eg_ctx *ctx, void *arg)
{
	(void)arg;
	return eg_ctx_err(ctx);
}

static void reset_makes_the_group_as_new_and_keeps_its_options(void **state)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	struct hold hold = HOLD_INIT;
	eg_ctx *parent;
	eg_group group;

	(void)state;
	options.limit = 1;
	options.collect = 2;
	assert_int_equal(eg_ctx_with_cancel(NULL, &parent), 0);
	assert_int_equal(eg_group_init(&group, parent, &options), 0);
	for (int round = 0; round < 3; round++) {
		eg_error *errors[4] = {NULL};

		assert_int_equal(eg_ctx_err(eg_group_ctx(&group)), 0);
		eg_group_go(&group, task_see_context, NULL);
		for (int i = 0; i < 3; i++)
			eg_group_go(&group, task_return, CODE(-100 - i));
		assert_int_equal(eg_group_wait(&group), -100);
		assert_int_equal(eg_group_errors(&group, 4, errors), 2);
		assert_int_equal(eg_group_error_count(&group), 3);
		assert_int_equal(eg_error_code(errors[1]), -101);
		assert_int_equal(eg_error_task_index(errors[0]), 1);
		assert_null(errors[2]);

		assert_int_equal(eg_group_reset(&group), 0);
		assert_null(eg_group_error(&group));
		assert_int_equal(eg_group_error_count(&group), 0);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(eg_group_reset(&group), 0);
	}

	/* The limit was kept too. */
	assert_int_equal(eg_group_try_go(&group, task_hold, &hold), 0);
	assert_int_equal(eg_group_try_go(&group, task_nothing, NULL), -EAGAIN);
	assert_int_equal(eg_group_reset(&group), -EBUSY);
	tally_add(&hold.release, 1);
	assert_int_equal(eg_group_wait(&group), 0);

	/* So was the parent. */
	assert_int_equal(eg_group_reset(&group), 0);
	assert_int_equal(eg_ctx_cancel(parent, NULL), 0);
	assert_int_equal(eg_ctx_err(eg_group_ctx(&group)), -ECANCELED);
	eg_group_destroy(&group);
	eg_ctx_unref(parent);
}

static void reset_of_a_zero_group_forgets_the_error(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(eg_group_reset(&group), 0);
	eg_group_go(&group, task_return, CODE(-EIO));
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_int_equal(eg_group_reset(&group), 0);
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

/*
 * Destroy
 */

static bool group_is_zero(const eg_group *group)
{
	static const eg_group zero = EG_GROUP_INIT;

	return !memcmp(group, &zero, sizeof(zero));
}

struct pending {
	struct hold hold;
	eg_ctx *ctx;
	atomic_long ran;
};

static int task_end_when_cancelled(eg_ctx *ctx, void *arg)
{
	struct pending *pending = arg;

	tally_add(&pending->hold.started, 1);
	ctx_await_cancel(ctx);
	return 0;
}

static void destroy_cancels_skips_what_has_not_started_and_waits_for_what_runs(void **state)
{
	struct pending pending = {.hold = HOLD_INIT};
	eg_group group;
	eg_ctx *ctx;

	(void)state;
	assert_int_equal(eg_group_init(&group, NULL, NULL), 0);
	eg_group_set_limit(&group, 1);
	ctx = eg_ctx_ref(eg_group_ctx(&group));
	eg_group_go(&group, task_end_when_cancelled, &pending);
	tally_await(&pending.hold.started, 1);
	for (long i = 0; i < scaled(100000); i++)
		eg_group_go(&group, task_count, &pending.ran);
	assert_int_equal(eg_group_destroy(&group), 0);
	assert_int_equal(atomic_load(&pending.ran), 0);
	assert_int_equal(eg_ctx_err(ctx), -ECANCELED);
	assert_true(group_is_zero(&group));
	assert_int_equal(eg_group_destroy(&group), 0);
	eg_ctx_unref(ctx);
}

struct destroyed {
	eg_group group;
	eg_ctx *ctx;
	struct tally started;
};

/* The group is being destroyed from the end of its context on, and is there until its tasks have ended. */
static int task_use_while_destroyed(eg_ctx *ctx, void *arg)
{
	struct destroyed *destroyed = arg;
	eg_group *group = &destroyed->group;
	eg_error *error;

	tally_add(&destroyed->started, 1);
	ctx_await_cancel(ctx);
	CHECK(eg_group_go(group, task_nothing, NULL) == -ECANCELED);
	CHECK(eg_group_try_go(group, task_nothing, NULL) == -ECANCELED);
	CHECK(eg_group_go_copy(group, task_nothing, "", 1) == -ECANCELED);
	CHECK(eg_group_set_limit(group, 3) == -ECANCELED);
	CHECK(eg_group_cancel(group, NULL) == -EALREADY);
	CHECK(eg_group_wait(group) == EG_EINSIDE);
	CHECK(eg_group_slots(group) == 2);
	CHECK(eg_group_ctx(group) == ctx && destroyed->ctx == ctx);
	CHECK(eg_group_error(group) == NULL);
	CHECK(eg_group_errors(group, 1, &error) == 0);
	CHECK(eg_group_error_count(group) == 0);
	return 0;
}

static void tasks_that_still_run_may_use_their_group_while_it_is_destroyed(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 300); round++) {
		struct destroyed destroyed = {EG_GROUP_INIT, NULL, TALLY_INIT};

		assert_int_equal(eg_group_init(&destroyed.group, NULL, EG_GROUP_OPTIONS(.limit = 2)), 0);
		destroyed.ctx = eg_ctx_ref(eg_group_ctx(&destroyed.group));
		eg_group_go(&destroyed.group, task_use_while_destroyed, &destroyed);
		eg_group_go(&destroyed.group, task_use_while_destroyed, &destroyed);
		tally_await(&destroyed.started, 2);
		assert_int_equal(eg_group_destroy(&destroyed.group), 0);
		assert_true(group_is_zero(&destroyed.group));
		eg_ctx_unref(destroyed.ctx);
	}
}

static void destroy_takes_null_zero_and_used_groups_and_leaves_zero(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(eg_group_destroy(NULL), 0);
	assert_int_equal(eg_group_destroy(&group), 0);
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_destroy(&group), 0);
	assert_true(group_is_zero(&group));

	/* And the zero group that is left is a new one. */
	eg_group_go(&group, task_return, CODE(-EIO));
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_int_equal(eg_group_destroy(&group), 0);
	eg_group_destroyp(NULL);
}

static void destroyp_ends_a_group_that_leaves_its_scope(void **state)
{
	atomic_long ran = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		__attribute__((cleanup(eg_group_destroyp))) eg_group group = EG_GROUP_INIT;

		eg_group_set_limit(&group, 1);
		eg_group_go(&group, task_count, &ran);
		if (i % 2)
			continue; /* without a wait: run or skipped, but over */
		assert_int_equal(eg_group_wait(&group), 0);
	}
	assert_in_range(atomic_load(&ran), 50, 100);
}

/*
 * Memory given back the instant wait returned: a late touch by a worker meets freed memory, which the
 * sanitizers see and the poison makes likely to be seen without them.
 */
static void group_and_arguments_may_be_freed_the_instant_wait_returns(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 10000); round++) {
		int count = (int)(round % 4) + 1;
		eg_group *group = calloc(1, sizeof(*group));
		long *values = calloc((size_t)count, sizeof(*values));

		assert_non_null(group);
		assert_non_null(values);
		eg_group_set_limit(group, round % 3 ? (int)(round % 3) : EG_LIMIT_NONE);
		for (int i = 0; i < count; i++)
			eg_group_go(group, task_write, &values[i]);
		assert_int_equal(eg_group_wait(group), 0);
		for (int i = 0; i < count; i++)
			assert_int_equal(values[i], 1);
		memset(values, 0xa5, (size_t)count * sizeof(*values));
		free(values);
		eg_group_destroy(group);
		memset(group, 0xa5, sizeof(*group));
		free(group);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(wait_without_tasks_returns_0_at_once),
	    TEST(wait_does_not_return_before_the_last_task_ended),
	    TEST(many_threads_may_wait_at_once_and_get_the_same_result),
	    TEST(a_group_may_be_freed_while_another_threads_wait_returns),
	    TEST(a_wait_returns_its_own_groups_result_although_that_is_gone),
	    TEST(destroy_gives_the_parent_back_before_it_returns),
	    TEST(what_tasks_wrote_is_visible_after_wait),
	    TEST(wait_until_times_out_and_a_later_wait_gets_the_result),
	    TEST(wait_until_is_never_early),
	    TEST(a_wait_that_timed_out_leaves_the_context_alone),
	    TEST(what_a_wait_says_of_itself_is_no_tasks_result),
	    TEST(a_task_may_pass_on_that_its_inner_group_is_unfinished),
	    TEST(wait_twice_then_go_and_wait_again_works),
	    TEST(reset_makes_the_group_as_new_and_keeps_its_options),
	    TEST(reset_of_a_zero_group_forgets_the_error),
	    TEST(destroy_cancels_skips_what_has_not_started_and_waits_for_what_runs),
	    TEST(tasks_that_still_run_may_use_their_group_while_it_is_destroyed),
	    TEST(destroy_takes_null_zero_and_used_groups_and_leaves_zero),
	    TEST(destroyp_ends_a_group_that_leaves_its_scope),
	    TEST(group_and_arguments_may_be_freed_the_instant_wait_returns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
