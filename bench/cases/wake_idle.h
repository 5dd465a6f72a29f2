/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_WAKE_IDLE_H
#define BENCH_CASES_WAKE_IDLE_H

/*
 * wake_idle: a task submitted to a pool that has been idle for a while, and waited for in the runtime's way,
 * which may be to run it in the waiting thread. TASKS is the length of the pause in us; what the kernel adds
 * to a sleep of that length, some 50 us, comes on top, and 0 is no pause at all. Each run prints a line: the
 * median and the 99th percentile of the round trip in ns, and the CPU time of the process in percent of one
 * CPU.
 *
 * wake_worker: the same with a submitter that blocks on a semaphore, which the task posts, so that another
 * thread has to run it. Runtimes without a wait for one task among others do wake_idle that way too.
 */

#ifdef RT_HAS_THREADS

#define WAKE_TRIPS_MAX 4000
#define WAKE_TRIPS_MIN 300
#define WAKE_NS 200000000.0 /* the pauses of a run last about this long together */

struct wake {
	long gap_us;
	size_t trips;
	bool waits_for_worker;
	double trip_ns[WAKE_TRIPS_MAX];
	double cpu_percent;
};

#ifndef rt_submit_to_others
#define rt_submit_to_others rt_submit
#endif

static sem_t wake_done;
static volatile long wake_count;

/* Every task of these cases runs alone, and is waited for before the next is submitted. */
RT_TASK(wake_task, arg)
{
	(void)arg;
	wake_count = wake_count + 1;
	sem_post(&wake_done);
	RT_RETURN;
}

static void wake_body(struct rt_pool *pool, void *context)
{
	struct wake *wake = (struct wake *)context;
	int64_t begin = bench_now_ns(), cpu_begin = bench_cpu_ns();

	wake_count = 0;
	for (size_t i = 0; i < wake->trips; i++) {
		int64_t submitted;

		bench_sleep_us(wake->gap_us);
		submitted = bench_now_ns();
		if (wake->waits_for_worker)
			rt_submit_to_others(pool, wake_task, (char *)1 + i);
		else
			rt_submit(pool, wake_task, (char *)1 + i);
#ifdef RT_HAS_WAIT
		if (!wake->waits_for_worker)
			rt_wait(pool);
#endif
		bench_sem_wait(&wake_done);
		wake->trip_ns[i] = (double)(bench_now_ns() - submitted);
	}
	wake->cpu_percent = 100 * (double)(bench_cpu_ns() - cpu_begin) / (double)(bench_now_ns() - begin);
	rt_finish(pool);
	if (wake_count != (long)wake->trips)
		bench_fail("wake_idle: %ld of %zu tasks ran", wake_count, wake->trips);
}

static void wake_run(const struct bench_args *args, bool waits_for_worker)
{
	static struct wake wake;
	double trips = WAKE_NS / (1000.0 * (double)(args->tasks + 60));

	if (waits_for_worker && RT_HELD(args->workers) < 1)
		bench_cannot("wake_worker: no thread besides the submitter");
	sem_init(&wake_done, 0, 0);
	wake.gap_us = args->tasks;
	wake.waits_for_worker = waits_for_worker;
	for (int run = -1; run < args->runs; run++) {
		wake.trips = trips > WAKE_TRIPS_MAX ? WAKE_TRIPS_MAX : (size_t)trips;
		/* So that there is a 99th percentile to speak of. The warm-up does without. */
		if (wake.trips < WAKE_TRIPS_MIN)
			wake.trips = WAKE_TRIPS_MIN;
		if (run < 0)
			wake.trips = 20;
		rt_with_pool(args->workers, (long)wake.trips, wake_task, wake_body, &wake);
		if (run >= 0)
			bench_print_wake(bench_percentile(wake.trip_ns, wake.trips, 0.5),
					 bench_percentile(wake.trip_ns, wake.trips, 0.99), wake.cpu_percent);
	}
}

static void wake_idle_run(const struct bench_args *args)
{
	wake_run(args, false);
}

static void wake_worker_run(const struct bench_args *args)
{
	wake_run(args, true);
}

#endif

#endif
