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
#define RT_HAS_BOTH

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

/* Plain recursion. */
#define rt_root(workers, fn, arg) ((void)(workers), fn(arg))
#define rt_both(fn, left, right) (fn(left), fn(right))

/*
 * Loops: one task for each thread, which is its part of the range and calls the function, or adds up, in a plain loop.
 */
#define RT_HAS_FOR
#define RT_EACH(name, arg, index) static BENCH_OPAQUE void name(void *arg, size_t index)
#define RT_EACH_RETURN return

typedef void rt_each_fn(void *arg, size_t index);

struct rt_part {
	size_t begin, end;
	rt_each_fn *fn;
	void *arg;
	uint64_t sum;
} __attribute__((aligned(128)));

static void rt_part_each(void *arg)
{
	struct rt_part *part = arg;

	for (size_t i = part->begin; i < part->end; i++)
		part->fn(part->arg, i);
}

static void rt_part_sum(void *arg)
{
	struct rt_part *part = arg;

	part->sum = bench_range_sum(part->begin, part->end);
}

static uint64_t rt_for_parts(int workers, size_t count, floor_fn *run, rt_each_fn *fn, void *arg)
{
	static struct floor_list *list;
	struct rt_part parts[64];
	uint64_t sum = 0;

	if (workers > 64)
		bench_cannot("the floor has 64 parts at most");
	if (list == NULL)
		list = floor_create((size_t)workers, (size_t)workers);
	for (int i = 0; i < workers; i++) {
		parts[i] = (struct rt_part){count * (size_t)i / (size_t)workers,
					    count * (size_t)(i + 1) / (size_t)workers, fn, arg, 0};
		floor_submit(list, run, &parts[i]);
	}
	floor_run(list);
	for (int i = 0; i < workers; i++)
		sum += parts[i].sum;
	return sum;
}

#define rt_for_sum(workers, count) rt_for_parts((workers), (count), rt_part_sum, NULL, NULL)
#define rt_for_each(workers, count, fn, arg) rt_for_parts((workers), (count), rt_part_each, (fn), (arg))

#include "../cases.h"
