/* SPDX-License-Identifier: MIT */
/*
 * enkiTS: the first half is a TaskSet of one, and the second is called while that is in a pipe; then the thread waits for it,
 * and runs what it finds meanwhile. The scheduler is started once.
 */
#define RT_FEW_CASES
#define RT_HAS_BOTH

#include <TaskScheduler.h>

#define RT_TASK(name, arg) static void name(void *arg)
#define RT_RETURN return
#define rt_argument(arg) (arg)

static inline void rt_setup(char **)
{
}

typedef void rt_fn(void *arg);

static enki::TaskScheduler &rt_scheduler(int workers)
{
	static enki::TaskScheduler scheduler;
	static bool is_started;

	if (!is_started)
		scheduler.Initialize(static_cast<std::uint32_t>(workers));
	is_started = true;
	return scheduler;
}

struct rt_half : enki::ITaskSet {
	rt_fn *fn;
	void *arg;

	rt_half(rt_fn *half_fn, void *half_arg) : fn(half_fn), arg(half_arg)
	{
	}

	void ExecuteRange(enki::TaskSetPartition, std::uint32_t) override
	{
		fn(arg);
	}
};

static inline void rt_both(rt_fn *fn, void *left, void *right)
{
	enki::TaskScheduler &scheduler = rt_scheduler(0);
	rt_half half(fn, left);

	scheduler.AddTaskSetToPipe(&half);
	fn(right);
	scheduler.WaitforTask(&half);
}

static inline void rt_root(int workers, rt_fn *fn, void *arg)
{
	rt_scheduler(workers);
	fn(arg);
}

#include "../cases.h"
