/* SPDX-License-Identifier: MIT */
/*
 * hello: four tasks, two at a time. One of them fails, and so the program ends with status 1.
 */
#include <errgroup.h>
#include <errno.h>

static int halve(eg_ctx *ctx, void *arg)
{
	int *number = arg;

	(void)ctx;
	if (*number % 2 != 0)
		return eg_fail(-EDOM, "%d has no half", *number);
	*number /= 2;
	return 0;
}

int main(void)
{
	int numbers[] = {10, 20, 35, 40};
	eg_group group = EG_GROUP_INIT;

	eg_group_set_limit(&group, 2);
	for (int i = 0; i < 4; i++)
		eg_group_go(&group, halve, &numbers[i]);
	int error = eg_group_wait(&group);
	printf("%d %d %d %d\n", numbers[0], numbers[1], numbers[2], numbers[3]);
	eg_error_print(eg_group_error(&group), stdout);
	eg_group_destroy(&group);
	return error != 0;
}
