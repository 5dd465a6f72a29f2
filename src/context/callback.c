/* SPDX-License-Identifier: MIT */
/*
 * The life of a call:
 *
 *     idle -> listed -> running -> done             nobody waits for it
 *                          |         ^
 *                          +-> awaited               whoever removes it sleeps on its state
 *     idle <- listed                                 removed before
 *
 * Listing, and going from listed to running, is under the tree's lock. From then on the call is its caller's, until it is
 * done; whoever removes it waits for that, unless it is the function itself that does. A call that removed itself may be
 * gone when its function returns, so the caller asks a flag on its own stack. The call's reference to its context is given
 * back before it is done, so that whoever has removed a call knows that nothing of it is left.
 *
 * The function must return, since whoever removes the call waits for that: panics are forbidden meanwhile.
 *
 * A call that was registered before a fork is another process's: in the child it is not made, nor waited for, and the
 * lists that it is in are not touched.
 */
#include "context/callback.h"

#include <errno.h>

#include "os/annotate.h"
#include "os/atomic.h"
#include "os/clock.h"
#include "os/event.h"
#include "os/exception.h"
#include "os/verify.h"
#include "task/panic.h"

_Static_assert(sizeof(struct egi_ctx_call) <= sizeof(eg_ctx_callback), "a callback has room for a call");

enum { CALL_IDLE, CALL_LISTED, CALL_RUNNING, CALL_AWAITED, CALL_DONE };

/* Under the tree's lock: the calling thread is going to call it. */
static void call_begin(struct egi_ctx_call *call, eg_ctx *ctx, struct egi_ctx_calling *ret_calling)
{
	*ret_calling = (struct egi_ctx_calling){call, ctx, false, NULL};
	call->gone = &ret_calling->gone;
	call->caller = egi_thread_id();
	/* [X4] release: whose it is, before it is running; pairs with [X5]. */
	egi_store_release_u32(&call->state, CALL_RUNNING);
}

/* Under lock: takes a call out of its context, and the last one of a context that is over takes that out of its queue. */
static void call_unlist(struct egi_ctx_call *call, eg_ctx *ctx)
{
	LIST_REMOVE(call, link);
	if (egi_load_relaxed_u32(&ctx->err) != 0 && LIST_EMPTY(&ctx->calls))
		TAILQ_REMOVE(ctx->queue, ctx, queued);
}

void egi_ctx_call_add(eg_ctx *ctx, struct egi_ctx_call *call, void (*fn)(void *arg), void *arg)
{
	struct egi_ctx_calling calling;
	bool over;

	*call = (struct egi_ctx_call){.fn = fn, .arg = arg, .ctx = ctx, .fork_count = egi_thread_fork_count};
	if (!ctx)
		return;
	call->lock = ctx->lock;
	egi_ctx_lock(ctx->lock);
	egi_ctx_enter(ctx);
	over = egi_load_relaxed_u32(&ctx->err) != 0;
	if (over) {
		call_begin(call, NULL, &calling);
	} else {
		eg_ctx_ref(ctx);
		LIST_INSERT_HEAD(&ctx->calls, call, link);
		egi_store_relaxed_u32(&call->state, CALL_LISTED);
	}
	egi_ctx_unlock(ctx->lock);
	if (over)
		egi_ctx_call_make(&calling);
}

void egi_ctx_call_take(struct egi_ctx_queue *queue, struct egi_ctx_calling *ret_calling)
{
	eg_ctx *ctx = TAILQ_FIRST(queue);
	struct egi_ctx_call *call = LIST_FIRST(&ctx->calls);

	call_unlist(call, ctx);
	call_begin(call, ctx, ret_calling);
}

bool egi_ctx_call_make(struct egi_ctx_calling *calling)
{
	uint32_t state = CALL_RUNNING, fork_count = egi_thread_fork_count;
	struct egi_ctx_call *call = calling->call;
	unsigned *forbidden = egi_panic_forbidden(), before = (*forbidden)++;

	EGI_CALL_PROGRAM(call->fn(call->arg));
	EGI_VERIFY(--*forbidden == before,
		   "a function called when a context ends left panics forbidden, or allowed them");
	/* In a child it could not say that it has removed itself: the thread is another there. */
	if (fork_count != egi_thread_fork_count)
		return false;
	if (calling->under_way)
		egi_add_u32(calling->under_way, UINT32_MAX); /* [Z2] nothing is ordered; [X4] comes later */
	eg_ctx_unref(calling->ctx);
	if (calling->gone)
		return true;
	egi_annotate_release(call);
	/* [X4] full: what the function did, before it is done; pairs with [X5]. */
	if (!egi_cas_u32(&call->state, &state, CALL_DONE)) {
		/* [X4] release: the same, where somebody waits. */
		egi_store_release_u32(&call->state, CALL_DONE);
		egi_word_wake_all(&call->state);
	}
	return true;
}

/* The call is not listed: waits until it is done, or leaves that to its caller if that is this thread. */
static void call_await(struct egi_ctx_call *call)
{
	/* [X5] acquire: pairs with [X4]. */
	uint32_t state = egi_load_acquire_u32(&call->state);

	if (state == CALL_RUNNING && call->caller == egi_thread_id()) {
		bool *gone = call->gone;

		/*
		 * If another thread waits as well, the call stays until that one has seen it done. [X4] full:
		 * what the function did, and the look at `gone`, before it is done; pairs with [X5].
		 */
		if (egi_cas_u32(&call->state, &state, CALL_DONE))
			*gone = true;
		return;
	}
	while (state != CALL_DONE) {
		if (call->caller == egi_thread_id())
			return;
		/* [Z1] nothing is ordered: its caller changes the same word when it is done. */
		if (state == CALL_AWAITED || egi_cas_u32(&call->state, &state, CALL_AWAITED))
			egi_word_wait(&call->state, CALL_AWAITED, EGI_FOREVER);
		state = egi_load_acquire_u32(&call->state); /* [X5] acquire: pairs with [X4] */
	}
	egi_annotate_acquire(call);
}

/* In a forked child, of a call of the parent's: nobody is going to make it, and nobody is making it. */
static int call_forget(struct egi_ctx_call *call)
{
	eg_ctx *ctx = call->ctx;

	if (egi_load_relaxed_u32(&call->state) != CALL_LISTED)
		return -EALREADY;
	egi_store_relaxed_u32(&call->state, CALL_IDLE);
	call->ctx = NULL;
	eg_ctx_unref(ctx);
	return 0;
}

int egi_ctx_call_remove(struct egi_ctx_call *call)
{
	eg_ctx *ctx = call->ctx;
	bool listed;

	if (!ctx)
		return 0;
	if (call->fork_count != egi_thread_fork_count)
		return call_forget(call);
	egi_ctx_lock(call->lock);
	listed = egi_load_relaxed_u32(&call->state) == CALL_LISTED;
	if (listed) {
		call_unlist(call, ctx);
		egi_store_relaxed_u32(&call->state, CALL_IDLE);
		call->ctx = NULL;
	}
	egi_ctx_unlock(call->lock);
	if (listed) {
		eg_ctx_unref(ctx);
		return 0;
	}
	call_await(call);
	return -EALREADY;
}
