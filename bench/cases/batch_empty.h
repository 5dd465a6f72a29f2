/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_BATCH_EMPTY_H
#define BENCH_CASES_BATCH_EMPTY_H

/*
 * batch_empty: TASKS empty tasks from one submitter, submission and wait, in ns a task. The pool is made
 * outside the timed region. Small batches are repeated until they have taken a millisecond together, and the
 * figure is their mean.
 */

#define BATCH_EMPTY_NS 1000000

RT_TASK(batch_empty_task, arg)
{
	(void)arg;
	RT_RETURN;
}

BATCH_BODY(batch_empty_body, batch_empty_task, BATCH_NO_GAP)

static void batch_empty_run(const struct bench_args *args)
{
	struct batch batch = {args->workers, args->tasks, (char *)1, 1, 0, 0, 0, 0};

	batch_check(args);
	for (int run = 0; run < args->runs; run++) {
		int64_t ns = 0, batches = 0;

		do {
			batch_run(&batch, batch_empty_task, batch_empty_body);
			ns += batch.ns;
			batches++;
		} while (ns < BATCH_EMPTY_NS);
		bench_print((double)ns / ((double)batches * (double)args->tasks));
	}
}

#endif
