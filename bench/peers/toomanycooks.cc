/* SPDX-License-Identifier: MIT */
/*
 * TooManyCooks: coroutines, of which the first half is forked and the second awaited, on its CPU executor, which is started once.
 */
#define RT_FEW_CASES
#define RT_HAS_BOTH
#define RT_OWN_BOTH

#define TMC_IMPL
#include <tmc/all_headers.hpp>

static inline void rt_setup(char **)
{
}

#include "../cases.h"

static tmc::ex_cpu &rt_executor(int workers)
{
	static bool is_started;

	if (!is_started)
		tmc::cpu_executor().set_thread_count(static_cast<std::size_t>(workers)).init();
	is_started = true;
	return tmc::cpu_executor();
}

static tmc::task<long> rt_fib(long n)
{
	if (n < 2)
		co_return n;

	auto left = tmc::spawn(rt_fib(n - 1)).fork();
	long right = co_await rt_fib(n - 2);

	co_return co_await std::move(left) + right;
}

static void fib_both_root(int workers, struct fib_both *fib)
{
	fib->result = tmc::post_waitable(rt_executor(workers), rt_fib(fib->n), 0).get();
}

static tmc::task<long> rt_queens(struct queens queens)
{
	struct queens first, others;

	if (!queens_divide(&queens, &first, &others))
		co_return queens.ways;

	auto left = tmc::spawn(rt_queens(first)).fork();
	long right = co_await rt_queens(others);

	co_return co_await std::move(left) + right;
}

static void queens_root(int workers, struct queens *queens)
{
	queens->ways = tmc::post_waitable(rt_executor(workers), rt_queens(*queens), 0).get();
}
