/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_FORK_JOIN_H
#define BENCH_CASES_FORK_JOIN_H

/*
 * fork_join: the TASKS-th Fibonacci number, where each call makes a group for one half, submitted as a
 * task, does the other half itself and waits. In ns a call.
 */

#if defined(RT_HAS_NESTED) || defined(RT_HAS_PLAIN_RECURSION)

#include "fibonacci.h"

#ifdef RT_HAS_NESTED

struct fib_half {
	struct rt_pool *pool;
	long n;
	long result;
};

static long fib_parallel(struct rt_pool *pool, long n);

RT_TASK(fib_task, arg)
{
	struct fib_half *half = (struct fib_half *)rt_argument(arg);

	half->result = fib_parallel(half->pool, half->n);
	RT_RETURN;
}

static long fib_parallel(struct rt_pool *pool, long n)
{
	struct fib_half half;
	struct rt_group group;
	long other;

	if (n < 2)
		return n;
	half.pool = pool;
	half.n = n - 1;
	rt_group_open(&group, pool, fib_task);
	rt_group_submit(&group, fib_task, &half);
	other = fib_parallel(pool, n - 2);
	rt_group_wait(&group);
	rt_group_close(&group);
	return half.result + other;
}

#else

static __attribute__((noinline)) long fib_parallel(struct rt_pool *pool, long n)
{
	return n < 2 ? n : fib_parallel(pool, n - 1) + fib_parallel(pool, n - 2);
}

#endif

struct fib {
	long n;
	double ns_each;
};

static void fib_body(struct rt_pool *pool, void *context)
{
	struct fib *fib = (struct fib *)context;
	int64_t begin = bench_now_ns();
	long result = fib_parallel(pool, fib->n);
	double ns = (double)(bench_now_ns() - begin);

	fib->ns_each = ns / (double)fibonacci_calls(fib->n);
	if (result != fibonacci(fib->n))
		bench_fail("fork_join: fib(%ld) is not %ld", fib->n, result);
}

static void fork_join_run(const struct bench_args *args)
{
	struct fib fib = {args->tasks, 0};

	for (int run = -1; run < args->runs; run++) {
		rt_with_pool(args->workers, 1, batch_mark, fib_body, &fib);
		if (run >= 0)
			bench_print(fib.ns_each);
	}
}

#endif

#endif
