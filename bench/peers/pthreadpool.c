/* SPDX-License-Identifier: MIT */
/*
 * pthreadpool: ranges only. It has no tasks to submit one by one, so the one case it can do is a batch of
 * equal calls: pthreadpool_parallelize_1d over TASKS indices by WORKERS threads, the caller among them. What
 * it is spared, storing a function and an argument for each, is the difference between a parallel loop and
 * tasks.
 */
#include <pthreadpool.h>

#include "../bench.h"

static void mark(void *context, size_t index)
{
	++((unsigned char *)context)[index];
}

static void empty(void *context, size_t index)
{
	(void)context;
	(void)index;
}

static void batch_empty_run(const struct bench_args *args)
{
	pthreadpool_t pool = pthreadpool_create((size_t)args->workers);
	unsigned char *marks = bench_marks_open(args->tasks);

	if (pool == NULL)
		bench_fail("pthreadpool_create failed");
	pthreadpool_parallelize_1d(pool, mark, marks, (size_t)args->tasks, 0);
	bench_marks_check(marks, args->tasks);
	for (int run = 0; run < args->runs; run++) {
		int64_t begin = bench_now_ns(), now;
		long batches = 0;

		do {
			pthreadpool_parallelize_1d(pool, empty, NULL, (size_t)args->tasks, 0);
			batches++;
			now = bench_now_ns();
		} while (now - begin < 1000000);
		bench_print((double)(now - begin) / ((double)batches * (double)args->tasks));
	}
	pthreadpool_destroy(pool);
}

int main(int argc, char **argv)
{
	static const struct bench_case cases[] = {{"batch_empty", batch_empty_run}};

	return bench_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
