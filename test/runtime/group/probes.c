/* SPDX-License-Identifier: MIT */
/*
 * A program for tracers to look at, see test_probes.sh: of three tasks the second fails, and the third is skipped.
 */
#include <errgroup.h>

static int task(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	return arg ? eg_fail(-5, "on purpose") : 0;
}

int main(void)
{
	static int failing;
	eg_group group;

	if (eg_group_init(&group, NULL,
			  EG_GROUP_OPTIONS(.limit = 1, .flags = EG_GROUP_SKIP_UNSTARTED | EG_GROUP_NO_HELP)) != 0)
		return 1;
	eg_group_go(&group, task, NULL);
	eg_group_go(&group, task, &failing);
	eg_group_go(&group, task, NULL);
	if (eg_group_wait(&group) != -5)
		return 2;
	eg_group_destroy(&group);
	return 0;
}
