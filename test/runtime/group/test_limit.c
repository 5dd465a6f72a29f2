/* SPDX-License-Identifier: MIT */
/*
 * Limits: never more tasks at once than allowed and as many as allowed, limits that change while tasks run,
 * and no limit, where every task gets to run without a thread for each.
 */

#include "support.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void limit_2_never_runs_three_of_a_million_empty_tasks(void **state)
{
	struct gauged gauged = {0};
	eg_group group = EG_GROUP_INIT;
	long count = scaled(1000000);

	(void)state;
	eg_group_set_limit(&group, 2);
	for (long i = 0; i < count; i++)
		eg_group_go(&group, task_gauged, &gauged);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&gauged.ran), count);
	assert_in_range(atomic_load(&gauged.gauge.most), 1, 2);
	eg_group_destroy(&group);
}

static void the_helping_waiter_counts_under_the_limit(void **state)
{
	(void)state;
	for (int limit = 1; limit <= 3; limit++) {
		for (long round = 0; goes_on(round, 300); round++) {
			struct gauged gauged = {0};
			eg_group group = EG_GROUP_INIT;
			struct waiter waiter = WAITER_INIT(&group);
			pthread_t thread;

			eg_group_set_limit(&group, limit);
			for (int i = 0; i < 100; i++)
				eg_group_go(&group, task_gauged, &gauged);
			assert_int_equal(pthread_create(&thread, NULL, waiter_main, &waiter), 0);
			assert_int_equal(eg_group_wait(&group), 0);
			pthread_join(thread, NULL);
			assert_int_equal(atomic_load(&gauged.ran), 100);
			assert_in_range(atomic_load(&gauged.gauge.most), 1, limit);
			eg_group_destroy(&group);
		}
	}
}

/* The whole limit is used: that many tasks meet, though nobody waits for the group and others are pending. */
static void a_limit_is_reached_without_anyone_waiting(void **state)
{
	static const int limits[] = {1, 2, 3, 8, 64};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct meeting meeting = {TALLY_INIT, limits[i]};
		eg_group group = EG_GROUP_INIT;

		eg_group_set_limit(&group, limits[i]);
		for (int k = 0; k < limits[i]; k++)
			eg_group_go(&group, task_meet, &meeting);
		tally_await(&meeting.met, limits[i]);
		assert_int_equal(eg_group_wait(&group), 0);
		eg_group_destroy(&group);
	}
}

/* With a waiter that helps, its place is not lost while it sleeps: the limit is still reached. */
struct convener {
	eg_group *group;
	struct meeting *meeting;
	struct tally *go_on;
};

static int task_submit_meeting(eg_ctx *ctx, void *arg)
{
	struct convener *convener = arg;

	(void)ctx;
	tally_await(convener->go_on, 1);
	for (long i = 1; i < convener->meeting->parties; i++)
		CHECK(eg_group_go(convener->group, task_meet, convener->meeting) == 0);
	tally_meet(&convener->meeting->met, convener->meeting->parties);
	return 0;
}

static void a_limit_is_reached_by_tasks_that_a_task_submits_while_others_wait(void **state)
{
	(void)state;
	for (int limit = 1; limit <= 4; limit++) {
		struct meeting meeting = {TALLY_INIT, limit};
		struct tally go_on = TALLY_INIT;
		eg_group group = EG_GROUP_INIT;
		struct convener convener = {&group, &meeting, &go_on};
		struct waiter waiter = WAITER_INIT(&group);
		pthread_t thread;

		eg_group_set_limit(&group, limit);
		eg_group_go(&group, task_submit_meeting, &convener);
		assert_int_equal(pthread_create(&thread, NULL, waiter_main, &waiter), 0);
		assert_true(thread_blocks(&waiter.thread, &waiter.returned));
		tally_add(&go_on, 1);
		pthread_join(thread, NULL);
		assert_int_equal(waiter.code, 0);
		eg_group_destroy(&group);
	}
}

/*
 * Limits that change
 */

static void a_limit_means_the_same_in_the_options_as_in_the_call(void **state)
{
	static const int limits[] = {1, 7, 1048574, 1048575, 1048576, EG_LIMIT_NONE, EG_LIMIT_CPUS};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		eg_group set = EG_GROUP_INIT, opted;

		assert_int_equal(eg_group_set_limit(&set, limits[i]), 0);
		assert_int_equal(eg_group_init(&opted, NULL, EG_GROUP_OPTIONS(.limit = limits[i])), 0);
		assert_int_equal(eg_group_slots(&opted), eg_group_slots(&set));
		eg_group_destroy(&opted);
		eg_group_destroy(&set);
	}
}

static void raising_the_limit_acts_at_once(void **state)
{
	struct meeting meeting = {TALLY_INIT, 3};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_set_limit(&group, 1);
	for (int i = 0; i < 3; i++)
		eg_group_go(&group, task_meet, &meeting);
	tally_await(&meeting.met, 1);
	assert_int_equal(eg_group_set_limit(&group, 2), 0);
	tally_await(&meeting.met, 2);
	assert_int_equal(eg_group_set_limit(&group, EG_LIMIT_NONE), 0);
	tally_await(&meeting.met, 3);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

static void raising_the_limit_acts_while_another_thread_waits(void **state)
{
	struct meeting meeting = {TALLY_INIT, 2};
	eg_group group = EG_GROUP_INIT;
	struct waiter waiter = WAITER_INIT(&group);
	pthread_t thread;

	(void)state;
	eg_group_set_limit(&group, 1);
	eg_group_go(&group, task_meet, &meeting);
	eg_group_go(&group, task_meet, &meeting);
	assert_int_equal(pthread_create(&thread, NULL, waiter_main, &waiter), 0);
	tally_await(&meeting.met, 1);
	assert_true(thread_blocks(&waiter.thread, &waiter.returned));
	assert_int_equal(eg_group_set_limit(&group, 2), 0);
	pthread_join(thread, NULL);
	assert_int_equal(waiter.code, 0);
	eg_group_destroy(&group);
}

struct lowered {
	struct gauge all; /* the held tasks and the later ones */
	struct gauge later;
	struct hold hold;
	atomic_long ran;
};

static int task_lowered_held(eg_ctx *ctx, void *arg)
{
	struct lowered *lowered = arg;

	gauge_enter(&lowered->all);
	(void)task_hold(ctx, &lowered->hold);
	gauge_leave(&lowered->all);
	return 0;
}

static int task_lowered_later(eg_ctx *ctx, void *arg)
{
	struct lowered *lowered = arg;

	(void)ctx;
	CHECK(gauge_enter(&lowered->all) == 1);
	gauge_enter(&lowered->later);
	atomic_fetch_add(&lowered->ran, 1);
	gauge_leave(&lowered->later);
	gauge_leave(&lowered->all);
	return 0;
}

/* Held tasks keep the places they have; the later ones start one at a time when all of those have ended. */
static void lowering_the_limit_acts_as_running_tasks_end(void **state)
{
	static const int before[] = {2, 4, 8, EG_LIMIT_NONE};

	(void)state;
	for (size_t i = 0; i < sizeof(before) / sizeof(before[0]); i++) {
		struct lowered lowered = {.hold = HOLD_INIT};
		int held = before[i] > 0 ? before[i] : 3;
		eg_group group = EG_GROUP_INIT;

		eg_group_set_limit(&group, before[i]);
		for (int k = 0; k < held; k++)
			eg_group_go(&group, task_lowered_held, &lowered);
		tally_await(&lowered.hold.started, held);
		assert_int_equal(eg_group_set_limit(&group, 1), 0);
		for (long k = 0; k < scaled(10000); k++)
			eg_group_go(&group, task_lowered_later, &lowered);
		tally_add(&lowered.hold.release, 1);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(atomic_load(&lowered.ran), scaled(10000));
		assert_int_equal(atomic_load(&lowered.later.most), 1);
		eg_group_destroy(&group);
	}
}

static void a_limit_that_changes_all_the_time_loses_nothing_and_holds(void **state)
{
	static const int limits[] = {1, 4, 2, 3, 1, 2};
	struct gauged gauged = {0};
	eg_group group = EG_GROUP_INIT;
	long count = scaled(300000);

	(void)state;
	eg_group_set_limit(&group, 4);
	for (long i = 0; i < count; i++) {
		eg_group_go(&group, task_gauged, &gauged);
		if (i % 64 == 0)
			assert_int_equal(eg_group_set_limit(&group, limits[i / 64 % 6]), 0);
	}
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&gauged.ran), count);
	assert_in_range(atomic_load(&gauged.gauge.most), 1, 4);
	eg_group_destroy(&group);
}

static void limit_cpus_runs_everything(void **state)
{
	struct gauged gauged = {0};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(eg_group_set_limit(&group, EG_LIMIT_CPUS), 0);
	for (int i = 0; i < 1000; i++)
		eg_group_go(&group, task_gauged, &gauged);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&gauged.ran), 1000);
	eg_group_destroy(&group);
}

/* The limit is one when the process may use one CPU only, however many the machine has. */
static void limit_cpus_follows_affinity(void **state)
{
	struct gauged gauged = {0};
	eg_group group = EG_GROUP_INIT;
	struct hold hold = HOLD_INIT;
	cpu_set_t all, one;

	(void)state;
	assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
	CPU_ZERO(&one);
	for (size_t i = 0; i < CPU_SETSIZE; i++) {
		if (CPU_ISSET(i, &all)) {
			CPU_SET(i, &one);
			break;
		}
	}
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	assert_int_equal(eg_group_set_limit(&group, EG_LIMIT_CPUS), 0);
	assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
	assert_int_equal(eg_group_try_go(&group, task_hold, &hold), 0);
	assert_int_equal(eg_group_try_go(&group, task_gauged, &gauged), -EAGAIN);
	tally_add(&hold.release, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

/*
 * No limit
 */

static void without_a_limit_tasks_that_wait_for_one_another_all_run(void **state)
{
	static const long sizes[] = {2, 3, 20, 200};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct meeting meeting = {TALLY_INIT, sizes[i]};
		eg_group group = EG_GROUP_INIT;

		for (long k = 0; k < sizes[i]; k++)
			eg_group_go(&group, task_meet, &meeting);
		assert_int_equal(eg_group_wait(&group), 0);
		eg_group_destroy(&group);
	}
}

static void without_a_limit_dependent_tasks_run_among_many_small_ones(void **state)
{
	struct meeting meeting = {TALLY_INIT, 10};
	eg_group group = EG_GROUP_INIT;
	atomic_long ran = 0;
	long count = scaled(100000);

	(void)state;
	for (long i = 0; i < 10 * count; i++) {
		if (i % count == 0)
			eg_group_go(&group, task_meet, &meeting);
		eg_group_go(&group, task_count, &ran);
	}
	tally_await(&meeting.met, 10); /* before anyone waits for the group */
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&ran), 10 * count);
	eg_group_destroy(&group);
}

struct sampled {
	atomic_long ran;
	atomic_long threads_most;
};

static void sample_threads(struct sampled *sampled)
{
	long threads = threads_now(), most = atomic_load(&sampled->threads_most);

	while (threads > most && !atomic_compare_exchange_weak(&sampled->threads_most, &most, threads))
		;
}

static int task_sampled(eg_ctx *ctx, void *arg)
{
	struct sampled *sampled = arg;

	(void)ctx;
	if (atomic_fetch_add(&sampled->ran, 1) % 1000 == 0)
		sample_threads(sampled);
	return 0;
}

/* Runs early in this program, so that threads cached from other tests are not counted. */
static void without_a_limit_a_million_empty_tasks_take_fewer_than_64_threads(void **state)
{
	struct sampled sampled = {0};
	eg_group group = EG_GROUP_INIT;
	long count = scaled(1000000);

	(void)state;
	for (long i = 0; i < count; i++)
		eg_group_go(&group, task_sampled, &sampled);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&sampled.ran), count);
	assert_in_range(atomic_load(&sampled.threads_most), 1, 63);
	assert_in_range(threads_now(), 1, 63);
	eg_group_destroy(&group);
}

/*
 * Tasks that compute, beside other processes that do
 */

#define HOGS 4

static long cpu_now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static int task_compute(eg_ctx *ctx, void *arg)
{
	long end = cpu_now_us() + 2000;

	(void)ctx;
	while (cpu_now_us() < end)
		;
	sample_threads(arg);
	return 0;
}

static void hog(void)
{
	/* It ends with the test, however that ends. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(60);
	for (;;)
		;
}

/* Neither the tasks' length nor the other processes make nothing move: threads are for tasks that block. */
static void without_a_limit_tasks_that_compute_take_few_threads(void **state)
{
	struct sampled sampled = {0};
	eg_group group = EG_GROUP_INIT;
	pid_t hogs[HOGS];
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	(void)state;
	for (int i = 0; i < HOGS; i++) {
		hogs[i] = fork();
		if (hogs[i] == 0)
			hog();
	}
	for (long i = 0; i < scaled(300); i++)
		eg_group_go(&group, task_compute, &sampled);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	for (int i = 0; i < HOGS; i++) {
		kill(hogs[i], SIGKILL);
		waitpid(hogs[i], NULL, 0);
	}
	/* 12 beyond the CPUs are for tasks that take more than half a second: 250 times what they take alone. */
	assert_in_range(atomic_load(&sampled.threads_most), 1, cpus + 16);
}

struct spinning {
	atomic_long met;
	long parties;
};

static int task_spin_until_met(eg_ctx *ctx, void *arg)
{
	struct spinning *spinning = arg;

	(void)ctx;
	atomic_fetch_add(&spinning->met, 1);
	while (atomic_load(&spinning->met) < spinning->parties)
		sched_yield();
	return 0;
}

/* Those that spin for one another compute as far as anybody can see, and all run nevertheless. */
static void without_a_limit_tasks_that_spin_for_one_another_all_run(void **state)
{
	struct spinning spinning = {0, 6};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	for (long i = 0; i < spinning.parties; i++)
		eg_group_go(&group, task_spin_until_met, &spinning);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(without_a_limit_tasks_that_compute_take_few_threads),
	    TEST(without_a_limit_a_million_empty_tasks_take_fewer_than_64_threads),
	    TEST(limit_2_never_runs_three_of_a_million_empty_tasks),
	    TEST(the_helping_waiter_counts_under_the_limit),
	    TEST(a_limit_is_reached_without_anyone_waiting),
	    TEST(a_limit_is_reached_by_tasks_that_a_task_submits_while_others_wait),
	    TEST(a_limit_means_the_same_in_the_options_as_in_the_call),
	    TEST(raising_the_limit_acts_at_once),
	    TEST(raising_the_limit_acts_while_another_thread_waits),
	    TEST(lowering_the_limit_acts_as_running_tasks_end),
	    TEST(a_limit_that_changes_all_the_time_loses_nothing_and_holds),
	    TEST(limit_cpus_runs_everything),
	    TEST(limit_cpus_follows_affinity),
	    TEST(without_a_limit_tasks_that_wait_for_one_another_all_run),
	    TEST(without_a_limit_dependent_tasks_run_among_many_small_ones),
	    TEST(without_a_limit_tasks_that_spin_for_one_another_all_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
