/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_FOR_UNEVEN_H
#define BENCH_CASES_FOR_UNEVEN_H

/*
 * for_uneven: a loop over TASKS indices, a call for each, that take as long as the tasks of `uneven`: the time that it
 * took against the least possible. for_ramp: the same with lengths that rise evenly, so that halves of the range are
 * not halves of the work.
 */

#include "lengths.h"

RT_EACH(for_uneven_index, arg, index)
{
	lengths_do(&((struct lengths_task *)arg)[index]);
	RT_EACH_RETURN;
}

static void for_uneven_runs(const struct bench_args *args, bool is_ramp)
{
	double ideal;
	struct lengths_task *tasks = lengths_make(args, is_ramp, &ideal);

	for (int run = -1; run < args->runs; run++) {
		int64_t begin, ns;

		lengths_prepare(tasks, args->tasks);
		begin = bench_now_ns();
		rt_for_each(args->workers, (size_t)args->tasks, for_uneven_index, tasks);
		ns = bench_now_ns() - begin;
		lengths_check(tasks, args->tasks);
		if (run >= 0)
			bench_print((double)ns / ideal);
	}
	free(tasks);
}

static void for_uneven_run(const struct bench_args *args)
{
	for_uneven_runs(args, false);
}

static void for_ramp_run(const struct bench_args *args)
{
	for_uneven_runs(args, true);
}

#endif
