/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_SKYNET_H
#define BENCH_CASES_SKYNET_H

/*
 * skynet: a tree of groups of ten tasks each. The leaves, TASKS of them (a power of ten), are tasks that
 * return their number, and every other node sums up its group. In ns a leaf.
 */

#if defined(RT_HAS_NESTED) || defined(RT_HAS_PLAIN_RECURSION)

#define SKYNET_CHILDREN 10

#ifdef RT_HAS_NESTED

struct skynet_node {
	struct rt_pool *pool;
	long first; /* the number of its first leaf */
	long size;  /* leaves */
	long sum;
};

static long skynet_sum(struct rt_pool *pool, long first, long size);

RT_TASK(skynet_task, arg)
{
	struct skynet_node *node = (struct skynet_node *)rt_argument(arg);

	node->sum = skynet_sum(node->pool, node->first, node->size);
	RT_RETURN;
}

static long skynet_sum(struct rt_pool *pool, long first, long size)
{
	struct skynet_node children[SKYNET_CHILDREN];
	struct rt_group group;
	long sum = 0;

	if (size == 1)
		return first;
	size /= SKYNET_CHILDREN;
	rt_group_open(&group, pool, skynet_task);
	for (int i = 0; i < SKYNET_CHILDREN; i++) {
		children[i].pool = pool;
		children[i].first = first + i * size;
		children[i].size = size;
		rt_group_submit(&group, skynet_task, &children[i]);
	}
	rt_group_wait(&group);
	rt_group_close(&group);
	for (int i = 0; i < SKYNET_CHILDREN; i++)
		sum += children[i].sum;
	return sum;
}

#else

static __attribute__((noinline)) long skynet_sum(struct rt_pool *pool, long first, long size)
{
	long sum = 0;

	if (size == 1)
		return first;
	size /= SKYNET_CHILDREN;
	for (int i = 0; i < SKYNET_CHILDREN; i++)
		sum += skynet_sum(pool, first + i * size, size);
	return sum;
}

#endif

struct skynet {
	long leaves;
	double ns_each;
};

static void skynet_body(struct rt_pool *pool, void *context)
{
	struct skynet *skynet = (struct skynet *)context;
	int64_t begin = bench_now_ns();
	long sum = skynet_sum(pool, 0, skynet->leaves);

	skynet->ns_each = (double)(bench_now_ns() - begin) / (double)skynet->leaves;
	if (sum != skynet->leaves * (skynet->leaves - 1) / 2)
		bench_fail("skynet: %ld leaves sum up to %ld", skynet->leaves, sum);
}

static void skynet_run(const struct bench_args *args)
{
	struct skynet skynet = {args->tasks, 0};
	long power = 1;

	while (power < args->tasks)
		power *= SKYNET_CHILDREN;
	if (power != args->tasks)
		bench_fail("skynet: the number of leaves is a power of ten");
	for (int run = -1; run < args->runs; run++) {
		rt_with_pool(args->workers, SKYNET_CHILDREN, batch_mark, skynet_body, &skynet);
		if (run >= 0)
			bench_print(skynet.ns_each);
	}
}

#endif

#endif
