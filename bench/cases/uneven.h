/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_UNEVEN_H
#define BENCH_CASES_UNEVEN_H

/*
 * uneven: TASKS tasks whose lengths are Pareto distributed, submitted and waited for: the time that it took
 * against the least possible. With 5000 tasks it is about 100 ms of work.
 */

#include "lengths.h"

RT_TASK(uneven_task, arg)
{
	lengths_do((struct lengths_task *)rt_argument(arg));
	RT_RETURN;
}

BATCH_BODY(uneven_body, uneven_task, BATCH_NO_GAP)

static void uneven_run(const struct bench_args *args)
{
	double ideal;
	struct lengths_task *tasks = lengths_make(args, false, &ideal);
	struct batch batch = {args->workers, args->tasks, (char *)tasks, sizeof(*tasks), 0, 0, 0, 0};

	for (int run = -1; run < args->runs; run++) {
		lengths_prepare(tasks, args->tasks);
		batch_run(&batch, uneven_task, uneven_body);
		lengths_check(tasks, args->tasks);
		if (run >= 0)
			bench_print((double)batch.ns / ideal);
	}
	free(tasks);
}

#endif
