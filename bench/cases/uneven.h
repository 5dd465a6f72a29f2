/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_UNEVEN_H
#define BENCH_CASES_UNEVEN_H

/*
 * uneven: TASKS tasks whose lengths are Pareto distributed, submitted and waited for: the time that it took
 * against the least possible, which is the sum of the lengths by WORKERS, or the longest length if that is
 * more.
 *
 * The lengths are the same in every run and for every runtime: the seed is fixed, they have a mean of about
 * 20 us, and are cut at 5 ms. With 5000 tasks it is about 100 ms of work.
 */

#include <math.h>
#include <stdlib.h>

#define UNEVEN_SHAPE 1.3
#define UNEVEN_LEAST_NS 4600.0
#define UNEVEN_MOST_NS 5e6
#define UNEVEN_SEED UINT64_C(88172645463325252)

struct uneven_task {
	double ns;
	uintptr_t loops;
	unsigned long ran;
};

/* The next of a sequence of numbers that pass for random, from 0 to 1 without either (xorshift64). */
static double uneven_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return ((double)(*state >> 11) + 0.5) / 9007199254740992.0;
}

RT_TASK(uneven_task_run, arg)
{
	struct uneven_task *task = (struct uneven_task *)rt_argument(arg);

	bench_spin(task->loops);
	task->ran++;
	RT_RETURN;
}

BATCH_BODY(uneven_body, uneven_task_run, BATCH_NO_GAP)

static void uneven_run(const struct bench_args *args)
{
	struct uneven_task *tasks = (struct uneven_task *)calloc((size_t)args->tasks + 1, sizeof(*tasks));
	struct batch batch = {args->workers, args->tasks, (char *)tasks, sizeof(*tasks), 0, 0, 0, 0};
	double ideal = 0, longest = 0;
	uint64_t seed = UNEVEN_SEED;

	if (tasks == NULL)
		bench_fail("uneven: no memory");
	for (long i = 0; i < args->tasks; i++) {
		double ns = UNEVEN_LEAST_NS / pow(uneven_random(&seed), 1 / UNEVEN_SHAPE);

		tasks[i].ns = ns < UNEVEN_MOST_NS ? ns : UNEVEN_MOST_NS;
		ideal += tasks[i].ns / args->workers;
		if (tasks[i].ns > longest)
			longest = tasks[i].ns;
	}
	if (ideal < longest)
		ideal = longest;
	for (int run = -1; run < args->runs; run++) {
		bench_calibrate();
		for (long i = 0; i < args->tasks; i++) {
			tasks[i].loops = bench_loops(tasks[i].ns);
			tasks[i].ran = 0;
		}
		batch_run(&batch, uneven_task_run, uneven_body);
		for (long i = 0; i < args->tasks; i++)
			if (tasks[i].ran != 1)
				bench_fail("uneven: task %ld ran %lu times", i, tasks[i].ran);
		if (run >= 0)
			bench_print((double)batch.ns / ideal);
	}
	free(tasks);
}

#endif
