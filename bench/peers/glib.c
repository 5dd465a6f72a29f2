/* SPDX-License-Identifier: MIT */
/*
 * GLib: a GThreadPool of WORKERS exclusive threads, made outside the timed region; freeing it in the waiting
 * way is GLib's wait for all tasks, and ends the timed region. The submitter runs no tasks. A pool has one
 * function, and the task is its argument.
 *
 * A small group is a pool of its own on shared threads, so that no thread is started for it, freed in the
 * same way. There is no wait that leaves a pool alive: wake_idle's task posts a semaphore.
 *
 * Cancelling is freeing the pool at once, which drops what has not started.
 */
#include <glib.h>

#include "../bench.h"

struct rt_pool {
	GThreadPool *pool;
	int workers;
};

struct rt_group {
	GThreadPool *pool;
};

#define RT_CAN_PEND
#define RT_HAS_GROUP
#define RT_HAS_THREADS
#define RT_HAS_CANCEL

#define RT_HELD(workers) (workers)
#define RT_TASK(name, arg) static void name(gpointer arg, __attribute__((unused)) gpointer rt_data)
#define RT_RETURN return
#define rt_argument(arg) (arg)

static inline void rt_setup(char **argv)
{
	(void)argv;
	/* Threads that have nothing to do stay, so that a group of shared ones does not start them anew. */
	g_thread_pool_set_max_unused_threads(-1);
	g_thread_pool_set_max_idle_time(0);
}

static void rt_with_threads(int workers, GFunc fn, rt_body *body, void *context)
{
	struct rt_pool pool;

	pool.workers = workers;
	pool.pool = g_thread_pool_new(fn, NULL, workers, TRUE, NULL);
	if (pool.pool == NULL)
		bench_fail("g_thread_pool_new failed");
	body(&pool, context);
}

#define rt_with_pool(workers, tasks, fn, body, context) \
	((void)(tasks), rt_with_threads((workers), (fn), (body), (context)))

static inline void rt_submit(struct rt_pool *pool, GFunc fn, gpointer arg)
{
	(void)fn;
	if (!g_thread_pool_push(pool->pool, arg, NULL))
		bench_fail("g_thread_pool_push failed");
}

static inline void rt_finish(struct rt_pool *pool)
{
	g_thread_pool_free(pool->pool, FALSE, TRUE);
}

static inline void rt_group_open(struct rt_group *group, struct rt_pool *pool, GFunc fn)
{
	group->pool = g_thread_pool_new(fn, NULL, pool->workers, FALSE, NULL);
}

static inline void rt_group_submit(struct rt_group *group, GFunc fn, gpointer arg)
{
	(void)fn;
	if (!g_thread_pool_push(group->pool, arg, NULL))
		bench_fail("g_thread_pool_push failed");
}

static inline void rt_group_wait(struct rt_group *group)
{
	g_thread_pool_free(group->pool, FALSE, TRUE);
}

static inline void rt_group_close(struct rt_group *group)
{
	(void)group;
}

static sem_t rt_failed;

#define RT_FAIL(pool) return (void)((void)(pool), sem_post(&rt_failed))
#define rt_with_cancel_pool rt_with_pool

static inline long rt_finish_failed(struct rt_pool *pool)
{
	bench_sem_wait(&rt_failed);
	g_thread_pool_free(pool->pool, TRUE, TRUE);
	return -1;
}

#include "../cases.h"
