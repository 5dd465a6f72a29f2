/* SPDX-License-Identifier: MIT */
/*
 * pthreadpool: ranges only, by WORKERS threads, the caller among them. It has no tasks to submit one by one, so the one
 * case of tasks that it can do is a batch of equal calls: pthreadpool_parallelize_1d over TASKS indices. What it is
 * spared, storing a function and an argument for each, is the difference between a parallel loop and tasks.
 *
 * Loops are pthreadpool_parallelize_1d, a call for each index, and pthreadpool_parallelize_1d_tile_1d for pieces, whose
 * size is the caller's to say. The pool is made once a process.
 */
#include <pthreadpool.h>

#include "../bench.h"

#define RT_FEW_CASES
#define RT_BATCH_EMPTY
#define RT_HAS_FOR

/* Pieces so small that they are many for a thread, and so large that taking them costs nothing. */
#define RT_TILE(workers, count) ((count) / ((size_t)(workers)*4096) + 1)

#define RT_EACH(name, arg, index) static void name(void *arg, size_t index)
#define RT_EACH_RETURN return

static inline void rt_setup(char **argv)
{
	(void)argv;
}

static pthreadpool_t rt_pool_of(int workers)
{
	static pthreadpool_t pool;

	if (pool == NULL)
		pool = pthreadpool_create((size_t)workers);
	if (pool == NULL)
		bench_fail("pthreadpool_create failed");
	return pool;
}

#define rt_for_each(workers, count, fn, arg) \
	pthreadpool_parallelize_1d(rt_pool_of(workers), (fn), (arg), (count), 0)

static void rt_sum_tile(void *context, size_t begin, size_t length)
{
	__atomic_fetch_add((uint64_t *)context, bench_range_sum(begin, begin + length), __ATOMIC_RELAXED);
}

static inline uint64_t rt_for_sum(int workers, size_t count)
{
	uint64_t sum = 0;

	pthreadpool_parallelize_1d_tile_1d(rt_pool_of(workers), rt_sum_tile, &sum, count,
					   RT_TILE(workers, count), 0);
	return sum;
}

static void mark(void *context, size_t index)
{
	++((unsigned char *)context)[index];
}

static void empty(void *context, size_t index)
{
	(void)context;
	(void)index;
}

static void batch_empty_run(const struct bench_args *args)
{
	unsigned char *marks = bench_marks_open(args->tasks);

	rt_for_each(args->workers, (size_t)args->tasks, mark, marks);
	bench_marks_check(marks, args->tasks);
	for (int run = 0; run < args->runs; run++) {
		int64_t begin = bench_now_ns(), now;
		long batches = 0;

		do {
			rt_for_each(args->workers, (size_t)args->tasks, empty, NULL);
			batches++;
			now = bench_now_ns();
		} while (now - begin < 1000000);
		bench_print((double)(now - begin) / ((double)batches * (double)args->tasks));
	}
}

#include "../cases.h"
