/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_PENDING_MEMORY_H
#define BENCH_CASES_PENDING_MEMORY_H

/*
 * pending_memory: by how much the resident memory of a fresh process peaks while TASKS tasks are submitted
 * with all workers held, in bytes a task. What the runtime makes its user allocate for each task counts.
 * There is no warm-up, since it would leave memory behind to be used again, and one run a process for the
 * same reason.
 */

#include "submit_only.h"

#ifdef RT_CAN_PEND

static void pending_memory_run(const struct bench_args *args)
{
	if (args->runs != 1)
		bench_fail("pending_memory: one run a process");
	if (args->tasks < 1)
		bench_fail("pending_memory: no tasks");
	bench_print((double)held_check(args) / (double)args->tasks);
}

#endif

#endif
