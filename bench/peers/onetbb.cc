/* SPDX-License-Identifier: MIT */
/*
 * oneTBB: task_group, submitted to from inside a task_arena of WORKERS threads, the submitter among them,
 * which runs tasks while it waits. The same number bounds the threads of the process. Tasks are lambdas with
 * a captured pointer.
 *
 * A task that is run while its submitter blocks is enqueued in the arena instead: oneTBB promises no progress
 * otherwise.
 *
 * Cancelling is task_group::cancel: tasks that have not started are dropped.
 */
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include "../bench.h"

struct rt_pool {
	oneapi::tbb::task_group group;
	oneapi::tbb::task_arena *arena;
};

struct rt_group {
	oneapi::tbb::task_group group;
};

#define RT_CAN_PEND
#define RT_HAS_WAIT
#define RT_HAS_GROUP
#define RT_HAS_SPAWN
#define RT_HAS_NESTED
#define RT_HAS_THREADS
#define RT_HAS_CANCEL

#define RT_HELD(workers) ((workers)-1)
#define RT_TASK(name, arg) static inline void name(void *arg)
#define RT_RETURN return
#define rt_argument(arg) (arg)

static inline void rt_setup(char **)
{
}

static void rt_in_arena(int workers, rt_body *body, void *context)
{
	static oneapi::tbb::global_control control(oneapi::tbb::global_control::max_allowed_parallelism,
						   static_cast<std::size_t>(workers));
	static oneapi::tbb::task_arena arena(workers);

	arena.execute([=] {
		rt_pool pool;

		pool.arena = &arena;
		body(&pool, context);
	});
}

#define rt_with_pool(workers, tasks, fn, body, context) \
	((void)(tasks), (void)(fn), rt_in_arena((workers), (body), (context)))

#define rt_submit(pool, fn, argument)                        \
	do {                                                 \
		void *rt_arg = (argument);                   \
                                                             \
		(pool)->group.run([rt_arg] { fn(rt_arg); }); \
	} while (0)

/* Only an enqueued task is sure to run while the thread that submitted it is blocked. */
#define rt_submit_to_others(pool, fn, argument)                   \
	do {                                                      \
		void *rt_arg = (argument);                        \
                                                                  \
		(pool)->arena->enqueue([rt_arg] { fn(rt_arg); }); \
	} while (0)

static inline void rt_wait(struct rt_pool *pool)
{
	pool->group.wait();
}

#define rt_finish rt_wait

#define rt_group_open(group, pool, fn) ((void)(group), (void)(pool), (void)(fn))
#define rt_group_submit rt_submit

static inline void rt_group_wait(struct rt_group *group)
{
	group->group.wait();
}

static inline void rt_group_close(struct rt_group *)
{
}

#define RT_FAIL(pool) return (pool)->group.cancel()
#define rt_with_cancel_pool rt_with_pool

static inline long rt_finish_failed(struct rt_pool *pool)
{
	if (pool->group.wait() != oneapi::tbb::canceled)
		bench_fail("the group was not cancelled");
	return -1;
}

#include "../cases.h"
