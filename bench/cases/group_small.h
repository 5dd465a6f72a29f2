/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_GROUP_SMALL_H
#define BENCH_CASES_GROUP_SMALL_H

/*
 * group_small: a group made, TASKS empty tasks submitted, waited for and the group destroyed, in ns a group.
 * One run makes groups for at least 20 ms. Where a runtime has a pool besides its groups, the pool stays.
 */

#ifdef RT_HAS_GROUP

#define GROUP_SMALL_NS 20000000

struct group_small {
	int workers;
	long tasks;
	unsigned char *marks; /* one group of marking tasks instead of the timed ones */
	double ns_each;
};

RT_TASK(group_small_task, arg)
{
	(void)arg;
	RT_RETURN;
}

/*
 * The groups of `rounds` rounds. Not inlined, so that the compiler sees one loop over groups as in a program
 * that makes them in a function.
 */
static __attribute__((noinline)) void group_small_rounds(struct rt_pool *pool, long tasks, long rounds)
{
	for (long round = 0; round < rounds; round++) {
		struct rt_group group;

		rt_group_open(&group, pool, group_small_task);
		for (long i = 0; i < tasks; i++)
			rt_group_submit(&group, group_small_task, (char *)1 + i);
		rt_group_wait(&group);
		rt_group_close(&group);
	}
}

static void group_small_body(struct rt_pool *pool, void *context)
{
	struct group_small *small = (struct group_small *)context;
	long rounds = 1, done = 0;
	int64_t begin = bench_now_ns(), now;

	/* Doubling the rounds keeps the clock out of the figure: it is read a dozen times in all. */
	do {
		group_small_rounds(pool, small->tasks, rounds);
		done += rounds;
		rounds *= 2;
		now = bench_now_ns();
		/* Not much more than what is needed: the last doubling is cut to what is missing. */
		if (now - begin > GROUP_SMALL_NS / 2)
			rounds = done * (GROUP_SMALL_NS - (now - begin)) / (now - begin) + 1;
	} while (now - begin < GROUP_SMALL_NS);
	small->ns_each = (double)(now - begin) / (double)done;
}

static void group_small_mark_body(struct rt_pool *pool, void *context)
{
	struct group_small *small = (struct group_small *)context;
	struct rt_group group;

	rt_group_open(&group, pool, batch_mark);
	for (long i = 0; i < small->tasks; i++)
		rt_group_submit(&group, batch_mark, small->marks + i);
	rt_group_wait(&group);
	rt_group_close(&group);
}

static void group_small_run(const struct bench_args *args)
{
	struct group_small small = {args->workers, args->tasks, NULL, 0};

	small.marks = bench_marks_open(args->tasks);
	rt_with_pool(args->workers, args->tasks, batch_mark, group_small_mark_body, &small);
	bench_marks_check(small.marks, args->tasks);
	for (int run = -1; run < args->runs; run++) {
		rt_with_pool(args->workers, args->tasks, group_small_task, group_small_body, &small);
		if (run >= 0)
			bench_print(small.ns_each);
	}
}

#endif

#endif
