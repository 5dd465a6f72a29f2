/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_CANCEL_PENDING_H
#define BENCH_CASES_CANCEL_PENDING_H

/*
 * cancel_pending: a task fails while TASKS tasks are pending, which are to be skipped: from just before it
 * returns its error to the end of the wait, in us.
 *
 * All workers are held while the tasks are submitted. The failing task is one of the held ones, and the
 * others are released by it, so that nothing pending starts before. Where the runtime says how many it has
 * skipped, these and the ones that ran have to be all.
 */

#ifdef RT_HAS_CANCEL

static struct rt_pool *cancel_pool;
static sem_t cancel_held, cancel_fail, cancel_others;
static int cancel_workers;
static long cancel_ran;
static int64_t cancel_failed_ns;
static char cancel_arg_fail, cancel_arg_held; /* their addresses are arguments */

RT_TASK(cancel_task, arg)
{
	void *what = rt_argument(arg);

	if (what == (void *)&cancel_arg_held) {
		sem_post(&cancel_held);
		bench_sem_wait(&cancel_others);
	} else if (what == (void *)&cancel_arg_fail) {
		sem_post(&cancel_held);
		bench_sem_wait(&cancel_fail);
		for (int i = 1; i < cancel_workers; i++)
			sem_post(&cancel_others);
		cancel_failed_ns = bench_now_ns();
		RT_FAIL(cancel_pool);
	} else {
		__atomic_fetch_add(&cancel_ran, 1, __ATOMIC_RELAXED);
	}
	RT_RETURN;
}

static void cancel_body(struct rt_pool *pool, void *context)
{
	const struct bench_args *args = (const struct bench_args *)context;
	long skipped;

	cancel_pool = pool;
	cancel_ran = 0;
	cancel_workers = RT_HELD(args->workers);
	rt_submit(pool, cancel_task, (void *)&cancel_arg_fail);
	for (int i = 1; i < cancel_workers; i++)
		rt_submit(pool, cancel_task, (void *)&cancel_arg_held);
	for (int i = 0; i < cancel_workers; i++)
		bench_sem_wait(&cancel_held);
	for (long i = 0; i < args->tasks; i++)
		rt_submit(pool, cancel_task, (char *)1 + i);
	sem_post(&cancel_fail);
	skipped = rt_finish_failed(pool);
	cancel_failed_ns = bench_now_ns() - cancel_failed_ns;
	if (cancel_ran > args->tasks || (skipped >= 0 && cancel_ran + skipped != args->tasks))
		bench_fail("cancel_pending: %ld of %ld ran and %ld were skipped", cancel_ran, args->tasks,
			   skipped);
}

static void cancel_pending_run(const struct bench_args *args)
{
	struct bench_args copy = *args;

	if (RT_HELD(args->workers) < 1)
		bench_cannot("cancel_pending: no thread besides the submitter");
	sem_init(&cancel_held, 0, 0);
	sem_init(&cancel_fail, 0, 0);
	sem_init(&cancel_others, 0, 0);
	for (int run = -1; run < args->runs; run++) {
		rt_with_cancel_pool(args->workers, args->tasks, cancel_task, cancel_body, &copy);
		if (run >= 0)
			bench_print((double)cancel_failed_ns / 1000);
	}
}

#endif

#endif
