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
 *
 * Loops are parallel_for in the same arena, over a blocked_range for pieces and over indices for single calls, with the
 * partitioner that it has by default. RT_STATIC is another runtime, with the static_partitioner.
 *
 * Pipelines are parallel_pipeline.
 */
#ifdef RT_STATIC
#define RT_FEW_CASES
#endif

#include <atomic>

#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/parallel_invoke.h>
#include <oneapi/tbb/parallel_pipeline.h>
#include <oneapi/tbb/partitioner.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>

#include "../pipeline.h"

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
#ifndef RT_STATIC
#define RT_HAS_BOTH
#endif
#define RT_HAS_THREADS
#define RT_HAS_CANCEL

#define RT_HELD(workers) ((workers)-1)
#define RT_TASK(name, arg) static inline void name(void *arg)
#define RT_RETURN return
#define rt_argument(arg) (arg)

static inline void rt_setup(char **)
{
}

static oneapi::tbb::task_arena &rt_arena(int workers)
{
	static oneapi::tbb::global_control control(oneapi::tbb::global_control::max_allowed_parallelism,
						   static_cast<std::size_t>(workers));
	static oneapi::tbb::task_arena arena(workers);

	return arena;
}

static inline void rt_in_arena(int workers, rt_body *body, void *context)
{
	rt_arena(workers).execute([=] {
		rt_pool pool;

		pool.arena = &rt_arena(workers);
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

#define rt_root(workers, fn, arg) rt_arena(workers).execute([=] { fn(arg); })
#define rt_both(fn, left, right) oneapi::tbb::parallel_invoke([&] { fn(left); }, [&] { fn(right); })

#define RT_FAIL(pool) return (pool)->group.cancel()
#define rt_with_cancel_pool rt_with_pool

static inline long rt_finish_failed(struct rt_pool *pool)
{
	if (pool->group.wait() != oneapi::tbb::canceled)
		bench_fail("the group was not cancelled");
	return -1;
}

#define RT_HAS_FOR
#define RT_EACH(name, arg, index) static BENCH_OPAQUE void name(void *arg, std::size_t index)
#define RT_EACH_RETURN return

#ifdef RT_STATIC
typedef oneapi::tbb::static_partitioner rt_partitioner;
#else
typedef oneapi::tbb::auto_partitioner rt_partitioner;
#endif

#define rt_for_each(workers, count, fn, arg)                                               \
	rt_arena(workers).execute([&] {                                                    \
		oneapi::tbb::parallel_for(                                                 \
		    std::size_t{0}, (count), [=](std::size_t index) { fn((arg), index); }, \
		    rt_partitioner());                                                     \
	})

static inline std::uint64_t rt_for_sum(int workers, std::size_t count)
{
	std::atomic<std::uint64_t> sum{0};

	rt_arena(workers).execute([&] {
		oneapi::tbb::parallel_for(
		    oneapi::tbb::blocked_range<std::size_t>(0, count),
		    [&](const oneapi::tbb::blocked_range<std::size_t> &piece) {
			    sum.fetch_add(bench_range_sum(piece.begin(), piece.end()),
					  std::memory_order_relaxed);
		    },
		    rt_partitioner());
	});
	return sum.load();
}

#ifndef RT_STATIC
#define RT_HAS_PIPELINE

static void rt_pipeline(int workers, struct bench_pipeline *pipeline)
{
	using oneapi::tbb::filter_mode;
	using oneapi::tbb::make_filter;

	rt_arena(workers).execute([=] {
		oneapi::tbb::parallel_pipeline(
		    BENCH_PIPELINE_WINDOW,
		    make_filter<void, void *>(filter_mode::serial_in_order,
					      [=](oneapi::tbb::flow_control &flow) {
						      void *item = bench_pipeline_make(pipeline);

						      if (item == nullptr)
							      flow.stop();
						      return item;
					      }) &
			make_filter<void *, void *>(filter_mode::parallel,
						    [=](void *item) {
							    bench_pipeline_work(pipeline, item);
							    return item;
						    }) &
			make_filter<void *, void>(filter_mode::serial_in_order,
						  [=](void *item) { bench_pipeline_take(pipeline, item); }));
	});
}
#endif

#include "../cases.h"
