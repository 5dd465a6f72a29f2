/* SPDX-License-Identifier: MIT */
/*
 * apr-util: apr_thread_pool with WORKERS threads that all exist from the start and stay, made once a process.
 * Tasks are submitted with apr_thread_pool_top, last in, first out: apr_thread_pool_push walks over all
 * pending tasks of the same priority, which takes time quadratic in their number.
 *
 * It has no wait for all tasks. As its users do, the tasks count down, and the last one wakes the waiter
 * through a mutex and a condition; the submitter runs no tasks. Cancelling is apr_thread_pool_tasks_cancel
 * for the owner of all tasks.
 */
#include <apr_atomic.h>
#include <apr_general.h>
#include <apr_thread_cond.h>
#include <apr_thread_mutex.h>
#include <apr_thread_pool.h>

#include "../bench.h"

struct rt_pool {
	apr_thread_pool_t *pool;
};

#define RT_CAN_PEND
#define RT_HAS_WAIT
#define RT_HAS_SPAWN
#define RT_HAS_THREADS
#define RT_HAS_CANCEL

#define RT_HELD(workers) (workers)
#define RT_TASK(name, arg) \
	static void *APR_THREAD_FUNC name(__attribute__((unused)) apr_thread_t *rt_thread, void *arg)
#define RT_RETURN return rt_count_down()
#define rt_argument(arg) (arg)

/* Tasks that have not ended, and one for the submitter until it waits, so that it is not zero before. */
static volatile apr_uint32_t rt_unfinished = 1;
static apr_thread_mutex_t *rt_mutex;
static apr_thread_cond_t *rt_all_done;
static bool rt_is_done;

static inline void *rt_count_down(void)
{
	if (apr_atomic_dec32(&rt_unfinished) == 0) {
		apr_thread_mutex_lock(rt_mutex);
		rt_is_done = true;
		apr_thread_cond_signal(rt_all_done);
		apr_thread_mutex_unlock(rt_mutex);
	}
	return NULL;
}

static inline void rt_setup(char **argv)
{
	(void)argv;
	apr_initialize();
}

static void rt_with_threads(int workers, rt_body *body, void *context)
{
	static struct rt_pool pool;
	static apr_pool_t *memory;

	if (memory == NULL) {
		if (apr_pool_create(&memory, NULL) != APR_SUCCESS ||
		    apr_thread_mutex_create(&rt_mutex, APR_THREAD_MUTEX_DEFAULT, memory) != APR_SUCCESS ||
		    apr_thread_cond_create(&rt_all_done, memory) != APR_SUCCESS ||
		    apr_thread_pool_create(&pool.pool, (apr_size_t)workers, (apr_size_t)workers, memory) !=
			APR_SUCCESS)
			bench_fail("apr_thread_pool_create failed");
	}
	body(&pool, context);
}

#define rt_with_pool(workers, tasks, fn, body, context) \
	((void)(tasks), (void)(fn), rt_with_threads((workers), (body), (context)))

static inline void rt_submit(struct rt_pool *pool, apr_thread_start_t fn, void *arg)
{
	apr_atomic_inc32(&rt_unfinished);
	if (apr_thread_pool_top(pool->pool, fn, arg, APR_THREAD_TASK_PRIORITY_NORMAL, pool) != APR_SUCCESS)
		bench_fail("apr_thread_pool_top failed");
}

static inline void rt_wait(struct rt_pool *pool)
{
	(void)pool;
	rt_count_down();
	apr_thread_mutex_lock(rt_mutex);
	while (!rt_is_done)
		apr_thread_cond_wait(rt_all_done, rt_mutex);
	rt_is_done = false;
	rt_unfinished = 1;
	apr_thread_mutex_unlock(rt_mutex);
}

#define rt_finish rt_wait

#include "pool_group.h"

static sem_t rt_failed;

#define RT_FAIL(pool) return ((void)(pool), sem_post(&rt_failed), NULL)
#define rt_with_cancel_pool rt_with_pool

static inline long rt_finish_failed(struct rt_pool *pool)
{
	bench_sem_wait(&rt_failed);
	if (apr_thread_pool_tasks_cancel(pool->pool, pool) != APR_SUCCESS)
		bench_fail("apr_thread_pool_tasks_cancel failed");
	/* That has waited for the running ones; the dropped ones have not counted down. */
	rt_unfinished = 1;
	return -1;
}

#include "../cases.h"
