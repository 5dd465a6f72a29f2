/* SPDX-License-Identifier: MIT */
/*
 * C-Thread-Pool: thpool_add_work and thpool_wait on a pool of WORKERS threads, made once a process. The
 * waiting thread runs no tasks. Debian ships it as source, which is built with the optimisation of everything
 * else. Small groups are k calls and a thpool_wait.
 */
#include <cthreadpool/thpool.h>

#include "../bench.h"

typedef void rt_fn(void *arg);

struct rt_pool {
	threadpool pool;
};

#define RT_CAN_PEND
#define RT_HAS_WAIT
#define RT_HAS_SPAWN
#define RT_HAS_THREADS

#define RT_HELD(workers) (workers)
#define RT_TASK(name, arg) static void name(void *arg)
#define RT_RETURN return
#define rt_argument(arg) (arg)

static inline void rt_setup(char **argv)
{
	(void)argv;
}

static void rt_with_threads(int workers, rt_body *body, void *context)
{
	static struct rt_pool pool;

	if (pool.pool == NULL)
		pool.pool = thpool_init(workers);
	if (pool.pool == NULL)
		bench_fail("thpool_init failed");
	body(&pool, context);
}

#define rt_with_pool(workers, tasks, fn, body, context) \
	((void)(tasks), (void)(fn), rt_with_threads((workers), (body), (context)))

static inline void rt_submit(struct rt_pool *pool, rt_fn *fn, void *arg)
{
	if (thpool_add_work(pool->pool, fn, arg) != 0)
		bench_fail("thpool_add_work failed");
}

static inline void rt_wait(struct rt_pool *pool)
{
	thpool_wait(pool->pool);
}

#define rt_finish rt_wait

#include "pool_group.h"

#include "../cases.h"
