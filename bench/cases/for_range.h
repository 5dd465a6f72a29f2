/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_FOR_RANGE_H
#define BENCH_CASES_FOR_RANGE_H

/*
 * for_range: a sum over TASKS indices by a loop that is given to WORKERS threads in pieces, as large as the runtime
 * finds right, from the call to its return; in ns an index. An index takes four cycles or so, and what is above that is
 * the price of dividing the range. The sum is checked in every run.
 *
 * for_range_each: a call for each index, of a function that needs its index and does nothing. It is a call for all
 * runtimes, also for those whose compiler could see through it: with an inlined body these make the loop that for_range
 * measures. The warm-up marks each of the indices, of at most so many as are soon read.
 */

#define FOR_RANGE_MARKS 10000000

RT_EACH(for_range_mark, arg, index)
{
	++((unsigned char *)arg)[index];
	RT_EACH_RETURN;
}

RT_EACH(for_range_index, arg, index)
{
	(void)arg;
	bench_use(index);
	RT_EACH_RETURN;
}

static inline void for_range_warm_up(const struct bench_args *args)
{
	long count = args->tasks < FOR_RANGE_MARKS ? args->tasks : FOR_RANGE_MARKS;
	unsigned char *marks = bench_marks_open(count);

	rt_for_each(args->workers, (size_t)count, for_range_mark, marks);
	bench_marks_check(marks, count);
}

static void for_range_run(const struct bench_args *args)
{
	for_range_warm_up(args);
	for (int run = -1; run < args->runs; run++) {
		int64_t begin = bench_now_ns();
		uint64_t sum = rt_for_sum(args->workers, (size_t)args->tasks);
		int64_t ns = bench_now_ns() - begin;

		bench_range_check(sum, args->tasks);
		if (run >= 0)
			bench_print((double)ns / (double)args->tasks);
	}
}

static void for_range_each_run(const struct bench_args *args)
{
	for_range_warm_up(args);
	for (int run = 0; run < args->runs; run++) {
		int64_t begin = bench_now_ns();

		rt_for_each(args->workers, (size_t)args->tasks, for_range_index, NULL);
		bench_print((double)(bench_now_ns() - begin) / (double)args->tasks);
	}
}

#endif
