/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_METG50_STREAM_H
#define BENCH_CASES_METG50_STREAM_H

/*
 * metg50_stream: the length of task at which the machine does useful work half of the time, in ns, while
 * TASKS tasks of that length are submitted and run. Submission counts. metg_curve prints the efficiency at
 * many lengths, as lines of "length_ns percent".
 *
 * The length of a task is what a call of it takes when one thread calls all of them in a loop, and the
 * efficiency is that loop's time divided by WORKERS times the time that the runtime needed.
 */

#define METG_SAMPLES_MAX 3
#define METG_LOOPS_MIN 1
#define METG_LOOPS_MAX ((uintptr_t)1 << 17) /* about 0.2 ms */
#define METG_FAR 0.05       /* below this efficiency four times the length is still too short */
#define METG_PRECISION 1.03 /* the search ends when its bounds are as close as this */
#define METG_SERIAL_NS \
	1e8 /* a trial has no more tasks than fill this on one thread, but for the least number */
#define METG_TASKS_MIN 1000
#define METG_CALLS 100000 /* over which the length found is measured */
#define METG_CURVE_MIN_NS 4
#define METG_CURVE_MAX_NS 65536

/* How long the tasks of so many steps take in parallel. */
typedef double metg_measure(const struct bench_args *args, uintptr_t loops);

static double metg_efficiency(const struct bench_args *args, metg_measure *measure, uintptr_t loops,
			      size_t count)
{
	struct bench_args trial = *args;
	double each = bench_serial_ns(loops, METG_TASKS_MIN) / METG_TASKS_MIN;
	double samples[METG_SAMPLES_MAX];

	if (each * (double)trial.tasks > METG_SERIAL_NS)
		trial.tasks = (long)(METG_SERIAL_NS / each);
	if (trial.tasks < METG_TASKS_MIN)
		trial.tasks = METG_TASKS_MIN;
	for (size_t i = 0; i < count; i++)
		samples[i] = measure(&trial, loops);
	return bench_serial_ns(loops, trial.tasks) / (trial.workers * bench_percentile(samples, count, 0.5));
}

/*
 * Doubles the length until half of the time is work, faster while it is far away, and confirms that; then
 * halves the interval between the last two lengths.
 */
static double metg_search(const struct bench_args *args, metg_measure *measure)
{
	uintptr_t high = METG_LOOPS_MIN, low = 0;

	for (;;) {
		double efficiency = metg_efficiency(args, measure, high, 1);

		if (efficiency >= 0.5)
			efficiency = metg_efficiency(args, measure, high, METG_SAMPLES_MAX);
		if (efficiency >= 0.5)
			break;
		low = high;
		high *= efficiency < METG_FAR ? 4 : 2;
		if (high > METG_LOOPS_MAX)
			bench_cannot("not even tasks of 0.2 ms reach 50 %%");
	}
	while (low != 0 && high - low > 1 && (double)high > (double)low * METG_PRECISION) {
		uintptr_t middle = low + (high - low) / 2;

		if (metg_efficiency(args, measure, middle, METG_SAMPLES_MAX) < 0.5)
			low = middle;
		else
			high = middle;
	}
	return bench_serial_ns(high, METG_CALLS) / METG_CALLS;
}

static double metg_stream_ns(const struct bench_args *args, uintptr_t loops)
{
	return batch_spin_ns(args->workers, args->tasks, loops, 0);
}

static void metg50_stream_run(const struct bench_args *args)
{
	batch_check(args);
	for (int run = 0; run < args->runs; run++)
		bench_print(metg_search(args, metg_stream_ns));
}

static void metg_curve_run(const struct bench_args *args)
{
	batch_check(args);
	for (int run = 0; run < args->runs; run++)
		for (int ns = METG_CURVE_MIN_NS; ns <= METG_CURVE_MAX_NS; ns *= 2)
			bench_print_pair(ns, 100 * metg_efficiency(args, metg_stream_ns, bench_loops(ns),
								   METG_SAMPLES_MAX));
}

#endif
