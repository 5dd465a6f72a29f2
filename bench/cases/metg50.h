/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_METG50_H
#define BENCH_CASES_METG50_H

/*
 * metg50: as metg50_stream, flushed: the tasks are submitted while the workers are held, and what counts is
 * the time from their release to the end of the wait.
 */

#include "metg50_stream.h"

#ifdef RT_CAN_PEND

RT_TASK(metg50_task, arg)
{
	void *loops = rt_argument(arg);

	if (loops == (void *)&bench_hold_arg)
		bench_hold_here();
	else
		bench_spin((uintptr_t)loops);
	RT_RETURN;
}

BATCH_HELD_BODY(metg50_body, metg50_task)

static double metg_flushed_ns(const struct bench_args *args, uintptr_t loops)
{
	struct batch batch = {args->workers, args->tasks, (char *)loops, 0, 0, 0, 0, 0};

	batch_run(&batch, metg50_task, metg50_body);
	return (double)batch.ns;
}

static void metg50_run(const struct bench_args *args)
{
	if (args->tasks > RT_PENDING_MAX)
		bench_cannot("%ld pending tasks take minutes", args->tasks);
	batch_check(args);
	for (int run = 0; run < args->runs; run++)
		bench_print(metg_search(args, metg_flushed_ns));
}

#endif

#endif
