/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_LENGTHS_H
#define BENCH_CASES_LENGTHS_H

/*
 * Tasks of different lengths, the same in every run and for every runtime: Pareto distributed with a fixed seed, or
 * rising evenly from nothing. Either way they have a mean of about 20 us, and none is longer than 5 ms.
 *
 * The least possible time for all of them is the sum of the lengths by WORKERS, or the longest length if that is more.
 */

#include <math.h>
#include <stdlib.h>

#define LENGTHS_SHAPE 1.3
#define LENGTHS_LEAST_NS 4600.0
#define LENGTHS_MOST_NS 5e6
#define LENGTHS_MEAN_NS 20e3 /* of the ramp */
#define LENGTHS_SEED UINT64_C(88172645463325252)

struct lengths_task {
	double ns;
	uintptr_t loops;
	unsigned long ran;
};

/* The next of a sequence of numbers that pass for random, from 0 to 1 without either (xorshift64). */
static double lengths_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return ((double)(*state >> 11) + 0.5) / 9007199254740992.0;
}

/* The tasks, to give back with free, and the least time for them. */
static struct lengths_task *lengths_make(const struct bench_args *args, bool is_ramp, double *ret_ideal)
{
	struct lengths_task *tasks = (struct lengths_task *)calloc((size_t)args->tasks + 1, sizeof(*tasks));
	double ideal = 0, longest = 0;
	uint64_t seed = LENGTHS_SEED;

	if (tasks == NULL)
		bench_fail("no memory for %ld tasks", args->tasks);
	for (long i = 0; i < args->tasks; i++) {
		double ns = is_ramp ? 2 * LENGTHS_MEAN_NS * ((double)i + 0.5) / (double)args->tasks
				    : LENGTHS_LEAST_NS / pow(lengths_random(&seed), 1 / LENGTHS_SHAPE);

		tasks[i].ns = ns < LENGTHS_MOST_NS ? ns : LENGTHS_MOST_NS;
		ideal += tasks[i].ns / args->workers;
		if (tasks[i].ns > longest)
			longest = tasks[i].ns;
	}
	*ret_ideal = ideal < longest ? longest : ideal;
	return tasks;
}

/* Before each run: how long the lengths are now. */
static void lengths_prepare(struct lengths_task *tasks, long count)
{
	bench_calibrate();
	for (long i = 0; i < count; i++) {
		tasks[i].loops = bench_loops(tasks[i].ns);
		tasks[i].ran = 0;
	}
}

static inline void lengths_do(struct lengths_task *task)
{
	bench_spin(task->loops);
	task->ran++;
}

static void lengths_check(const struct lengths_task *tasks, long count)
{
	for (long i = 0; i < count; i++)
		if (tasks[i].ran != 1)
			bench_fail("task %ld ran %lu times", i, tasks[i].ran);
}

#endif
