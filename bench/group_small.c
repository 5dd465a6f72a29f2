/* SPDX-License-Identifier: MIT */
/*
 * group_small: a group made, k empty tasks submitted, waited for and destroyed, in ns a group.
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
	long groups = 200000 / (tasks + 10);
	int64_t begin = eg_clock_now_ns();

	for (long i = 0; i < groups; i++) {
		eg_group group = EG_GROUP_INIT;

		eg_group_set_limit(&group, workers);
		for (long k = 0; k < tasks; k++)
			if (eg_group_go(&group, empty, NULL))
				abort();
		if (eg_group_wait(&group))
			abort();
		eg_group_destroy(&group);
	}
	return (double)(eg_clock_now_ns() - begin) / (double)groups;
}

int main(void)
{
	static const struct bench_case group_small = {"group_small", "ns/group", run};
	static const long tasks[] = {1, 2, 8, 64, 1000};

	for (size_t i = 0; i < sizeof(tasks) / sizeof(tasks[0]); i++)
		bench_report(&group_small, 2, tasks[i]);
	return 0;
}
