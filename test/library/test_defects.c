/* SPDX-License-Identifier: MIT */
/*
 * The defects of the kratos variant, each as a test that its design would fail. There, a limit makes a
 * channel of that capacity read by as many goroutines; what does not fit goes into a slice that only Wait
 * pushes into the channel, which Wait then closes.
 */

#include "support.h"

/*
 * kratos: what spilled into the slice starts when Wait is called. Here nobody calls wait until all has run,
 * so its tasks beyond twice the limit would never start.
 */
static void overflow_tasks_start_before_wait(void **state)
{
	eg_group group = EG_GROUP_INIT;
	atomic_long ran = 0;
	long count = scaled(100000);

	(void)state;
	eg_group_set_limit(&group, 1);
	for (long i = 0; i < count; i++)
		eg_group_go(&group, task_count, &ran);
	while (atomic_load(&ran) < count)
		sched_yield();
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

/*
 * kratos: Wait empties the slice once; a task that submits after that, with the channel full, appends to a
 * slice that nobody reads again, and Wait hangs.
 */
struct spill {
	eg_group *group;
	struct tally go_on;
	atomic_long ran;
	long count;
};

static int task_spill(eg_ctx *ctx, void *arg)
{
	struct spill *spill = arg;

	(void)ctx;
	tally_await(&spill->go_on, 1);
	for (long i = 0; i < spill->count; i++)
		CHECK(eg_group_go(spill->group, task_count, &spill->ran) == 0);
	return 0;
}

static void a_task_that_spills_after_the_flush_is_run_and_wait_returns(void **state)
{
	eg_group group = EG_GROUP_INIT;
	struct spill spill = {&group, TALLY_INIT, 0, scaled(100000)};
	struct waiter waiter = WAITER_INIT(&group);
	pthread_t thread;

	(void)state;
	eg_group_set_limit(&group, 2);
	eg_group_go(&group, task_spill, &spill);
	assert_int_equal(pthread_create(&thread, NULL, waiter_main, &waiter), 0);
	assert_true(thread_blocks(&waiter.thread, &waiter.returned));
	tally_add(&spill.go_on, 1);
	pthread_join(thread, NULL);
	assert_int_equal(waiter.code, 0);
	assert_int_equal(atomic_load(&spill.ran), spill.count);
	eg_group_destroy(&group);
}

/*
 * kratos: Go appends to the slice without a lock, so that submitters lose each other's tasks; and Wait, which
 * counted them, hangs.
 */
static void *submit_many_main(void *arg)
{
	struct spill *spill = arg;

	tally_meet(&spill->go_on, 4);
	for (long i = 0; i < spill->count; i++)
		CHECK(eg_group_go(spill->group, task_count, &spill->ran) == 0);
	return NULL;
}

static void submitters_at_once_lose_none_of_each_others_tasks(void **state)
{
	eg_group group = EG_GROUP_INIT;
	struct spill spill = {&group, TALLY_INIT, 0, scaled(50000)};
	pthread_t threads[4];

	(void)state;
	eg_group_set_limit(&group, 2);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, submit_many_main, &spill), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&spill.ran), 4 * spill.count);
	eg_group_destroy(&group);
}

/*
 * kratos: the second Wait closes the channel again and panics, and so does a Go after Wait.
 */
static void a_second_wait_and_a_go_after_it_work_under_a_limit(void **state)
{
	eg_group group = EG_GROUP_INIT;
	atomic_long ran = 0;

	(void)state;
	eg_group_set_limit(&group, 2);
	eg_group_go(&group, task_count, &ran);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(eg_group_go(&group, task_count, &ran), 0);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&ran), 2);
	eg_group_destroy(&group);
}

/*
 * kratos: tasks that had not started run after the first error although its documents say otherwise.
 */
static void tasks_not_started_are_skipped_after_an_error_when_asked(void **state)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	struct tally gate = TALLY_INIT;
	atomic_long ran = 0;
	eg_group group;

	(void)state;
	options.limit = 1;
	options.flags = EG_GROUP_SKIP_UNSTARTED;
	assert_int_equal(eg_group_init(&group, NULL, &options), 0);
	eg_group_go(&group, task_gate, &gate);
	eg_group_go(&group, task_return, CODE(-EIO));
	for (int i = 0; i < 1000; i++)
		eg_group_go(&group, task_count, &ran);
	tally_add(&gate, 1);
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_int_equal(atomic_load(&ran), 0);
	assert_int_equal(eg_group_error_count(&group), 1001);
	eg_group_destroy(&group);
}

/*
 * kratos: runtime.Goexit in a task skips the error path: it counts as success, its worker is gone, and with
 * all workers gone Wait blocks on the channel for ever.
 */
static int task_exit_thread(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	pthread_exit(arg);
}

static void a_task_that_ends_its_thread_is_an_error_and_its_worker_is_replaced(void **state)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	atomic_long ran = 0;
	eg_group group;

	(void)state;
	options.limit = 2;
	options.flags = EG_GROUP_NO_HELP;
	assert_int_equal(eg_group_init(&group, NULL, &options), 0);
	for (int i = 0; i < 20; i++)
		eg_group_go(&group, task_exit_thread, NULL);
	for (int i = 0; i < 1000; i++)
		eg_group_go(&group, task_count, &ran);
	assert_int_equal(eg_group_wait(&group), EG_EEXITED);
	assert_int_equal(atomic_load(&ran), 1000);
	assert_int_equal(eg_group_error_count(&group), 20);
	assert_int_equal(eg_error_kind(eg_group_error(&group)), EG_ERROR_EXITED);
	eg_group_destroy(&group);
}

/*
 * kratos: a panic with an error value is formatted into a string, and errors.Is no longer finds it.
 */
static int task_panic_with(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	eg_panic_with(eg_error_ref(arg));
}

static void the_error_value_of_a_panic_keeps_its_identity(void **state)
{
	eg_error *value = eg_error_create(-EBADMSG, "checksum");
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_go(&group, task_panic_with, value);
	assert_int_equal(eg_group_wait(&group), -EBADMSG);
	assert_ptr_equal(eg_error_cause(eg_group_error(&group)), value);
	eg_group_destroy(&group);
	eg_error_unref(value);
}

/*
 * kratos: every panic allocates 64 KiB for its stack text, and a stack that is longer loses its outer end:
 * who called whom at first is what one most wants to know.
 */
static __attribute__((noinline)) int innermost(int depth)
{
	int result;

	if (depth < 0)
		return depth;
	if (depth == 0)
		eg_panic("deep");
	result = innermost(depth - 1);
	__asm__ volatile("" ::: "memory");
	return result;
}

static __attribute__((noinline)) int task_outermost(eg_ctx *ctx, void *arg)
{
	int result;

	(void)ctx;
	result = innermost((int)(intptr_t)arg);
	__asm__ volatile("" ::: "memory");
	return result;
}

static void a_deep_panic_keeps_the_outer_end_and_takes_little_memory(void **state)
{
	enum { KEPT = 200 };
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	static eg_error *errors[KEPT];
	eg_group group;
	size_t heap;
	char *text = malloc(65537);

	(void)state;
	assert_non_null(text);
	options.limit = 1;
	options.collect = KEPT;
	assert_int_equal(eg_group_init(&group, NULL, &options), 0);
	eg_group_go(&group, task_outermost, CODE(1000));
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);

	heap = heap_in_use();
	for (int i = 1; i < KEPT; i++)
		eg_group_go(&group, task_outermost, CODE(1000));
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);
	assert_true(heap_in_use() < heap + KEPT * 8192);

	assert_int_equal(eg_group_errors(&group, KEPT, errors), KEPT);
	assert_true(eg_error_format(errors[KEPT - 1], text, 65537) <= 65536);
	assert_non_null(strstr(text, "innermost"));
	assert_non_null(strstr(text, "task_outermost"));
	free(text);
	eg_group_destroy(&group);
}

/*
 * kratos: the second GOMAXPROCS does nothing.
 */
static int task_meet_three(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	tally_meet(arg, 3);
	return 0;
}

static void a_second_limit_replaces_the_first(void **state)
{
	struct tally met = TALLY_INIT, gate = TALLY_INIT;
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(eg_group_set_limit(&group, 1), 0);
	assert_int_equal(eg_group_set_limit(&group, 3), 0);
	for (int i = 0; i < 3; i++)
		eg_group_go(&group, task_meet_three, &met);
	assert_int_equal(eg_group_wait(&group), 0);

	assert_int_equal(eg_group_set_limit(&group, 1), 0);
	assert_int_equal(eg_group_try_go(&group, task_gate, &gate), 0);
	assert_int_equal(eg_group_try_go(&group, task_nothing, NULL), -EAGAIN);
	tally_add(&gate, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

/*
 * kratos: tasks submitted before GOMAXPROCS run outside the pool, and are not counted under the limit.
 */
struct escaped {
	struct hold hold;
	struct gauge gauge;
};

static int task_before_limit(eg_ctx *ctx, void *arg)
{
	struct escaped *escaped = arg;

	gauge_enter(&escaped->gauge);
	(void)task_hold(ctx, &escaped->hold);
	gauge_leave(&escaped->gauge);
	return 0;
}

static int task_after_limit(eg_ctx *ctx, void *arg)
{
	struct escaped *escaped = arg;

	(void)ctx;
	CHECK(gauge_enter(&escaped->gauge) <= 1);
	gauge_leave(&escaped->gauge);
	return 0;
}

static void tasks_that_run_when_the_limit_is_set_count_under_it(void **state)
{
	struct escaped escaped = {.hold = HOLD_INIT};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	for (int i = 0; i < 3; i++)
		eg_group_go(&group, task_before_limit, &escaped);
	tally_await(&escaped.hold.started, 3);
	assert_int_equal(eg_group_set_limit(&group, 1), 0);
	assert_int_equal(eg_group_try_go(&group, task_after_limit, &escaped), -EAGAIN);
	for (int i = 0; i < 1000; i++)
		eg_group_go(&group, task_after_limit, &escaped);
	tally_add(&escaped.hold.release, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

/*
 * kratos: the goroutines of a group that is never waited for read its channel for ever.
 */
static void groups_that_nobody_waits_for_leave_no_threads_behind(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 1000); i++) {
		eg_group group = EG_GROUP_INIT;
		atomic_long ran = 0;

		eg_group_set_limit(&group, 3);
		for (int k = 0; k < 6; k++)
			eg_group_go(&group, task_count, &ran);
		assert_int_equal(eg_group_destroy(&group), 0);
		assert_in_range(atomic_load(&ran), 0, 6);
	}
	assert_in_range(threads_now(), 1, 64);
}

/*
 * kratos: a task submitted when the channel has just got room goes in ahead of everything in the slice.
 */
static struct {
	long next;
	long wrong;
} in_order;

static int task_in_order(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	in_order.wrong += in_order.next++ != (long)(intptr_t)arg;
	return 0;
}

static void new_tasks_never_overtake_the_overflow(void **state)
{
	eg_group group = EG_GROUP_INIT;
	long count = scaled(1000000);

	(void)state;
	memset(&in_order, 0, sizeof(in_order));
	eg_group_set_limit(&group, 1);
	for (long i = 0; i < count; i++)
		eg_group_go(&group, task_in_order, CODE(i));
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(in_order.next, count);
	assert_int_equal(in_order.wrong, 0);
	eg_group_destroy(&group);
}

/*
 * kratos: has no cause, no try, no explicit cancel and no bound on what is pending.
 */
static void there_are_a_cause_a_try_a_cancel_and_a_bound(void **state)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_error *cause = eg_error_create(-EINTR, "interrupted");
	struct hold hold = HOLD_INIT;
	eg_group group;

	(void)state;
	options.limit = 1;
	options.backlog = 1;
	assert_int_equal(eg_group_init(&group, NULL, &options), 0);
	assert_int_equal(eg_group_try_go(&group, task_hold, &hold), 0);
	assert_int_equal(eg_group_try_go(&group, task_hold, &hold), -EAGAIN);
	tally_await(&hold.started, 1);
	assert_int_equal(eg_group_go(&group, task_nothing, NULL), 0);
	assert_int_equal(eg_group_cancel(&group, cause), 0);
	assert_ptr_equal(eg_ctx_cause(eg_group_ctx(&group)), cause);
	assert_int_equal(eg_group_go(&group, task_nothing, NULL), -ECANCELED); /* full, and cancelled */
	tally_add(&hold.release, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	eg_error_unref(cause);
}

/*
 * kratos: a nil function is accepted and crashes in the worker, to come back as a recovered panic.
 */
static void a_null_function_is_refused_at_once(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(eg_group_go(&group, NULL, NULL), -EINVAL);
	assert_int_equal(eg_group_try_go(&group, NULL, NULL), -EINVAL);
	assert_int_equal(eg_group_go_copy(&group, NULL, "", 1), -EINVAL);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(overflow_tasks_start_before_wait),
	    TEST(a_task_that_spills_after_the_flush_is_run_and_wait_returns),
	    TEST(submitters_at_once_lose_none_of_each_others_tasks),
	    TEST(a_second_wait_and_a_go_after_it_work_under_a_limit),
	    TEST(tasks_not_started_are_skipped_after_an_error_when_asked),
	    TEST(a_task_that_ends_its_thread_is_an_error_and_its_worker_is_replaced),
	    TEST(the_error_value_of_a_panic_keeps_its_identity),
	    TEST(a_deep_panic_keeps_the_outer_end_and_takes_little_memory),
	    TEST(a_second_limit_replaces_the_first),
	    TEST(tasks_that_run_when_the_limit_is_set_count_under_it),
	    TEST(groups_that_nobody_waits_for_leave_no_threads_behind),
	    TEST(new_tasks_never_overtake_the_overflow),
	    TEST(there_are_a_cause_a_try_a_cancel_and_a_bound),
	    TEST(a_null_function_is_refused_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
