/* SPDX-License-Identifier: MIT */
/*
 * libuv: uv_queue_work on a loop, with the process-wide pool of UV_THREADPOOL_SIZE threads, which the warm-up
 * starts. uv_run is the wait; the loop's thread runs no tasks. Each task has a request, which is its user's
 * memory, kept from run to run; its data is the task's argument. There is no call after the work, since
 * nothing is left to do.
 *
 * A small group is k requests and one uv_run. Cancelling is uv_cancel for every request.
 */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "../bench.h"

struct rt_pool {
	uv_loop_t loop;
	uv_work_t *requests;
	long tasks_max;
	long count; /* requests in use */
};

#define RT_CAN_PEND
#define RT_HAS_WAIT
#define RT_HAS_THREADS
#define RT_HAS_CANCEL

#define RT_HELD(workers) (workers)
#define RT_TASK(name, arg) static void name(uv_work_t *arg)
#define RT_RETURN return
#define rt_argument(arg) ((arg)->data)

static inline void rt_setup(char **argv)
{
	/* WORKERS, before the first use of the pool. */
	if (argv[1] != NULL && argv[2] != NULL)
		setenv("UV_THREADPOOL_SIZE", argv[2], 1);
}

static void rt_with_loop(int workers, long tasks, rt_body *body, void *context)
{
	static struct rt_pool pool;

	if (pool.tasks_max == 0 && uv_loop_init(&pool.loop) != 0)
		bench_fail("uv_loop_init failed");
	/* Beside the tasks there are those that are held. */
	tasks += workers;
	if (pool.tasks_max < tasks) {
		free(pool.requests);
		pool.requests = malloc((size_t)tasks * sizeof(*pool.requests));
		pool.tasks_max = tasks;
		if (pool.requests == NULL)
			bench_fail("no memory for requests");
	}
	body(&pool, context);
}

#define rt_with_pool(workers, tasks, fn, body, context) \
	((void)(fn), rt_with_loop((workers), (tasks), (body), (context)))

static inline void rt_submit(struct rt_pool *pool, uv_work_cb fn, void *arg)
{
	uv_work_t *request = &pool->requests[pool->count++];

	request->data = arg;
	if (uv_queue_work(&pool->loop, request, fn, NULL) != 0)
		bench_fail("uv_queue_work failed");
}

static inline void rt_wait(struct rt_pool *pool)
{
	uv_run(&pool->loop, UV_RUN_DEFAULT);
	pool->count = 0;
}

#define rt_finish rt_wait

#include "pool_group.h"

static sem_t rt_failed;

#define RT_FAIL(pool) return (void)((void)(pool), sem_post(&rt_failed))
#define rt_with_cancel_pool rt_with_pool

static inline long rt_finish_failed(struct rt_pool *pool)
{
	long cancelled = 0;

	bench_sem_wait(&rt_failed);
	for (long i = 0; i < pool->count; i++)
		cancelled += uv_cancel((uv_req_t *)&pool->requests[i]) == 0;
	rt_wait(pool);
	return cancelled;
}

#include "../cases.h"
