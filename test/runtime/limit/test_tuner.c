/* SPDX-License-Identifier: MIT */
/*
 * The tuner of limits on models of what tasks do, by a clock of the test's: what it finds, how soon, and that it stays there.
 */
#include "runtime/limit/tuner.h"
#include "support.h"

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define TASKS_MAX 512

/* How long a task takes that begins while so many run, itself included. */
typedef int64_t model(int running);

struct run {
	struct egi_tuner tuner;
	model *takes;
	int servers; /* tasks that are served at once, the others queueing; 0: any */
	int noise;   /* percent, of each task's time */
	int demand;  /* the program has so many tasks at most; 0: any */
	uint32_t seed;
	int64_t now;
	int running;
	int64_t ends[TASKS_MAX];
	int64_t free_at[TASKS_MAX]; /* of the servers */
	long ended;
};

static bool not_pressed(void *arg)
{
	(void)arg;
	return false;
}

static bool always_pressed(void *arg)
{
	(void)arg;
	return true;
}

static int64_t noisy(struct run *run, int64_t time)
{
	run->seed = run->seed * 1664525 + 1013904223;
	return time + time * run->noise / 100 * ((int64_t)(run->seed >> 16) - 32768) / 32768;
}

static void run_begin_task(struct run *run)
{
	int64_t begin = run->now, takes;

	run->running++;
	takes = noisy(run, run->takes(run->running));
	if (run->servers > 0) {
		int first = 0;

		for (int i = 1; i < run->servers; i++)
			if (run->free_at[i] < run->free_at[first])
				first = i;
		if (begin < run->free_at[first])
			begin = run->free_at[first];
		run->free_at[first] = begin + takes;
	}
	run->ends[run->running - 1] = begin + takes;
}

/* Until then: as many tasks run as the tuner says, or as there are. */
static void run_until(struct run *run, int64_t end)
{
	while (run->now < end) {
		int first = 0, tasks = run->tuner.tasks;

		if (run->demand > 0 && tasks > run->demand)
			tasks = run->demand;
		while (run->running < tasks)
			run_begin_task(run);
		for (int i = 1; i < run->running; i++)
			if (run->ends[i] < run->ends[first])
				first = i;
		run->now = run->ends[first];
		(void)egi_tuner_note(&run->tuner, run->now, run->running >= run->tuner.tasks);
		run->ended++;
		run->ends[first] = run->ends[--run->running];
	}
}

static void run_open(struct run *run, int least, int most, model *takes, int servers, int noise)
{
	*run = (struct run){.takes = takes, .servers = servers, .noise = noise, .seed = 1};
	egi_tuner_init(&run->tuner, least, most, not_pressed, NULL);
}

static int64_t takes_10_ms(int running)
{
	(void)running;
	return 10 * MS;
}

static void what_serves_32_at_once_is_found_within_three_seconds(void **state)
{
	static const int noises[] = {0, 5, 20, 50};

	(void)state;
	for (size_t i = 0; i < sizeof(noises) / sizeof(noises[0]); i++) {
		struct run run;

		run_open(&run, 2, 256, takes_10_ms, 32, noises[i]);
		run_until(&run, 3 * SECOND);
		print_message("# noise %d%%: %d after 3 s, ", noises[i], run.tuner.base);
		assert_in_range(run.tuner.base, 26, 42);
		run_until(&run, 20 * SECOND);
		print_message("%d after 20 s, %ld of 64000 tasks\n", run.tuner.base, run.ended);
		assert_in_range(run.tuner.base, 26, 42);
		assert_true(run.ended >= 57600);
	}
}

/* That is no power of two, which doubling would meet by itself. */
static void what_lies_between_two_steps_is_found_as_well(void **state)
{
	static const int servers[] = {5, 11, 24, 45, 90};

	(void)state;
	for (size_t i = 0; i < sizeof(servers) / sizeof(servers[0]); i++) {
		struct run run;
		long best = 500L * servers[i];

		run_open(&run, 2, 256, takes_10_ms, servers[i], 5);
		run_until(&run, 5 * SECOND);
		print_message("# %d: %d after 5 s, %ld of %ld tasks, ", servers[i], run.tuner.base, run.ended,
			      best);
		assert_in_range(run.tuner.base, servers[i] * 4 / 5, servers[i] * 4 / 3);
		run_until(&run, 20 * SECOND);
		print_message("%d after 20 s, %ld of %ld\n", run.tuner.base, run.ended, 4 * best);
		assert_true(run.ended >= 4 * best * 9 / 10);
	}
}

/* Beyond 16 each task more hinders all. */
static int64_t slows_down_past_16(int running)
{
	return running <= 16 ? 10 * MS : 10 * MS + 10 * MS * (running - 16) / 8;
}

static void what_slows_down_past_16_is_kept_near_16(void **state)
{
	static const int noises[] = {0, 5, 20};

	(void)state;
	for (size_t i = 0; i < sizeof(noises) / sizeof(noises[0]); i++) {
		struct run run;

		run_open(&run, 2, 256, slows_down_past_16, 0, noises[i]);
		for (int second = 3; second <= 20; second++) {
			run_until(&run, second * SECOND);
			assert_in_range(run.tuner.base, 11, 21);
		}
		print_message("# noise %d%%: %d after 20 s\n", noises[i], run.tuner.base);
		assert_in_range(run.tuner.base, 13, 19);
	}
}

/* Four CPUs, which the running tasks share. */
static int64_t computes_on_4(int running)
{
	return running <= 4 ? 3 * MS : 3 * MS * running / 4;
}

static void tasks_that_compute_stay_at_the_cpus(void **state)
{
	static const int noises[] = {0, 5, 20};

	(void)state;
	for (size_t i = 0; i < sizeof(noises) / sizeof(noises[0]); i++) {
		struct run run;

		run_open(&run, 1, 64, computes_on_4, 0, noises[i]);
		for (int second = 2; second <= 20; second++) {
			run_until(&run, second * SECOND);
			assert_in_range(run.tuner.base, 3, 6);
		}
		print_message("# noise %d%%: %d after 20 s\n", noises[i], run.tuner.base);
	}
}

static int64_t takes_3_seconds(int running)
{
	(void)running;
	return 3 * SECOND;
}

static void long_tasks_are_tuned_as_well(void **state)
{
	struct run run;

	(void)state;
	run_open(&run, 2, 64, takes_3_seconds, 8, 10);
	run_until(&run, 600 * SECOND);
	print_message("# %d after 600 s\n", run.tuner.base);
	assert_in_range(run.tuner.base, 6, 11);
}

/* A service that serves more, and then fewer again. */
static void a_load_that_changes_is_followed(void **state)
{
	struct run run;

	(void)state;
	run_open(&run, 2, 256, takes_10_ms, 8, 5);
	run_until(&run, 20 * SECOND);
	assert_in_range(run.tuner.base, 6, 11);
	run.servers = 64;
	run_until(&run, 80 * SECOND);
	print_message("# %d of 64, ", run.tuner.base);
	assert_in_range(run.tuner.base, 48, 84);
	run.servers = 8;
	run_until(&run, 160 * SECOND);
	print_message("%d of 8\n", run.tuner.base);
	assert_in_range(run.tuner.base, 6, 14);
}

static void bounds_are_kept_and_a_lack_of_tasks_says_nothing(void **state)
{
	struct run run;

	(void)state;
	run_open(&run, 4, 10, takes_10_ms, 32, 5);
	run_until(&run, 5 * SECOND);
	assert_int_equal(run.tuner.base, 10);
	run_open(&run, 4, 4, takes_10_ms, 32, 5);
	run_until(&run, 5 * SECOND);
	assert_int_equal(run.tuner.tasks, 4);
	run_open(&run, 6, 100, takes_10_ms, 2, 5);
	run_until(&run, 5 * SECOND);
	assert_in_range(run.tuner.base, 6, 7);
	/* The program has 5 tasks at a time. */
	run_open(&run, 2, 100, takes_10_ms, 32, 5);
	run.demand = 5;
	run_until(&run, 10 * SECOND);
	assert_in_range(run.tuner.base, 4, 5);
}

/* From a good one nothing is lost; from a bad one, either way, the best is found all the same. */
static void a_guess_is_gone_on_from(void **state)
{
	struct run run;

	(void)state;
	run_open(&run, 1, 256, takes_10_ms, 32, 5);
	egi_tuner_restart(&run.tuner, 32);
	run_until(&run, 3 * SECOND);
	assert_true(run.ended >= 9000);
	run_until(&run, 20 * SECOND);
	assert_in_range(run.tuner.base, 26, 42);
	run_open(&run, 1, 64, computes_on_4, 0, 5);
	egi_tuner_restart(&run.tuner, 64);
	run_until(&run, 60 * SECOND);
	print_message("# %d of 4, from 64; ", run.tuner.base);
	assert_in_range(run.tuner.base, 3, 6);
	/* Also of what rested long ago. */
	egi_tuner_restart(&run.tuner, 1);
	assert_int_equal(run.tuner.tasks, 1);
	run_until(&run, 65 * SECOND);
	print_message("%d, from 1\n", run.tuner.base);
	assert_in_range(run.tuner.base, 3, 6);
}

static void under_pressure_nothing_grows(void **state)
{
	struct run run;

	(void)state;
	run_open(&run, 3, 100, takes_10_ms, 32, 5);
	run.tuner.is_pressed = always_pressed;
	run_until(&run, 5 * SECOND);
	assert_int_equal(run.tuner.base, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_serves_32_at_once_is_found_within_three_seconds),
	    TEST(what_lies_between_two_steps_is_found_as_well),
	    TEST(what_slows_down_past_16_is_kept_near_16),
	    TEST(tasks_that_compute_stay_at_the_cpus),
	    TEST(long_tasks_are_tuned_as_well),
	    TEST(a_load_that_changes_is_followed),
	    TEST(bounds_are_kept_and_a_lack_of_tasks_says_nothing),
	    TEST(a_guess_is_gone_on_from),
	    TEST(under_pressure_nothing_grows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
