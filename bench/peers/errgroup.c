/* SPDX-License-Identifier: MIT */
/*
 * The library, through its public headers alone. A pool is a group with a limit, made and destroyed around
 * each batch; its threads come from the library's cache, which the warm-up has filled. The wait runs tasks,
 * within the limit. Loops and pipelines are calls that make such a group themselves.
 */
#include <errgroup.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../pipeline.h"

struct rt_pool {
	eg_group group;
	int workers;
};

struct rt_group {
	eg_group group;
};

#define RT_CAN_PEND
#define RT_HAS_WAIT
#define RT_HAS_GROUP
#define RT_HAS_SPAWN
#define RT_HAS_NESTED
#define RT_HAS_BOTH
#define RT_HAS_THREADS
#define RT_HAS_CANCEL
#define RT_HAS_PANIC
#define RT_HAS_FAULT
#define RT_HAS_CTX

#define RT_HELD(workers) (workers)
#define RT_TASK(name, arg) static int name(__attribute__((unused)) eg_ctx *rt_context, void *arg)
#define RT_RETURN return 0
#define rt_argument(arg) (arg)

static inline void rt_setup(char **argv)
{
	(void)argv;
}

static inline void rt_submit(struct rt_pool *pool, eg_task_fn *fn, void *arg)
{
	if (eg_group_go(&pool->group, fn, arg) != 0)
		bench_fail("eg_group_go failed");
}

static inline void rt_wait(struct rt_pool *pool)
{
	if (eg_group_wait(&pool->group) != 0)
		bench_fail("eg_group_wait: %s", eg_error_message(eg_group_error(&pool->group)));
}

#define rt_finish rt_wait

static void rt_with_options(int workers, unsigned flags, unsigned collect, unsigned fault, rt_body *body,
			    void *context)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	struct rt_pool pool;

	options.limit = workers;
	options.flags = flags;
	options.collect = collect;
	options.fault = fault;
	pool.workers = workers;
	if (eg_group_init(&pool.group, NULL, &options) != 0)
		bench_fail("eg_group_init failed");
	body(&pool, context);
	eg_group_destroy(&pool.group);
}

#define rt_with_pool(workers, tasks, fn, body, context) \
	((void)(tasks), (void)(fn), rt_with_options((workers), 0, 0, 0, (body), (context)))

/* Small and nested groups have a limit and no context of their own, as in the library's first example. */
static inline void rt_group_open(struct rt_group *group, struct rt_pool *pool, eg_task_fn *fn)
{
	(void)fn;
	group->group = (eg_group)EG_GROUP_INIT;
	if (eg_group_set_limit(&group->group, pool->workers) != 0)
		bench_fail("eg_group_set_limit failed");
}

static inline void rt_group_submit(struct rt_group *group, eg_task_fn *fn, void *arg)
{
	if (eg_group_go(&group->group, fn, arg) != 0)
		bench_fail("eg_group_go failed");
}

static inline void rt_group_wait(struct rt_group *group)
{
	if (eg_group_wait(&group->group) != 0)
		bench_fail("eg_group_wait: %s", eg_error_message(eg_group_error(&group->group)));
}

static inline void rt_group_close(struct rt_group *group)
{
	eg_group_destroy(&group->group);
}

static void rt_root(int workers, eg_task_fn *fn, void *arg)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group;

	options.limit = workers;
	if (eg_group_init(&group, NULL, &options) != 0 || eg_group_go(&group, fn, arg) != 0 ||
	    eg_group_wait(&group) != 0)
		bench_fail("a group of one task failed");
	eg_group_destroy(&group);
}

#define rt_both(fn, left, right)                                           \
	do {                                                               \
		if (eg_both(rt_context, (fn), (left), (fn), (right)) != 0) \
			bench_fail("eg_both failed");                      \
	} while (0)

#define RT_FAIL(pool) return -EIO
#define rt_with_cancel_pool(workers, tasks, fn, body, context) \
	((void)(tasks), (void)(fn),                            \
	 rt_with_options((workers), EG_GROUP_SKIP_UNSTARTED, 0, 0, (body), (context)))

static inline long rt_finish_failed(struct rt_pool *pool)
{
	if (eg_group_wait(&pool->group) != -EIO)
		bench_fail("the failed task's error is not the group's");
	/* All errors but the one that made it are skipped tasks. */
	return (long)eg_group_error_count(&pool->group) - 1;
}

#define RT_PANIC() eg_panic("given up")
#define rt_with_panic_pool(workers, tasks, fn, body, context) \
	((void)(fn), rt_with_options((workers), 0, (unsigned)(tasks), 0, (body), (context)))

static inline void rt_finish_panicked(struct rt_pool *pool)
{
	if (eg_group_wait(&pool->group) != EG_EPANIC)
		bench_fail("the panic is not the group's error");
}

static void rt_check_errors(struct rt_pool *pool, long tasks, enum eg_error_kind kind)
{
	eg_error **errors = calloc((size_t)tasks, sizeof(eg_error *));
	char text[8192];
	int lines = 0;

	if (errors == NULL || eg_group_errors(&pool->group, (size_t)tasks, errors) != (size_t)tasks)
		bench_fail("errors got lost");
	for (long i = 0; i < tasks; i++)
		if (eg_error_kind(errors[i]) != kind)
			bench_fail("error %ld is of another kind", i);
	eg_error_format(errors[tasks - 1], text, sizeof(text));
	for (const char *line = text; line != NULL; line = strchr(line + 1, '\n'))
		lines++;
	if (lines < 10)
		bench_fail("the error has no trace of its calls:\n%s", text);
	free(errors);
}

#define rt_check_panicked(pool, tasks) rt_check_errors((pool), (tasks), EG_ERROR_PANIC)

#define rt_with_fault_pool(workers, tasks, fn, body, context) \
	((void)(fn), rt_with_options((workers), 0, (unsigned)(tasks), EG_FAULT_GO, (body), (context)))

static inline void rt_finish_faulted(struct rt_pool *pool)
{
	if (eg_group_wait(&pool->group) != EG_EFAULTED)
		bench_fail("the fault is not the group's error");
}

#define rt_check_faulted(pool, tasks) rt_check_errors((pool), (tasks), EG_ERROR_FAULT)

typedef eg_ctx rt_ctx;
typedef eg_ctx_callback rt_ctx_call;

static inline rt_ctx *rt_ctx_under(rt_ctx *parent)
{
	eg_ctx *ctx;

	if (eg_ctx_with_cancel(parent, &ctx) != 0)
		bench_fail("eg_ctx_with_cancel failed");
	return ctx;
}

static inline rt_ctx *rt_ctx_until(rt_ctx *parent, int64_t ns, bool from_now)
{
	eg_ctx *ctx;

	if ((from_now ? eg_ctx_with_timeout(parent, ns, &ctx) : eg_ctx_with_deadline(parent, ns, &ctx)) != 0)
		bench_fail("eg_ctx_with_deadline failed");
	return ctx;
}

static inline void rt_ctx_cancel(rt_ctx *ctx)
{
	eg_ctx_cancel(ctx, NULL);
}

#define rt_ctx_free(ctx) eg_ctx_unref(ctx)
#define rt_ctx_is_over(ctx) (eg_ctx_err(ctx) != 0)
#define rt_ctx_fd(ctx) eg_ctx_fd(ctx)
#define rt_ctx_off_end(call) eg_ctx_off_end(call)

static inline void rt_ctx_wait(rt_ctx *ctx)
{
	if (eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) != 0)
		bench_fail("eg_ctx_wait_until failed");
}

static inline void rt_ctx_on_end(rt_ctx *ctx, void (*fn)(void *arg), void *arg, rt_ctx_call *call)
{
	if (eg_ctx_on_end(ctx, fn, arg, call) != 0)
		bench_fail("eg_ctx_on_end failed");
}

static int rt_ctx_hold(__attribute__((unused)) eg_ctx *ctx, void *arg)
{
	sem_t *sems = arg;

	sem_post(&sems[0]);
	bench_sem_wait(&sems[1]);
	return 0;
}

/* A group with room for one task, which stays there; a second one finds no room until the context is over. */
static inline void rt_ctx_block_submission(rt_ctx *ctx, sem_t *begins, int64_t *woken)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group;
	sem_t sems[2];

	sem_init(&sems[0], 0, 0);
	sem_init(&sems[1], 0, 0);
	options.limit = 1;
	options.backlog = EG_BACKLOG_NONE;
	if (eg_group_init(&group, ctx, &options) != 0 || eg_group_go(&group, rt_ctx_hold, sems) != 0)
		bench_fail("eg_group_init failed");
	bench_sem_wait(&sems[0]);
	sem_post(begins);
	if (eg_group_go(&group, rt_ctx_hold, sems) != -ECANCELED)
		bench_fail("a submission was not cancelled");
	*woken = bench_now_ns();
	sem_post(&sems[1]);
	if (eg_group_wait(&group) != 0)
		bench_fail("eg_group_wait failed");
	eg_group_destroy(&group);
	sem_destroy(&sems[0]);
	sem_destroy(&sems[1]);
}

#define RT_HAS_FOR
#define RT_EACH(name, arg, index) \
	static int name(__attribute__((unused)) eg_ctx *rt_context, void *arg, size_t index)
#define RT_EACH_RETURN return 0

static inline void rt_for_each(int workers, size_t count, eg_each_fn *fn, void *arg)
{
	if (eg_for(NULL, count, fn, arg, EG_GROUP_OPTIONS(.limit = workers), NULL) != 0)
		bench_fail("eg_for failed");
}

static int rt_sum_piece(__attribute__((unused)) eg_ctx *ctx, void *arg, size_t begin, size_t end)
{
	__atomic_fetch_add((uint64_t *)arg, bench_range_sum(begin, end), __ATOMIC_RELAXED);
	return 0;
}

static inline uint64_t rt_for_sum(int workers, size_t count)
{
	uint64_t sum = 0;

	if (eg_for_pieces(NULL, count, 0, rt_sum_piece, &sum, EG_GROUP_OPTIONS(.limit = workers), NULL) != 0)
		bench_fail("eg_for_pieces failed");
	return sum;
}

#define RT_HAS_PIPELINE

static int rt_stage_make(__attribute__((unused)) eg_ctx *ctx, void *arg, void **item)
{
	*item = bench_pipeline_make(arg);
	return *item != NULL;
}

static int rt_stage_work(__attribute__((unused)) eg_ctx *ctx, void *arg, void **item)
{
	bench_pipeline_work(arg, *item);
	return 0;
}

static int rt_stage_take(__attribute__((unused)) eg_ctx *ctx, void *arg, void **item)
{
	bench_pipeline_take(arg, *item);
	return 0;
}

static void rt_pipeline(int workers, struct bench_pipeline *pipeline)
{
	const struct eg_stage stages[] = {
	    {rt_stage_make, pipeline, EG_STAGE_SERIAL},
	    {rt_stage_work, pipeline, EG_STAGE_PARALLEL},
	    {rt_stage_take, pipeline, EG_STAGE_IN_ORDER},
	};
	struct eg_pipeline_options options = {
	    .size = sizeof(options),
	    .window = BENCH_PIPELINE_WINDOW,
	    .group = EG_GROUP_OPTIONS(.limit = workers),
	};

	if (eg_pipeline(NULL, stages, 3, &options, NULL) != 0)
		bench_fail("eg_pipeline failed");
}

#include "../cases.h"
