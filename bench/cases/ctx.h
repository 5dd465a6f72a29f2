/* SPDX-License-Identifier: MIT */
#ifndef BENCH_CASES_CTX_H
#define BENCH_CASES_CTX_H

/*
 * Contexts. TASKS is a number of contexts, and figures are for each, unless it says otherwise.
 *
 *   ctx_create     made, cancelled and given back, one after the other, in ns
 *   ctx_child      the same below a context that can be cancelled
 *   ctx_timeout    the same with a deadline in an hour
 *   ctx_cancel     TASKS children of one context, which is cancelled: from the call to its end, in ms for all
 *   ctx_deadlines  TASKS deadlines spread over half a second: how late the latest but one in a hundred is noticed,
 *                  in us; one that is early is an error
 *   ctx_wake       from a cancellation to the moment that a blocked thread goes on, the 99th percentile of 200, in us.
 *                  TASKS says what it blocks in: 0, a wait for the context; 1, poll on a socket; 2, a submission for
 *                  which a full backlog has no room
 */

#ifdef RT_HAS_CTX

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#define CTX_HOUR_NS 3600000000000LL
#define CTX_SPREAD_NS 500000000LL
#define CTX_WAKES 200

enum ctx_kind { CTX_CREATE, CTX_CHILD, CTX_TIMEOUT };

static __attribute__((noinline)) void ctx_make_and_cancel(rt_ctx *parent, enum ctx_kind kind, long count)
{
	for (long i = 0; i < count; i++) {
		rt_ctx *ctx =
		    kind == CTX_TIMEOUT ? rt_ctx_until(parent, CTX_HOUR_NS, true) : rt_ctx_under(parent);

		rt_ctx_cancel(ctx);
		rt_ctx_free(ctx);
	}
}

static void ctx_run_kind(const struct bench_args *args, enum ctx_kind kind)
{
	rt_ctx *parent = kind == CTX_CHILD ? rt_ctx_under(NULL) : NULL;

	for (int run = -1; run < args->runs; run++) {
		int64_t begin = bench_now_ns();

		ctx_make_and_cancel(parent, kind, args->tasks);
		if (run >= 0)
			bench_print((double)(bench_now_ns() - begin) / (double)args->tasks);
	}
	rt_ctx_free(parent);
}

static void ctx_create_run(const struct bench_args *args)
{
	ctx_run_kind(args, CTX_CREATE);
}

static void ctx_child_run(const struct bench_args *args)
{
	ctx_run_kind(args, CTX_CHILD);
}

static void ctx_timeout_run(const struct bench_args *args)
{
	ctx_run_kind(args, CTX_TIMEOUT);
}

static void ctx_cancel_run(const struct bench_args *args)
{
	rt_ctx **children = (rt_ctx **)calloc((size_t)args->tasks, sizeof(*children));

	if (!children)
		bench_fail("ctx_cancel: no memory");
	for (int run = -1; run < args->runs; run++) {
		rt_ctx *parent = rt_ctx_under(NULL);
		int64_t begin, end;

		for (long i = 0; i < args->tasks; i++)
			children[i] = rt_ctx_under(parent);
		begin = bench_now_ns();
		rt_ctx_cancel(parent);
		end = bench_now_ns();
		for (long i = 0; i < args->tasks; i++) {
			if (!rt_ctx_is_over(children[i]))
				bench_fail("ctx_cancel: a child is not cancelled");
			rt_ctx_free(children[i]);
		}
		rt_ctx_free(parent);
		if (run >= 0)
			bench_print((double)(end - begin) / 1e6);
	}
	free(children);
}

struct ctx_due {
	rt_ctx *ctx;
	rt_ctx_call call;
	int64_t deadline, noticed;
	sem_t *all;
};

static void ctx_due_note(void *arg)
{
	struct ctx_due *due = (struct ctx_due *)arg;

	due->noticed = bench_now_ns();
	sem_post(due->all);
}

static void ctx_deadlines_run(const struct bench_args *args)
{
	struct ctx_due *dues = (struct ctx_due *)calloc((size_t)args->tasks, sizeof(*dues));
	double *late = (double *)calloc((size_t)args->tasks, sizeof(*late));
	uint64_t random = UINT64_C(88172645463325252);
	sem_t all;

	if (!dues || !late)
		bench_fail("ctx_deadlines: no memory");
	sem_init(&all, 0, 0);
	for (int run = -1; run < args->runs; run++) {
		int64_t base = bench_now_ns() + 100000000;

		for (long i = 0; i < args->tasks; i++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			dues[i].all = &all;
			dues[i].deadline = base + (int64_t)(random % CTX_SPREAD_NS);
			dues[i].ctx = rt_ctx_until(NULL, dues[i].deadline, false);
			rt_ctx_on_end(dues[i].ctx, ctx_due_note, &dues[i], &dues[i].call);
		}
		for (long i = 0; i < args->tasks; i++)
			bench_sem_wait(&all);
		for (long i = 0; i < args->tasks; i++) {
			rt_ctx_off_end(&dues[i].call);
			rt_ctx_free(dues[i].ctx);
			late[i] = (double)(dues[i].noticed - dues[i].deadline) / 1000;
			if (late[i] < 0)
				bench_fail("ctx_deadlines: one is early by %g us", -late[i]);
		}
		if (run >= 0)
			bench_print(bench_percentile(late, (size_t)args->tasks, 0.99));
	}
	sem_destroy(&all);
	free(dues);
	free(late);
}

struct ctx_sleeper {
	rt_ctx *ctx;
	long where;
	int sockets[2];
	sem_t begins;
	int64_t woken;
};

static void *ctx_sleeper_main(void *arg)
{
	struct ctx_sleeper *sleeper = (struct ctx_sleeper *)arg;
	struct pollfd fds[2];

	switch (sleeper->where) {
	case 0:
		sem_post(&sleeper->begins);
		rt_ctx_wait(sleeper->ctx);
		break;
	case 1:
		fds[0].fd = sleeper->sockets[0];
		fds[1].fd = rt_ctx_fd(sleeper->ctx);
		fds[0].events = fds[1].events = POLLIN;
		sem_post(&sleeper->begins);
		poll(fds, 2, -1);
		break;
	default:
		rt_ctx_block_submission(sleeper->ctx, &sleeper->begins, &sleeper->woken);
		return NULL;
	}
	sleeper->woken = bench_now_ns();
	return NULL;
}

static void ctx_wake_run(const struct bench_args *args)
{
	double late[CTX_WAKES];
	struct ctx_sleeper sleeper;

	sleeper.where = args->tasks;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, sleeper.sockets) != 0)
		bench_fail("ctx_wake: no sockets");
	sem_init(&sleeper.begins, 0, 0);
	for (int run = -1; run < args->runs; run++) {
		for (int i = 0; i < CTX_WAKES; i++) {
			pthread_t thread;
			int64_t begin;

			sleeper.ctx = rt_ctx_under(NULL);
			if (pthread_create(&thread, NULL, ctx_sleeper_main, &sleeper) != 0)
				bench_fail("ctx_wake: no thread");
			bench_sem_wait(&sleeper.begins);
			bench_sleep_us(200); /* until it sleeps */
			begin = bench_now_ns();
			rt_ctx_cancel(sleeper.ctx);
			pthread_join(thread, NULL);
			rt_ctx_free(sleeper.ctx);
			late[i] = (double)(sleeper.woken - begin) / 1000;
		}
		if (run >= 0)
			bench_print(bench_percentile(late, CTX_WAKES, 0.99));
	}
	sem_destroy(&sleeper.begins);
}

#endif

#endif
