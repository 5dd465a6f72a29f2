/* SPDX-License-Identifier: MIT */
/*
 * libfork: coroutines, of which the first half is forked and the second called, in a lazy pool that is made once. Whoever
 * steals takes what is left to do after the fork.
 */
#define RT_FEW_CASES
#define RT_HAS_BOTH
#define RT_OWN_BOTH

#include <libfork.hpp>

static inline void rt_setup(char **)
{
}

#include "../cases.h"

static lf::lazy_pool &rt_pool_of(int workers)
{
	static lf::lazy_pool pool(static_cast<std::size_t>(workers));

	return pool;
}

static constexpr auto rt_fib = [](auto fib, long n) LF_STATIC_CALL -> lf::task<long> {
	long left, right;

	if (n < 2)
		co_return n;
	co_await lf::fork(&left, fib)(n - 1);
	co_await lf::call(&right, fib)(n - 2);
	co_await lf::join;
	co_return left + right;
};

static void fib_both_root(int workers, struct fib_both *fib)
{
	fib->result = lf::sync_wait(rt_pool_of(workers), rt_fib, fib->n);
}

static constexpr auto rt_queens = [](auto queens_of, struct queens queens) LF_STATIC_CALL -> lf::task<long> {
	struct queens first, others;
	long left, right;

	if (!queens_divide(&queens, &first, &others))
		co_return queens.ways;
	co_await lf::fork(&left, queens_of)(first);
	co_await lf::call(&right, queens_of)(others);
	co_await lf::join;
	co_return left + right;
};

static void queens_root(int workers, struct queens *queens)
{
	queens->ways = lf::sync_wait(rt_pool_of(workers), rt_queens, *queens);
}
