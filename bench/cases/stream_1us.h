/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_STREAM_1US_H
#define BENCH_CASES_STREAM_1US_H

/*
 * stream_1us: TASKS tasks of 1 us of work each, submitted one by one and waited for: the time that the
 * workers need at least, TASKS * 1 us / WORKERS, against the time it took, in percent.
 *
 * stream_slow: the same with a submitter that works for 1 us after each task. The least time is then that of
 * the submission or that of the workers, whichever is longer. It shows whether tasks start while their group
 * is being filled.
 */

#define STREAM_TASK_NS 1000.0

static double stream_efficiency(const struct bench_args *args, bool is_slow)
{
	double ideal = (double)args->tasks * STREAM_TASK_NS / args->workers;
	double submission = (double)args->tasks * STREAM_TASK_NS;
	uintptr_t loops;

	bench_calibrate();
	loops = bench_loops(STREAM_TASK_NS);
	if (is_slow && ideal < submission)
		ideal = submission;
	return 100 * ideal / batch_spin_ns(args->workers, args->tasks, loops, is_slow ? loops : 0);
}

static void stream_1us_run(const struct bench_args *args)
{
	batch_check(args);
	for (int run = 0; run < args->runs; run++)
		bench_print(stream_efficiency(args, false));
}

static void stream_slow_run(const struct bench_args *args)
{
	batch_check(args);
	for (int run = 0; run < args->runs; run++)
		bench_print(stream_efficiency(args, true));
}

#endif
