/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_SPAWN_NESTED_H
#define BENCH_CASES_SPAWN_NESTED_H

/*
 * spawn_nested: the calls of the TASKS-th Fibonacci number, each of them a task that submits its two halves to the
 * group that it belongs to. Nobody waits but the one who submitted the first. In ns a task.
 *
 * The number is the sum of the leaves. Each thread adds up its own.
 */

#if defined(RT_HAS_SPAWN) || defined(RT_HAS_PLAIN_RECURSION)

#include "fibonacci.h"

#define SPAWN_THREADS_MAX 4096
#define SPAWN_LINE 128

struct spawn_sum {
	long sum;
} __attribute__((aligned(SPAWN_LINE)));

static struct spawn_sum spawn_sums[SPAWN_THREADS_MAX];
static __thread struct spawn_sum *spawn_sum;

static inline void spawn_add(long n)
{
	static int threads;

	if (spawn_sum == NULL) {
		int number = __atomic_fetch_add(&threads, 1, __ATOMIC_RELAXED);

		if (number >= SPAWN_THREADS_MAX)
			bench_fail("spawn_nested: the runtime made %d threads", number);
		spawn_sum = &spawn_sums[number];
	}
	spawn_sum->sum += n;
}

/* Takes what all threads have added up. */
static long spawn_take(void)
{
	long sum = 0;

	for (int i = 0; i < SPAWN_THREADS_MAX; i++) {
		sum += spawn_sums[i].sum;
		spawn_sums[i].sum = 0;
	}
	return sum;
}

#ifdef RT_HAS_SPAWN

#ifndef rt_spawn
/* Submits the first task, and waits for what has come of it. */
#define rt_spawn(pool, fn, arg)               \
	do {                                  \
		rt_submit((pool), fn, (arg)); \
		rt_finish(pool);              \
	} while (0)
#endif

static struct rt_pool *spawn_pool;

RT_TASK(spawn_task, arg)
{
	long n = (long)(intptr_t)rt_argument(arg);

	if (n < 2) {
		spawn_add(n);
		RT_RETURN;
	}
	rt_submit(spawn_pool, spawn_task, (void *)(n - 1));
	rt_submit(spawn_pool, spawn_task, (void *)(n - 2));
	RT_RETURN;
}

#else

static __attribute__((noinline)) void spawn_plain(long n)
{
	if (n < 2) {
		spawn_add(n);
		return;
	}
	spawn_plain(n - 1);
	spawn_plain(n - 2);
}

#endif

struct spawn {
	long n;
	double ns_each;
};

static void spawn_body(struct rt_pool *pool, void *context)
{
	struct spawn *spawn = (struct spawn *)context;
	int64_t begin = bench_now_ns();

#ifdef RT_HAS_SPAWN
	spawn_pool = pool;
	rt_spawn(pool, spawn_task, (void *)spawn->n);
#else
	(void)pool;
	spawn_plain(spawn->n);
#endif
	spawn->ns_each = (double)(bench_now_ns() - begin) / (double)fibonacci_calls(spawn->n);
}

static void spawn_nested_run(const struct bench_args *args)
{
	struct spawn spawn = {args->tasks, 0};

	for (int run = -1; run < args->runs; run++) {
		rt_with_pool(args->workers, fibonacci_calls(spawn.n), batch_mark, spawn_body, &spawn);
		if (spawn_take() != fibonacci(spawn.n))
			bench_fail("spawn_nested: a task was lost or ran twice");
		if (run >= 0)
			bench_print(spawn.ns_each);
	}
}

#endif

#endif
