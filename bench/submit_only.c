/* SPDX-License-Identifier: MIT */
/*
 * submit_only: a million empty tasks submitted while the workers are held, in ns a task; and drain_only: the same
 * tasks run once the workers are let go.
 */
#include <errgroup.h>
#include <semaphore.h>
#include <stdlib.h>

#include "bench.h"

static sem_t held, let_go;

static int hold(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	sem_post(&held);
	while (sem_wait(&let_go) != 0)
		;
	return 0;
}

static int empty(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	return 0;
}

/* Times of the two halves of one run. */
static void run_halves(int workers, long tasks, int64_t *ret_submit, int64_t *ret_drain)
{
	eg_group group = EG_GROUP_INIT;
	int64_t begin, middle;

	eg_group_set_limit(&group, workers);
	for (int i = 0; i < workers; i++)
		if (eg_group_go(&group, hold, NULL))
			abort();
	for (int i = 0; i < workers; i++)
		while (sem_wait(&held) != 0)
			;
	begin = eg_clock_now_ns();
	for (long i = 0; i < tasks; i++)
		if (eg_group_go(&group, empty, NULL))
			abort();
	middle = eg_clock_now_ns();
	for (int i = 0; i < workers; i++)
		sem_post(&let_go);
	if (eg_group_wait(&group))
		abort();
	*ret_drain = eg_clock_now_ns() - middle;
	*ret_submit = middle - begin;
	eg_group_destroy(&group);
}

static double run_submit(int workers, long tasks)
{
	int64_t submit, drain;

	run_halves(workers, tasks, &submit, &drain);
	return (double)submit / (double)tasks;
}

static double run_drain(int workers, long tasks)
{
	int64_t submit, drain;

	run_halves(workers, tasks, &submit, &drain);
	return (double)drain / (double)tasks;
}

int main(void)
{
	static const struct bench_case submit_only = {"submit_only", "ns/task", run_submit};
	static const struct bench_case drain_only = {"drain_only", "ns/task", run_drain};

	sem_init(&held, 0, 0);
	sem_init(&let_go, 0, 0);
	bench_report(&submit_only, 2, 1000000);
	bench_report(&drain_only, 2, 1000000);
	return 0;
}
