/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_FIBONACCI_H
#define BENCH_CASES_FIBONACCI_H

/* Fibonacci numbers, by addition, and how many calls the recursion by the definition makes for one. */

#define FIBONACCI_MAX 50 /* its recursion takes minutes */

static inline long fibonacci(long n)
{
	long number = 0, next = 1;

	if (n > FIBONACCI_MAX)
		bench_fail("fib(%ld) would take years", n);
	while (n-- > 0) {
		long sum = number + next;

		number = next;
		next = sum;
	}
	return number;
}

static inline long fibonacci_calls(long n)
{
	return 2 * fibonacci(n + 1) - 1;
}

#endif
