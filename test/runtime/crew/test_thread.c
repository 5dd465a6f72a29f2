/* SPDX-License-Identifier: MIT */
/*
 * Threads that end inside a task, by pthread_exit or by cancellation: the task is recorded as failed and its
 * worker replaced; and workers that others try to cancel go on.
 */

#include "support.h"

static void group_init_workers_only(eg_group *group, int limit)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;

	options.limit = limit;
	options.flags = EG_GROUP_NO_HELP;
	assert_int_equal(eg_group_init(group, NULL, &options), 0);
}

static void note_call(void *arg)
{
	atomic_fetch_add((atomic_long *)arg, 1);
}

static int task_exit(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	if (arg)
		CHECK(eg_defer(note_call, arg) == 0);
	pthread_exit(NULL);
}

static void pthread_exit_in_a_task_is_that_tasks_error_and_the_worker_is_replaced(void **state)
{
	atomic_long ran = 0;
	eg_error *error;
	eg_group group;

	(void)state;
	group_init_workers_only(&group, 1);
	for (int i = 0; i < 10; i++) {
		eg_group_go(&group, task_exit, NULL);
		eg_group_go(&group, task_count, &ran);
	}
	assert_int_equal(eg_group_wait(&group), EG_EEXITED);
	assert_int_equal(atomic_load(&ran), 10);
	assert_int_equal(eg_group_error_count(&group), 10);
	error = eg_group_error(&group);
	assert_int_equal(eg_error_kind(error), EG_ERROR_EXITED);
	assert_int_equal(eg_error_code(error), EG_EEXITED);
	assert_int_equal(eg_error_task_index(error), 0);
	assert_non_null(eg_error_site(error));
	assert_ptr_equal(eg_ctx_cause(eg_group_ctx(&group)), error);
	eg_group_destroy(&group);
}

static void deferred_calls_of_a_task_that_exits_are_made(void **state)
{
	atomic_long calls = 0;
	eg_group group;

	(void)state;
	group_init_workers_only(&group, 2);
	for (int i = 0; i < 10; i++)
		eg_group_go(&group, task_exit, &calls);
	assert_int_equal(eg_group_wait(&group), EG_EEXITED);
	assert_int_equal(atomic_load(&calls), 10);
	eg_group_destroy(&group);
}

/*
 * A thread of the program that helps in wait is its own; a task that ends it is recorded all the same, and
 * the group is not left waiting for it. A task that finds itself on another thread passes the question on.
 */

struct guest {
	eg_group group;
	_Atomic pid_t helper;
	atomic_long passes;
	atomic_bool ended;
};

static int task_end_helper(eg_ctx *ctx, void *arg)
{
	struct guest *guest = arg;

	(void)ctx;
	if (thread_id() == atomic_load(&guest->helper)) {
		atomic_store(&guest->ended, true);
		pthread_exit(NULL);
	}
	if (atomic_fetch_add(&guest->passes, 1) < 100000)
		CHECK(eg_group_go(&guest->group, task_end_helper, guest) == 0);
	return 0;
}

static void *helper_main(void *arg)
{
	struct guest *guest = arg;

	atomic_store(&guest->helper, thread_id());
	CHECK(eg_group_wait(&guest->group) == 0);
	return NULL;
}

static void pthread_exit_on_a_helping_thread_is_recorded_too(void **state)
{
	long ended = 0;

	(void)state;
	for (long round = 0; goes_on(round, 20); round++) {
		struct guest guest = {.group = EG_GROUP_INIT};
		pthread_t thread;

		eg_group_set_limit(&guest.group, 2);
		eg_group_go(&guest.group, task_end_helper, &guest);
		assert_int_equal(pthread_create(&thread, NULL, helper_main, &guest), 0);
		pthread_join(thread, NULL);
		assert_int_equal(eg_group_wait_until(&guest.group, INT64_MAX),
				 atomic_load(&guest.ended) ? EG_EEXITED : 0);
		ended += atomic_load(&guest.ended);
		eg_group_destroy(&guest.group);
	}
	if (!ended)
		skip(); /* the helping thread never came to run the task */
}

/*
 * Thread cancellation: a task hands its thread to the outside, which cancels it.
 */

struct cancelled {
	struct tally started;
	struct tally go_on;
	pthread_t thread;
	bool enable;
	atomic_bool survived;
};

static int task_cancelled(eg_ctx *ctx, void *arg)
{
	struct cancelled *cancelled = arg;

	(void)ctx;
	cancelled->thread = pthread_self();
	tally_add(&cancelled->started, 1);
	tally_await(&cancelled->go_on, 1);
	if (cancelled->enable)
		pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
	pthread_testcancel();
	atomic_store(&cancelled->survived, true);
	return 0;
}

/* Cancels the group's only worker in the middle of a task, behind which a thousand others wait. */
static void cancel_a_worker(eg_group *group, struct cancelled *cancelled, atomic_long *ran)
{
	group_init_workers_only(group, 1);
	eg_group_go(group, task_cancelled, cancelled);
	tally_await(&cancelled->started, 1);
	assert_int_equal(pthread_cancel(cancelled->thread), 0);
	tally_add(&cancelled->go_on, 1);
	for (int i = 0; i < 1000; i++)
		eg_group_go(group, task_count, ran);
}

static void a_worker_that_is_cancelled_goes_on(void **state)
{
	struct cancelled cancelled = {.started = TALLY_INIT, .go_on = TALLY_INIT};
	atomic_long ran = 0;
	eg_group group;

	(void)state;
	cancel_a_worker(&group, &cancelled, &ran);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_true(atomic_load(&cancelled.survived));
	assert_int_equal(atomic_load(&ran), 1000);
	eg_group_destroy(&group);
}

static void a_task_that_lets_its_thread_be_cancelled_is_an_error(void **state)
{
	struct cancelled cancelled = {.started = TALLY_INIT, .go_on = TALLY_INIT, .enable = true};
	atomic_long ran = 0;
	eg_group group;

	(void)state;
	cancel_a_worker(&group, &cancelled, &ran);
	assert_int_equal(eg_group_wait(&group), EG_EEXITED);
	assert_false(atomic_load(&cancelled.survived));
	assert_int_equal(atomic_load(&ran), 1000);
	assert_int_equal(eg_error_kind(eg_group_error(&group)), EG_ERROR_EXITED);
	eg_group_destroy(&group);
}

/*
 * A thread of the program that is cancelled while it waits: a wait is no cancellation point.
 */
static void *waiter_that_is_cancelled(void *arg)
{
	struct waiter *waiter = arg;

	waiter_main(waiter);
	pthread_testcancel();
	return NULL;
}

static void a_waiter_that_is_cancelled_goes_on_until_its_wait_is_over(void **state)
{
	struct hold hold = HOLD_INIT;
	void *result = NULL;
	pthread_t thread;
	eg_group group;

	(void)state;
	group_init_workers_only(&group, 1);
	struct waiter waiter = WAITER_INIT(&group);

	eg_group_go(&group, task_hold, &hold);
	tally_await(&hold.started, 1);
	assert_int_equal(pthread_create(&thread, NULL, waiter_that_is_cancelled, &waiter), 0);
	assert_true(thread_blocks(&waiter.thread, &waiter.returned));
	assert_int_equal(pthread_cancel(thread), 0);
	tally_add(&hold.release, 1);
	pthread_join(thread, &result);
	assert_ptr_equal(result, PTHREAD_CANCELED);
	assert_true(atomic_load(&waiter.returned));
	assert_int_equal(waiter.code, 0);
	eg_group_destroy(&group);
}

/*
 * A thread that has been cancelled, and uses the library before it comes to a cancellation point: nothing in the library is
 * one, or what it holds would be lost with it.
 */
static void *user_that_is_cancelled(void *arg)
{
	atomic_int *calls = arg;
	eg_group group = EG_GROUP_INIT;
	eg_ctx *ctx = NULL, *other = NULL;

	CHECK(pthread_cancel(pthread_self()) == 0);
	CHECK(eg_group_set_limit(&group, EG_LIMIT_CPUS) == 0);
	CHECK(eg_group_go(&group, task_nothing, NULL) == 0);
	CHECK(eg_group_wait(&group) == 0);
	CHECK(eg_group_destroy(&group) == 0);
	atomic_fetch_add(calls, 1);
	CHECK(eg_ctx_with_cancel(NULL, &ctx) == 0 && eg_ctx_with_cancel(NULL, &other) == 0);
	CHECK(eg_ctx_fd(ctx) >= 0 && eg_ctx_fd(other) >= 0);
	atomic_fetch_add(calls, 1);
	CHECK(eg_ctx_cancel(ctx, NULL) == 0);
	atomic_fetch_add(calls, 1);
	CHECK(eg_ctx_fd(ctx) >= 0);
	eg_ctx_unref(ctx);
	eg_ctx_unref(other);
	atomic_fetch_add(calls, 1);
	pthread_testcancel();
	return NULL;
}

static void a_thread_that_is_cancelled_finishes_its_calls(void **state)
{
	atomic_int calls = 0;
	void *result = NULL;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, user_that_is_cancelled, &calls), 0);
	pthread_join(thread, &result);
	assert_ptr_equal(result, PTHREAD_CANCELED);
	assert_int_equal(atomic_load(&calls), 4);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(pthread_exit_in_a_task_is_that_tasks_error_and_the_worker_is_replaced),
	    TEST(deferred_calls_of_a_task_that_exits_are_made),
	    TEST(pthread_exit_on_a_helping_thread_is_recorded_too),
	    TEST(a_worker_that_is_cancelled_goes_on),
	    TEST(a_task_that_lets_its_thread_be_cancelled_is_an_error),
	    TEST(a_waiter_that_is_cancelled_goes_on_until_its_wait_is_over),
	    TEST(a_thread_that_is_cancelled_finishes_its_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
