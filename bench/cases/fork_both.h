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

#ifdef RT_OWN_BOTH
static void fib_both_root(int workers, struct fib_both *fib);
#else
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

static void fib_both_root(int workers, struct fib_both *fib)
{
	rt_root(workers, fib_both_task, fib);
}
#endif

static void fork_both_run(const struct bench_args *args)
{
	struct fib_both fib = {args->tasks, 0};

	for (int run = -1; run < args->runs; run++) {
		int64_t begin = bench_now_ns();
		double ns;

		fib_both_root(args->workers, &fib);
		ns = (double)(bench_now_ns() - begin);
		if (fib.result != fibonacci(fib.n))
			bench_fail("fork_both: fib(%ld) is not %ld", fib.n, fib.result);
		if (run >= 0)
			bench_print(ns / (double)fibonacci_calls(fib.n));
	}
}

#endif

#endif
