/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_SUBMIT_ONLY_H
#define BENCH_CASES_SUBMIT_ONLY_H

/*
 * submit_only: TASKS empty tasks submitted while all workers are held, in ns a task; and drain_only: the same
 * tasks, from the moment when the workers are let go to the end of the wait.
 */

#ifdef RT_CAN_PEND

RT_TASK(held_empty, arg)
{
	if (rt_argument(arg) == (void *)&bench_hold_arg)
		bench_hold_here();
	RT_RETURN;
}

RT_TASK(held_mark, arg)
{
	void *mark = rt_argument(arg);

	if (mark == (void *)&bench_hold_arg)
		bench_hold_here();
	else
		++*(unsigned char *)mark;
	RT_RETURN;
}

BATCH_HELD_BODY(held_empty_body, held_empty)
BATCH_HELD_BODY(held_mark_body, held_mark)

/* The warm-up with marks. Returns by how much the process grew. */
static int64_t held_check(const struct bench_args *args)
{
	struct batch batch = {args->workers, args->tasks, NULL, 1, 0, 0, 0, 0};
	unsigned char *marks;

	/* Before there is a pool: not every runtime survives an exit from inside of it. */
	if (args->tasks > RT_PENDING_MAX)
		bench_cannot("%ld pending tasks take minutes", args->tasks);
	marks = bench_marks_open(args->tasks);
	batch.arg = (char *)marks;
	batch_run(&batch, held_mark, held_mark_body);
	bench_marks_check(marks, args->tasks);
	return batch.rss_growth;
}

static void submit_only_run(const struct bench_args *args)
{
	struct batch batch = {args->workers, args->tasks, (char *)1, 1, 0, 0, 0, 0};

	held_check(args);
	for (int run = 0; run < args->runs; run++) {
		batch_run(&batch, held_empty, held_empty_body);
		bench_print((double)batch.submit_ns / (double)args->tasks);
	}
}

static void drain_only_run(const struct bench_args *args)
{
	struct batch batch = {args->workers, args->tasks, (char *)1, 1, 0, 0, 0, 0};

	held_check(args);
	for (int run = 0; run < args->runs; run++) {
		batch_run(&batch, held_empty, held_empty_body);
		bench_print((double)batch.ns / (double)args->tasks);
	}
}

#endif

#endif
