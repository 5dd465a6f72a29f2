/* SPDX-License-Identifier: MIT */
/*
 * The ways to learn of a context's end without asking: asleep on its code, by a descriptor (poll.c has the sleep on it), by a
 * function that is called.
 *
 * Each begins by having somebody see to the deadline, if there is one. A sleeper does without, and then looks at the clock
 * itself; the others are refused. A sleeper looks, late, even when there is somebody: that one may have to call a function
 * because no other thread can be had (caller.c), and the function may wait for the sleeper.
 *
 * A sleeper says under the tree's lock that it is going to sleep, and the kernel compares the code as it goes to sleep:
 *
 *     sleeper                              whoever ends it, under lock
 *     waited, under lock
 *                                          sees `waited`; writes the code
 *     the code is not 0: does not sleep
 *                                          wakes nobody
 *
 * Without the lock `waited` could be set after the look at it and before the code, and nobody would wake the sleeper.
 */
#include "context/wait.h"

#include <errno.h>

#include "context/callback.h"
#include "context/end.h"
#include "context/tree.h"
#include "os/atomic.h"
#include "os/clock.h"
#include "os/event.h"
#include "os/thread.h"

/* So late that nobody looks in vain unless the keeper is away, or has no CPU. */
#define LATE (10 * EGI_MILLISECOND)

/* Written before the first thread has an id. */
static int64_t (*on_sleep)(int64_t until_ns);

void egi_ctx_on_sleep(int64_t (*sleeps)(int64_t until_ns))
{
	on_sleep = sleeps;
}

int64_t egi_ctx_wakes_ns(const eg_ctx *ctx, int64_t until_ns)
{
	int64_t fires = egi_timer_fires_ns(eg_ctx_deadline(ctx)), late;

	if (fires >= until_ns)
		return until_ns;
	if (egi_timer_is_by_clock())
		return fires;
	late = egi_clock_after(LATE);
	if (fires > late - LATE && __builtin_add_overflow(fires, LATE, &late))
		late = EGI_FOREVER;
	return late < until_ns ? late : until_ns;
}

int64_t egi_ctx_sleeps(const eg_ctx *ctx, int64_t until_ns)
{
	return on_sleep(egi_ctx_wakes_ns(ctx, until_ns));
}

/* Somebody is going to sleep on the context's code. */
static void mark_waited(eg_ctx *ctx)
{
	egi_ctx_lock(ctx->lock);
	ctx->waited = true;
	egi_ctx_unlock(ctx->lock);
}

/* Returns true when the context is over, false when the time has come and it is not. */
static bool wait_for_end(eg_ctx *ctx, int64_t until_ns)
{
	uint32_t never = 0;

	if (eg_ctx_err(ctx))
		return true;
	if (eg_clock_now_ns() >= until_ns)
		return false;
	if (ctx)
		mark_waited(ctx);
	else
		(void)egi_thread_id(); /* the library may begin here */
	/* Another thread for the deadline, if there is none; without one this looks at the clock itself. */
	if (eg_ctx_deadline(ctx) != EG_CTX_NO_DEADLINE)
		(void)egi_timer_ensure();
	for (;;) {
		egi_word_wait(ctx ? &ctx->err : &never, 0, egi_ctx_sleeps(ctx, until_ns));
		if (eg_ctx_err(ctx))
			return true;
		if (until_ns != EGI_FOREVER && eg_clock_now_ns() >= until_ns)
			return false;
	}
}

int eg_ctx_wait_until(eg_ctx *ctx, int64_t deadline_ns)
{
	return wait_for_end(ctx, deadline_ns) ? 0 : -ETIMEDOUT;
}

int eg_ctx_sleep_until(eg_ctx *ctx, int64_t time_ns)
{
	return wait_for_end(ctx, time_ns) ? eg_ctx_err(ctx) : 0;
}

/* The background context: it has a descriptor and nothing else. */
static struct eg_ctx background = {.fd = {-1, -1}};

/* Under lock. */
static int fd_make(eg_ctx *ctx)
{
	int err = egi_ctx_fd_open(&ctx->fd);

	if (err == 0 && egi_load_relaxed_u32(&ctx->err) != 0)
		egi_ctx_fd_raise(ctx->fd.write);
	return err;
}

int egi_ctx_end_fd(eg_ctx *ctx)
{
	int saved = errno, result = 0;

	/* The one context that nobody has made, so that the library may begin here. */
	if (!ctx && egi_thread_id())
		ctx = &background;
	egi_ctx_lock(ctx->lock);
	egi_ctx_enter(ctx);
	if (ctx->fd.read < 0)
		result = fd_make(ctx);
	if (result == 0)
		result = ctx->fd.read;
	egi_ctx_unlock(ctx->lock);
	errno = saved;
	return result;
}

/* Without a thread nobody would do at the deadline what has to be done then. */
static bool is_attended(eg_ctx *ctx)
{
	int saved = errno, err = egi_ctx_attend(ctx);

	errno = saved;
	return err == 0;
}

int eg_ctx_fd(eg_ctx *ctx)
{
	return is_attended(ctx) ? egi_ctx_end_fd(ctx) : -EAGAIN;
}

int eg_ctx_on_end(eg_ctx *ctx, void (*fn)(void *arg), void *arg, eg_ctx_callback *ret_callback)
{
	if (!fn || !ret_callback)
		return -EINVAL;
	if (!is_attended(ctx))
		return -EAGAIN;
	egi_ctx_call_add(ctx, (struct egi_ctx_call *)(void *)ret_callback, fn, arg);
	return 0;
}

int eg_ctx_off_end(eg_ctx_callback *callback)
{
	return callback ? egi_ctx_call_remove((struct egi_ctx_call *)(void *)callback) : -EINVAL;
}

void egi_ctx_wait_stop(void)
{
	egi_ctx_lock(background.lock);
	egi_ctx_enter(&background);
	egi_ctx_fd_close(&background.fd);
	egi_ctx_unlock(background.lock);
}
