/* SPDX-License-Identifier: MIT */
/*
 * batch_empty: n empty tasks from one submitter, submission and wait, in ns a task.
 */
#include <errgroup.h>
#include <stdlib.h>

#include "bench.h"

static int empty(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	return 0;
}

static double run(int workers, long tasks)
{
	eg_group group = EG_GROUP_INIT;
	int64_t begin = eg_clock_now_ns(), end;

	eg_group_set_limit(&group, workers);
	for (long i = 0; i < tasks; i++)
		if (eg_group_go(&group, empty, NULL))
			abort();
	if (eg_group_wait(&group))
		abort();
	end = eg_clock_now_ns();
	eg_group_destroy(&group);
	return (double)(end - begin) / (double)tasks;
}

int main(void)
{
	static const struct bench_case batch_empty = {"batch_empty", "ns/task", run};

	long most = bench_is_quick() ? 1000000 : 10000000;

	for (long tasks = 1000; tasks <= most; tasks *= 10)
		bench_report(&batch_empty, 2, tasks);
	return 0;
}
