/* SPDX-License-Identifier: MIT */
/*
 * The end of the library's threads: on request, when nothing of them may be left, and not at all when the process ends.
 */

#include "support.h"

#include <unistd.h>

enum { STATUS = 7, THREADS = 5 };

/* Threads of the process that are none of the library's: a sanitizer may have one. */
static long others;

static void assert_none_is_left(void)
{
	/* An emulator's thread ends a moment after the one that it stands for. */
	while (is_emulated() && threads_now() > others)
		sched_yield();
	assert_int_equal(threads_now(), others);
}

static void workers_only(eg_group *group, int limit)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;

	options.limit = limit;
	options.flags = EG_GROUP_NO_HELP;
	EXPECT(eg_group_init(group, NULL, &options) == 0);
}

/* Work for so many threads at once; then the group is gone. */
static void use_threads(long count)
{
	struct meeting meeting = {TALLY_INIT, count};
	eg_group group;

	workers_only(&group, (int)count);
	for (long i = 0; i < count; i++)
		EXPECT(eg_group_go(&group, task_meet, &meeting) == 0);
	EXPECT(eg_group_wait(&group) == 0);
	EXPECT(eg_group_destroy(&group) == 0);
}

static void no_thread_is_left_after_the_last_group(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 200); round++) {
		use_threads(1 + round % THREADS);
		assert_int_equal(eg_threads_end_idle(), 0);
		assert_none_is_left();
	}
	assert_int_equal(eg_threads_end_idle(), 0);
}

static void small_groups_leave_none_either(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 200); round++) {
		atomic_long ran = 0;

		for (int i = 0; i < 50; i++) {
			eg_group group = EG_GROUP_INIT;

			eg_group_go(&group, task_count, &ran);
			assert_int_equal(eg_group_wait(&group), 0);
			eg_group_destroy(&group);
		}
		assert_int_equal(eg_threads_end_idle(), 0);
		assert_none_is_left();
		assert_int_equal(atomic_load(&ran), 50);
	}
}

static void wait_for_deadline(void)
{
	eg_ctx *ctx;

	EXPECT(eg_ctx_with_timeout(NULL, 1000, &ctx) == 0);
	EXPECT(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) == 0);
	eg_ctx_unref(ctx);
}

static void nor_does_a_deadline_that_is_past(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 100); round++) {
		wait_for_deadline();
		use_threads(2);
		assert_int_equal(eg_threads_end_idle(), 0);
		assert_none_is_left();
	}
}

static void a_thread_at_work_is_left_and_counted(void **state)
{
	struct hold hold = HOLD_INIT;
	eg_group group;

	(void)state;
	use_threads(THREADS);
	workers_only(&group, 1);
	eg_group_go(&group, task_hold, &hold);
	tally_await(&hold.started, 1);
	assert_int_equal(eg_threads_end_idle(), 1);
	assert_int_equal(threads_now(), others + 1);
	tally_add(&hold.release, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	assert_int_equal(eg_threads_end_idle(), 0);
}

static int task_end_idle(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	*(int *)arg = eg_threads_end_idle();
	return 0;
}

static void a_task_counts_its_own_thread(void **state)
{
	int left = -1;
	eg_group group;

	(void)state;
	use_threads(THREADS);
	workers_only(&group, 1);
	eg_group_go(&group, task_end_idle, &left);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	assert_int_equal(left, 1);
	assert_int_equal(eg_threads_end_idle(), 0);
}

struct asker {
	pthread_t thread;
	pid_t id;
	struct tally *begin;
};

static void *end_idle_main(void *arg)
{
	struct asker *asker = arg;

	asker->id = thread_id();
	tally_meet(asker->begin, THREADS);
	CHECK(eg_threads_end_idle() == 0);
	return NULL;
}

static void several_may_ask_at_once(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 50); round++) {
		struct tally begin = TALLY_INIT;
		struct asker askers[THREADS];

		use_threads(THREADS);
		for (int i = 0; i < THREADS; i++) {
			askers[i].begin = &begin;
			assert_int_equal(pthread_create(&askers[i].thread, NULL, end_idle_main, &askers[i]),
					 0);
		}
		for (int i = 0; i < THREADS; i++) {
			pthread_join(askers[i].thread, NULL);
			thread_await_end(askers[i].id);
		}
		assert_none_is_left();
	}
}

struct frequent_asker {
	pid_t id;
	atomic_bool over;
};

static void *end_idle_often(void *arg)
{
	struct frequent_asker *asker = arg;

	asker->id = thread_id();
	while (!atomic_load(&asker->over)) {
		CHECK(eg_threads_end_idle() >= 0);
		sched_yield();
	}
	return NULL;
}

static void groups_work_while_another_thread_asks_all_the_time(void **state)
{
	struct frequent_asker asker = {0};
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, end_idle_often, &asker), 0);
	for (long round = 0; goes_on(round, 200); round++) {
		struct meeting meeting = {TALLY_INIT, 3};
		eg_group group = EG_GROUP_INIT;

		for (int i = 0; i < 3; i++)
			eg_group_go(&group, task_meet, &meeting);
		assert_int_equal(eg_group_wait(&group), 0);
		eg_group_destroy(&group);
	}
	atomic_store(&asker.over, true);
	pthread_join(thread, NULL);
	thread_await_end(asker.id);
	assert_int_equal(eg_threads_end_idle(), 0);
	assert_none_is_left();
}

/*
 * Thread-specific values of the program's on the library's threads
 */

static pthread_key_t key;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static atomic_long destroyed;
static atomic_int asked_in_destructor;

static int task_leave_value(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	CHECK(pthread_setspecific(key, arg) == 0);
	return 0;
}

static void leave_value(void *value)
{
	eg_group group;

	workers_only(&group, 1);
	eg_group_go(&group, task_leave_value, value);
	EXPECT(eg_group_wait(&group) == 0);
	eg_group_destroy(&group);
}

static void count_destroyed(void *value)
{
	(void)value;
	atomic_store(&asked_in_destructor, eg_threads_end_idle());
	atomic_fetch_add(&destroyed, 1);
}

static void values_are_destroyed_when_it_returns(void **state)
{
	(void)state;
	assert_int_equal(eg_threads_end_idle(), 0);
	assert_int_equal(pthread_key_create(&key, count_destroyed), 0);
	leave_value(&key);
	assert_int_equal(eg_threads_end_idle(), 0);
	assert_int_equal(atomic_load(&destroyed), 1);
	assert_int_equal(atomic_load(&asked_in_destructor), EG_EINSIDE);
	pthread_key_delete(key);
}

static void run_behind_the_exit(void *value)
{
	(void)value;
	pthread_mutex_lock(&held);
	_exit(1);
}

static void exit_with_a_value_and_a_lock(void *arg)
{
	(void)arg;
	EXPECT(pthread_key_create(&key, run_behind_the_exit) == 0);
	leave_value(&key);
	pthread_mutex_lock(&held);
	exit(STATUS);
}

static void exit_neither_waits_for_idle_threads_nor_destroys_their_values(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 20); i++) {
		struct child child;

		child_run(exit_with_a_value_and_a_lock, NULL, &child);
		assert_true(child_exited(&child, STATUS));
	}
}

static int task_exit_thread(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	pthread_exit(NULL);
}

/* A thread that a task has ended is waited for as well. */
static void threads_that_tasks_end_are_gone_too(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 50); round++) {
		eg_group group;

		workers_only(&group, 1);
		eg_group_go(&group, task_exit_thread, NULL);
		assert_int_equal(eg_group_wait(&group), EG_EEXITED);
		eg_group_destroy(&group);
		assert_int_equal(eg_threads_end_idle(), 0);
		assert_none_is_left();
	}
}

/*
 * What it is for
 */

static void end_idle_and_unshare(void *arg)
{
	(void)arg;
	use_threads(THREADS);
	EXPECT(eg_threads_end_idle() == 0);
	EXPECT(unshare(CLONE_NEWUSER) == 0 || errno != EINVAL);
}

static void the_process_may_enter_a_user_namespace(void **state)
{
	(void)state;
	if (others != 1)
		skip();
	for (long i = 0; goes_on(i, 100); i++) {
		struct child child;

		child_run(end_idle_and_unshare, NULL, &child);
		assert_true(child_exited(&child, 0));
	}
}

static void end_idle_in_child(void *arg)
{
	(void)arg;
	EXPECT(eg_threads_end_idle() == 0);
	use_threads(2);
	EXPECT(eg_threads_end_idle() == 0);
}

static void a_forked_child_has_none_of_its_parents(void **state)
{
	(void)state;
	if (!child_may_start_threads())
		skip();
	for (long i = 0; goes_on(i, 20); i++) {
		struct child child;

		use_threads(2);
		child_run(end_idle_in_child, NULL, &child);
		assert_true(child_exited(&child, 0));
	}
}

static void *say_id(void *arg)
{
	*(pid_t *)arg = thread_id();
	return NULL;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(no_thread_is_left_after_the_last_group),
	    TEST(small_groups_leave_none_either),
	    TEST(nor_does_a_deadline_that_is_past),
	    TEST(a_thread_at_work_is_left_and_counted),
	    TEST(a_task_counts_its_own_thread),
	    TEST(several_may_ask_at_once),
	    TEST(groups_work_while_another_thread_asks_all_the_time),
	    TEST(values_are_destroyed_when_it_returns),
	    TEST(exit_neither_waits_for_idle_threads_nor_destroys_their_values),
	    TEST(threads_that_tasks_end_are_gone_too),
	    TEST(the_process_may_enter_a_user_namespace),
	    TEST(a_forked_child_has_none_of_its_parents),
	};
	pthread_t first;
	pid_t id;

	/* A sanitizer starts its own with the first of the program's. */
	if (pthread_create(&first, NULL, say_id, &id) == 0) {
		pthread_join(first, NULL);
		thread_await_end(id);
	}
	others = threads_now();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
