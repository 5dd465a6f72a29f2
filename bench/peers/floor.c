/* SPDX-License-Identifier: MIT */
/*
 * The floor as a runtime: see floor.h. Its list and threads are made once a process, so that timed runs find
 * memory that is warm. WORKERS threads run tasks, the submitter being one of them.
 *
 * A group is the same list run by the submitter alone, since no exchange with another thread could pay for
 * itself in a few empty tasks. The nested cases are plain recursion without tasks, on one thread.
 */
#include "floor.h"

#include "../bench.h"

struct rt_pool {
	struct floor_list *list;
	long tasks_max;
};

struct rt_group {
	struct floor_list *list;
};

#define RT_CAN_PEND
#define RT_HAS_GROUP
#define RT_HAS_PLAIN_RECURSION

#define RT_HELD(workers) ((void)(workers), 0)
#define RT_TASK(name, arg) static void name(void *arg)
#define RT_RETURN return
#define rt_argument(arg) (arg)

static inline void rt_setup(char **argv)
{
	(void)argv;
}

static void rt_with_list(int workers, long tasks, rt_body *body, void *context)
{
	static struct rt_pool pool;

	if (pool.tasks_max < tasks) {
		if (pool.list != NULL)
			floor_destroy(pool.list);
		pool.list = floor_create((size_t)workers, (size_t)tasks);
		pool.tasks_max = tasks;
	}
	body(&pool, context);
}

#define rt_with_pool(workers, tasks, fn, body, context) \
	((void)(fn), rt_with_list((workers), (tasks), (body), (context)))

static inline void rt_submit(struct rt_pool *pool, floor_fn *fn, void *arg)
{
	floor_submit(pool->list, fn, arg);
}

static inline void rt_finish(struct rt_pool *pool)
{
	floor_run(pool->list);
}

static inline void rt_group_open(struct rt_group *group, struct rt_pool *pool, floor_fn *fn)
{
	(void)fn;
	group->list = pool->list;
}

static inline void rt_group_submit(struct rt_group *group, floor_fn *fn, void *arg)
{
	floor_submit(group->list, fn, arg);
}

static inline void rt_group_wait(struct rt_group *group)
{
	floor_run_alone(group->list);
}

static inline void rt_group_close(struct rt_group *group)
{
	(void)group;
}

#include "../cases.h"
