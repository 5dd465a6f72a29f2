/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_IDLE_CPU_H
#define BENCH_CASES_IDLE_CPU_H

/*
 * idle_cpu: TASKS empty tasks are run and waited for; from 1 ms later on, the CPU time that the process uses
 * in a tenth of a second in which its only thread of its own sleeps, in percent of one CPU.
 */

#include "batch_empty.h"

#ifdef RT_HAS_THREADS

#define IDLE_BEFORE_US 1000
#define IDLE_US 100000

struct idle_cpu {
	long tasks;
	double percent;
};

static void idle_cpu_body(struct rt_pool *pool, void *context)
{
	struct idle_cpu *idle = (struct idle_cpu *)context;
	int64_t begin, cpu;

	for (long i = 0; i < idle->tasks; i++)
		rt_submit(pool, batch_empty_task, (char *)1 + i);
	rt_finish(pool);
	bench_sleep_us(IDLE_BEFORE_US);
	begin = bench_now_ns();
	cpu = bench_cpu_ns();
	bench_sleep_us(IDLE_US);
	idle->percent = 100 * (double)(bench_cpu_ns() - cpu) / (double)(bench_now_ns() - begin);
}

static void idle_cpu_run(const struct bench_args *args)
{
	struct idle_cpu idle = {args->tasks, 0};

	batch_check(args);
	for (int run = 0; run < args->runs; run++) {
		rt_with_pool(args->workers, args->tasks, batch_empty_task, idle_cpu_body, &idle);
		bench_print(idle.percent);
	}
}

#endif

#endif
