/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_QUEENS_H
#define BENCH_CASES_QUEENS_H

/*
 * queens: in how many ways TASKS queens stand on a board of TASKS squares a side, and none attacks another. Of the free
 * squares of a row the first is tried, and at once all others, by the runtime's call for two halves. In ms for all: the
 * halves are of very different sizes, and most of the last are next to nothing.
 */

#ifdef RT_HAS_BOTH

/* Rows above have queens; what they attack in this row are bits. */
struct queens {
	unsigned all, columns, left, right;
	unsigned squares; /* free ones of this row, to be tried */
	long ways;
};

static inline unsigned queens_free(const struct queens *queens)
{
	return queens->all & ~(queens->columns | queens->left | queens->right);
}

RT_TASK(queens_task, arg)
{
	struct queens *queens = (struct queens *)rt_argument(arg);
	struct queens first = *queens, second = *queens;
	unsigned low = queens->squares & (0u - queens->squares);

	/* One square left: its queen, and the next row. */
	if (queens->squares == low && low != 0) {
		first.columns |= low;
		first.left = (queens->left | low) << 1;
		first.right = (queens->right | low) >> 1;
		if (first.columns == queens->all) {
			queens->ways = 1;
			RT_RETURN;
		}
		low = 0;
		second = first;
		first.squares = second.squares = queens_free(&first);
	}
	queens->ways = 0;
	if (first.squares == 0)
		RT_RETURN;
	low = first.squares & (0u - first.squares);
	first.squares = low;
	second.squares &= ~low;
	first.ways = second.ways = 0;
	rt_both(queens_task, &first, &second);
	queens->ways = first.ways + second.ways;
	RT_RETURN;
}

static void queens_body(struct rt_pool *pool, void *context)
{
	rt_submit(pool, queens_task, context);
	rt_finish(pool);
}

static void queens_run(const struct bench_args *args)
{
	static const long ways[] = {1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200, 73712, 365596};
	struct queens queens = {0, 0, 0, 0, 0, 0};

	if (args->tasks < 1 || args->tasks > 14)
		bench_fail("queens: from 1 to 14");
	queens.all = queens.squares = (1u << args->tasks) - 1;
	for (int run = -1; run < args->runs; run++) {
		int64_t begin = bench_now_ns();

		rt_with_pool(args->workers, 1, queens_task, queens_body, &queens);
		if (queens.ways != ways[args->tasks])
			bench_fail("queens: %ld ways of %ld", queens.ways, args->tasks);
		if (run >= 0)
			bench_print((double)(bench_now_ns() - begin) / 1e6);
	}
}

#endif

#endif
