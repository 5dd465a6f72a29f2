/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_PANIC_H
#define BENCH_CASES_PANIC_H

/*
 * panic: TASKS tasks that panic six calls deep, recovered, each with its trace captured and its error kept;
 * submission and wait, in ns a task. With one worker it is what a panic costs; with more, they share it.
 *
 * The runtime gives RT_PANIC(), which panics and does not return; rt_with_panic_pool, as rt_with_pool; and
 * rt_finish_panicked(pool, tasks), which waits; and rt_check_panicked(pool, tasks), which fails unless all
 * errors are there and the first one has its trace.
 */

#ifdef RT_HAS_PANIC

#define PANIC_DEPTH 6

/* Volatile, lest the compiler make one frame of all, or see that the function below never returns. */
static volatile int panic_depth = PANIC_DEPTH;

static __attribute__((noinline)) int panic_frame(int depth)
{
	int deeper;

	if (depth == 1 && panic_depth != 0)
		RT_PANIC();
	deeper = depth == 0 ? 0 : panic_frame(depth - 1);
	/* Not a tail call. */
	return deeper + panic_depth;
}

RT_TASK(panic_task, arg)
{
	(void)arg;
	panic_frame(panic_depth);
	RT_RETURN;
}

struct panic {
	long tasks;
	double ns_each;
};

static void panic_body(struct rt_pool *pool, void *context)
{
	struct panic *panic = (struct panic *)context;
	int64_t begin = bench_now_ns();

	for (long i = 0; i < panic->tasks; i++)
		rt_submit(pool, panic_task, (char *)1 + i);
	rt_finish_panicked(pool);
	panic->ns_each = (double)(bench_now_ns() - begin) / (double)panic->tasks;
	rt_check_panicked(pool, panic->tasks);
}

static void panic_run(const struct bench_args *args)
{
	struct panic panic = {args->tasks, 0};

	for (int run = -1; run < args->runs; run++) {
		rt_with_panic_pool(args->workers, args->tasks, panic_task, panic_body, &panic);
		if (run >= 0)
			bench_print(panic.ns_each);
	}
}

#endif

#endif
