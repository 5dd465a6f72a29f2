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

/*
 * What is to be done for these squares: the first of them, and the others; or, for one square, the same in the next row, with a
 * queen on it. False if there is nothing to try, and `ways` says why.
 */
static inline bool queens_divide(struct queens *queens, struct queens *ret_first, struct queens *ret_others)
{
	struct queens row = *queens;
	unsigned low = row.squares & (0u - row.squares);

	queens->ways = 0;
	if (row.squares == low && low != 0) {
		row.columns |= low;
		row.left = (row.left | low) << 1;
		row.right = (row.right | low) >> 1;
		queens->ways = row.columns == row.all;
		row.squares = queens_free(&row);
		low = row.squares & (0u - row.squares);
	}
	if (row.squares == 0)
		return false;
	*ret_first = *ret_others = row;
	ret_first->squares = low;
	ret_others->squares &= ~low;
	return true;
}

#ifdef RT_OWN_BOTH
static void queens_root(int workers, struct queens *queens);
#else
RT_TASK(queens_task, arg)
{
	struct queens *queens = (struct queens *)rt_argument(arg);
	struct queens first, others;

	if (!queens_divide(queens, &first, &others))
		RT_RETURN;
	rt_both(queens_task, &first, &others);
	queens->ways = first.ways + others.ways;
	RT_RETURN;
}

static void queens_root(int workers, struct queens *queens)
{
	rt_root(workers, queens_task, queens);
}
#endif

static void queens_run(const struct bench_args *args)
{
	static const long ways[] = {1, 1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200, 73712, 365596};
	struct queens queens = {0, 0, 0, 0, 0, 0};

	if (args->tasks < 1 || args->tasks > 14)
		bench_fail("queens: from 1 to 14");
	queens.all = queens.squares = (1u << args->tasks) - 1;
	for (int run = -1; run < args->runs; run++) {
		int64_t begin = bench_now_ns();

		queens_root(args->workers, &queens);
		if (queens.ways != ways[args->tasks])
			bench_fail("queens: %ld ways of %ld", queens.ways, args->tasks);
		if (run >= 0)
			bench_print((double)(bench_now_ns() - begin) / 1e6);
	}
}

#endif

#endif
