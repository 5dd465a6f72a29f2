/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_FORK_BOTH_H
#define BENCH_CASES_FORK_BOTH_H

/*
 * fork_both: the TASKS-th Fibonacci number, where each call makes its two by the runtime's call for two halves,
 * of which another worker may take one. In ns a call.
 */

#ifdef RT_HAS_BOTH

#include "fibonacci.h"

struct fib_both {
	long n;
	long result;
};

RT_TASK(fib_both_task, arg)
{
	struct fib_both *fib = (struct fib_both *)rt_argument(arg);
	struct fib_both left, right;

	fib->result = fib->n;
	if (fib->n < 2)
		RT_RETURN;
	left.n = fib->n - 1;
	right.n = fib->n - 2;
	rt_both(fib_both_task, &left, &right);
	fib->result = left.result + right.result;
	RT_RETURN;
}

static void fork_both_body(struct rt_pool *pool, void *context)
{
	rt_submit(pool, fib_both_task, context);
	rt_finish(pool);
}

static void fork_both_run(const struct bench_args *args)
{
	struct fib_both fib = {args->tasks, 0};

	for (int run = -1; run < args->runs; run++) {
		int64_t begin = bench_now_ns();
		double ns;

		rt_with_pool(args->workers, 1, fib_both_task, fork_both_body, &fib);
		ns = (double)(bench_now_ns() - begin);
		if (fib.result != fibonacci(fib.n))
			bench_fail("fork_both: fib(%ld) is not %ld", fib.n, fib.result);
		if (run >= 0)
			bench_print(ns / (double)fibonacci_calls(fib.n));
	}
}

#endif

#endif
