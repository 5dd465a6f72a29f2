/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_BATCH_H
#define BENCH_CASES_BATCH_H

/*
 * What most cases are made of: n calls of one task function, submitted in a row and waited for.
 *
 * BATCH_BODY makes the body for a function, for rt_with_pool; BATCH_HELD_BODY makes one that holds the
 * workers while the tasks are submitted. They are macros so that the function is a constant where it is
 * submitted.
 */

#include <limits.h>

struct batch {
	int workers;
	long tasks;
	char *arg;          /* of the first task */
	size_t stride;      /* by how much that of each next one is larger */
	uintptr_t gap;      /* BATCH_GAP: steps of work that the submitter does after each task */
	int64_t submit_ns;  /* BATCH_HELD_BODY: the submitting half */
	int64_t ns;         /* all of it; BATCH_HELD_BODY: from the release of the workers */
	int64_t rss_growth; /* BATCH_HELD_BODY: what the pending tasks took, in bytes */
};

#define BATCH_NO_GAP(batch) ((void)0)
#define BATCH_GAP(batch) bench_spin((batch)->gap)

#define BATCH_BODY(name, fn, after)                            \
	static void name(struct rt_pool *pool, void *context)  \
	{                                                      \
		struct batch *batch = (struct batch *)context; \
		char *arg = batch->arg;                        \
		const size_t stride = batch->stride;           \
		const long tasks = batch->tasks;               \
		const int64_t begin = bench_now_ns();          \
                                                               \
		for (long i = 0; i < tasks; i++) {             \
			rt_submit(pool, fn, arg);              \
			arg += stride;                         \
			after(batch);                          \
		}                                              \
		rt_finish(pool);                               \
		batch->ns = bench_now_ns() - begin;            \
	}

#ifndef RT_PENDING_MAX
#define RT_PENDING_MAX LONG_MAX
#endif

#define BATCH_HELD_BODY(name, fn)                                     \
	static void name(struct rt_pool *pool, void *context)         \
	{                                                             \
		struct batch *batch = (struct batch *)context;        \
		char *arg = batch->arg;                               \
		const size_t stride = batch->stride;                  \
		const long tasks = batch->tasks;                      \
		const int held = RT_HELD(batch->workers);             \
		int64_t begin, rss;                                   \
                                                                      \
		for (int i = 0; i < held; i++)                        \
			rt_submit(pool, fn, (void *)&bench_hold_arg); \
		bench_hold_wait(held);                                \
		bench_rss_reset();                                    \
		rss = bench_rss_peak();                               \
		begin = bench_now_ns();                               \
		for (long i = 0; i < tasks; i++) {                    \
			rt_submit(pool, fn, arg);                     \
			arg += stride;                                \
		}                                                     \
		batch->submit_ns = bench_now_ns() - begin;            \
		batch->rss_growth = bench_rss_peak() - rss;           \
		bench_hold_ready(held);                               \
		begin = bench_now_ns();                               \
		bench_hold_release();                                 \
		rt_finish(pool);                                      \
		batch->ns = bench_now_ns() - begin;                   \
	}

/*
 * The functions that the batches call. Those for held bodies look whether the argument is the one that holds;
 * a pool has one function.
 */

RT_TASK(batch_mark, arg)
{
	++*(unsigned char *)rt_argument(arg);
	RT_RETURN;
}

/* The argument is how many steps of work to do: the stride is 0. */
RT_TASK(batch_spin, arg)
{
	bench_spin((uintptr_t)rt_argument(arg));
	RT_RETURN;
}

BATCH_BODY(batch_mark_body, batch_mark, BATCH_NO_GAP)
BATCH_BODY(batch_spin_body, batch_spin, BATCH_NO_GAP)
BATCH_BODY(batch_spin_gap_body, batch_spin, BATCH_GAP)

/* Runs the body on a pool with the function that it submits. */
#define batch_run(batch, fn, body) rt_with_pool((batch)->workers, (batch)->tasks, (fn), (body), (batch))

/* The warm-up: a batch whose tasks mark their own byte, checked. */
static inline void batch_check(const struct bench_args *args)
{
	struct batch batch = {args->workers, args->tasks, NULL, 1, 0, 0, 0, 0};
	unsigned char *marks = bench_marks_open(args->tasks);

	batch.arg = (char *)marks;
	batch_run(&batch, batch_mark, batch_mark_body);
	bench_marks_check(marks, args->tasks);
}

/* How long n tasks of so many steps take, from the first submission to the end of the wait. */
static inline double batch_spin_ns(int workers, long tasks, uintptr_t loops, uintptr_t gap)
{
	struct batch batch = {workers, tasks, (char *)loops, 0, gap, 0, 0, 0};

	if (gap != 0)
		batch_run(&batch, batch_spin, batch_spin_gap_body);
	else
		batch_run(&batch, batch_spin, batch_spin_body);
	return (double)batch.ns;
}

#endif
