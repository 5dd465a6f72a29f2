/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_PIPELINE_H
#define BENCH_CASES_PIPELINE_H

/*
 * pipeline: TASKS items through three stages, a serial source, a parallel one and a serial one that keeps the order,
 * of which none does more than count; from the call to its return, in ns an item. pipeline_1us: the same with 1 us of
 * work in the parallel stage, so that at best an item takes 1 us by WORKERS.
 *
 * The order of the items is checked in every run.
 */

#define PIPELINE_WORK_NS 1000.0

static void pipeline_runs(const struct bench_args *args, double work_ns)
{
	for (int run = -1; run < args->runs; run++) {
		struct bench_pipeline pipeline = {(uintptr_t)args->tasks, 0, 0, 0};
		int64_t begin, ns;

		if (work_ns > 0) {
			bench_calibrate();
			pipeline.loops = bench_loops(work_ns);
		}
		begin = bench_now_ns();
		rt_pipeline(args->workers, &pipeline);
		ns = bench_now_ns() - begin;
		if (pipeline.taken != pipeline.items)
			bench_fail("items were lost");
		if (run >= 0)
			bench_print((double)ns / (double)args->tasks);
	}
}

static void pipeline_run(const struct bench_args *args)
{
	pipeline_runs(args, 0);
}

static void pipeline_1us_run(const struct bench_args *args)
{
	pipeline_runs(args, PIPELINE_WORK_NS);
}

#endif
