/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_FAULT_H
#define BENCH_CASES_FAULT_H

/*
 * fault: TASKS tasks that dereference a nil pointer six calls deep, recovered, each with its trace captured and its
 * error kept; submission and wait, in ns a task, with one worker.
 *
 * The runtime gives rt_with_fault_pool, as rt_with_pool; rt_finish_faulted(pool), which waits; and
 * rt_check_faulted(pool, tasks), which fails unless all errors are there and the first one has its trace.
 */

#ifdef RT_HAS_FAULT

#define FAULT_DEPTH 6

/* Volatile, lest the compiler know what comes. */
static volatile int fault_depth = FAULT_DEPTH;
static int *volatile fault_nil;

static __attribute__((noinline)) int fault_frame(int depth)
{
	int deeper = depth == 0 ? *fault_nil : fault_frame(depth - 1);

	/* Not a tail call. */
	return deeper + fault_depth;
}

RT_TASK(fault_task, arg)
{
	(void)arg;
	fault_depth = fault_frame(fault_depth - 1);
	RT_RETURN;
}

struct fault {
	long tasks;
	double ns_each;
};

static void fault_body(struct rt_pool *pool, void *context)
{
	struct fault *fault = (struct fault *)context;
	int64_t begin = bench_now_ns();

	for (long i = 0; i < fault->tasks; i++)
		rt_submit(pool, fault_task, (char *)1 + i);
	rt_finish_faulted(pool);
	fault->ns_each = (double)(bench_now_ns() - begin) / (double)fault->tasks;
	rt_check_faulted(pool, fault->tasks);
}

static void fault_run(const struct bench_args *args)
{
	struct fault fault = {args->tasks, 0};

	for (int run = -1; run < args->runs; run++) {
		rt_with_fault_pool(args->workers, args->tasks, fault_task, fault_body, &fault);
		if (run >= 0)
			bench_print(fault.ns_each);
	}
}

#endif

#endif
