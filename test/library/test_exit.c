/* SPDX-License-Identifier: MIT */
/*
 * The end of the process while tasks run: from main, from a task, with work of every kind in progress. The
 * exit status arrives and nothing crashes. Every case runs in child processes.
 */

#include "support.h"

#include <unistd.h>

enum { STATUS = 7 };

static int task_spin(eg_ctx *ctx, void *arg)
{
	struct hold *hold = arg;

	(void)ctx;
	tally_add(&hold->started, 1);
	for (;;)
		sched_yield();
	return 0;
}

static int task_again(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)eg_group_go(arg, task_again, arg);
	return 0;
}

static int task_panic(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)eg_group_go(arg, task_panic, arg);
	eg_panic("again and again");
}

static int task_exit_process(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	exit(STATUS);
}

static void submit_pending(eg_group *group)
{
	static atomic_long ran;

	for (int i = 0; i < 10000; i++)
		eg_group_go(group, task_count, &ran);
}

static void exit_beside_blocked_tasks(void *arg)
{
	static eg_group group;
	static struct hold hold = HOLD_INIT;

	(void)arg;
	eg_group_set_limit(&group, 2);
	eg_group_go(&group, task_hold, &hold);
	eg_group_go(&group, task_hold, &hold);
	tally_await(&hold.started, 2);
	submit_pending(&group);
	exit(STATUS);
}

static void exit_beside_spinning_tasks(void *arg)
{
	static eg_group group;
	static struct hold hold = HOLD_INIT;

	(void)arg;
	eg_group_set_limit(&group, 2);
	eg_group_go(&group, task_spin, &hold);
	tally_await(&hold.started, 1);
	submit_pending(&group);
	exit(STATUS);
}

static void exit_beside_tasks_that_submit(void *arg)
{
	static eg_group group;

	(void)arg;
	eg_group_go(&group, task_again, &group);
	eg_group_go(&group, task_again, &group);
	submit_pending(&group);
	exit(STATUS);
}

static void exit_beside_tasks_that_panic(void *arg)
{
	static eg_group group;

	(void)arg;
	eg_group_set_limit(&group, 2);
	eg_group_go(&group, task_panic, &group);
	eg_group_go(&group, task_panic, &group);
	submit_pending(&group);
	exit(STATUS);
}

static void exit_from_a_task(void *arg)
{
	static eg_group group;
	static struct hold hold = HOLD_INIT;

	(void)arg;
	eg_group_set_limit(&group, 2);
	eg_group_go(&group, task_hold, &hold);
	submit_pending(&group);
	eg_group_go(&group, task_exit_process, NULL);
	if (eg_group_wait(&group))
		_exit(1);
}

static void return_from_main_with_cached_threads(void *arg)
{
	eg_group group = EG_GROUP_INIT;

	(void)arg;
	submit_pending(&group);
	if (eg_group_wait(&group))
		_exit(1);
	eg_group_destroy(&group);
	exit(STATUS);
}

static void call_exit(void)
{
	eg_group group = EG_GROUP_INIT;
	atomic_long ran = 0;

	eg_group_set_limit(&group, 2);
	for (int i = 0; i < 100; i++)
		eg_group_go(&group, task_count, &ran);
	if (eg_group_wait(&group) || atomic_load(&ran) != 100)
		_exit(1);
	eg_group_destroy(&group);
}

static void use_groups_in_an_exit_handler(void *arg)
{
	(void)arg;
	call_exit();
	atexit(call_exit);
	exit(STATUS);
}

static void run_many(void (*fn)(void *arg))
{
	for (long i = 0; goes_on(i, 40); i++) {
		struct child child;

		child_run(fn, NULL, &child);
		assert_true(child_exited(&child, STATUS));
	}
}

static void exit_while_tasks_are_blocked_is_clean(void **state)
{
	(void)state;
	run_many(exit_beside_blocked_tasks);
}

static void exit_while_tasks_spin_is_clean(void **state)
{
	(void)state;
	run_many(exit_beside_spinning_tasks);
}

static void exit_while_tasks_submit_is_clean(void **state)
{
	(void)state;
	run_many(exit_beside_tasks_that_submit);
}

static void exit_while_tasks_panic_is_clean(void **state)
{
	(void)state;
	run_many(exit_beside_tasks_that_panic);
}

static void exit_from_within_a_task_is_clean(void **state)
{
	(void)state;
	run_many(exit_from_a_task);
}

static void exit_with_idle_threads_is_clean(void **state)
{
	(void)state;
	run_many(return_from_main_with_cached_threads);
}

static void groups_work_in_exit_handlers(void **state)
{
	(void)state;
	run_many(use_groups_in_an_exit_handler);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(exit_while_tasks_are_blocked_is_clean), TEST(exit_while_tasks_spin_is_clean),
	    TEST(exit_while_tasks_submit_is_clean),      TEST(exit_while_tasks_panic_is_clean),
	    TEST(exit_from_within_a_task_is_clean),      TEST(exit_with_idle_threads_is_clean),
	    TEST(groups_work_in_exit_handlers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
