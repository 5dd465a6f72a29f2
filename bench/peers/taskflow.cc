/* SPDX-License-Identifier: MIT */
/*
 * Taskflow: the first half is submitted to a task group, the second is called, and the worker runs others until the group is
 * done (corun). The executor is made once.
 */
#define RT_FEW_CASES
#define RT_HAS_BOTH

#include <taskflow/taskflow.hpp>

#define RT_TASK(name, arg) static void name(void *arg)
#define RT_RETURN return
#define rt_argument(arg) (arg)

static inline void rt_setup(char **)
{
}

typedef void rt_fn(void *arg);

static tf::Executor &rt_executor(int workers)
{
	static tf::Executor executor(static_cast<std::size_t>(workers));

	return executor;
}

static inline void rt_both(rt_fn *fn, void *left, void *right)
{
	tf::TaskGroup group = rt_executor(0).task_group();

	group.silent_async([=] { fn(left); });
	fn(right);
	group.corun();
}

static inline void rt_root(int workers, rt_fn *fn, void *arg)
{
	rt_executor(workers).async([=] { fn(arg); }).get();
}

#include "../cases.h"
