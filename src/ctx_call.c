/* SPDX-License-Identifier: MIT */
/*
 * Functions called when a context is over.
 *
 * A call is listed in its context, then running, then done; or it is removed before. Listing, and going from listed to
 * running, is under the tree's lock. From then on the call is its caller's, until it is done; whoever removes it waits
 * for that, unless it is the function itself that does. A call that removed itself may be gone when its function
 * returns, so the caller asks a flag on its own stack.
 */
#include <errno.h>

#include "clock.h"
#include "ctx.h"
#include "exception.h"
#include "park.h"
#include "verify.h"

_Static_assert(sizeof(struct egi_ctx_call) <= sizeof(eg_ctx_callback), "a callback has room for a call");

enum { CALL_IDLE, CALL_LISTED, CALL_RUNNING, CALL_AWAITED, CALL_DONE };

/* Under the tree's lock: the calling thread is going to call it. */
static void call_begin(struct egi_ctx_call *call, bool *gone)
{
	*gone = false;
	call->gone = gone;
	call->caller = egi_thread_id();
	call->fork_count = egi_thread_fork_count;
	/* [X4] release: whose it is, before it is running; pairs with [X5]. */
	egi_store_release_u32(&call->state, CALL_RUNNING);
}

static void call_make(struct egi_ctx_call *call, const bool *gone)
{
	struct egi_recovery *outer = egi_thread_self.no_panic;
	uint32_t state = CALL_RUNNING, fork_count = egi_thread_fork_count;

	egi_thread_self.no_panic = egi_thread_self.recovery;
	EGI_EXCEPTIONS_END_HERE();
	call->fn(call->arg);
	egi_thread_self.no_panic = outer;
	/* In a child that the function forked, it could not say so: the thread is another there. */
	if (*gone || fork_count != egi_thread_fork_count)
		return;
	/* [X4] full: what the function did, before it is done; pairs with [X5]. */
	if (egi_cas_u32(&call->state, &state, CALL_DONE))
		return;
	egi_store_release_u32(&call->state, CALL_DONE);
	egi_word_wake_all(&call->state);
}

void egi_ctx_call_add(eg_ctx *ctx, struct egi_ctx_call *call, void (*fn)(void *arg), void *arg)
{
	bool over, gone;

	*call = (struct egi_ctx_call){.fn = fn, .arg = arg, .ctx = ctx};
	if (!ctx)
		return;
	call->lock = ctx->lock;
	egi_ctx_lock(ctx->lock);
	over = egi_load_relaxed_u32(&ctx->err) != 0;
	if (over) {
		call_begin(call, &gone);
	} else {
		eg_ctx_ref(ctx);
		LIST_INSERT_HEAD(&ctx->calls, call, link);
		egi_store_relaxed_u32(&call->state, CALL_LISTED);
	}
	egi_ctx_unlock(ctx->lock);
	if (over)
		call_make(call, &gone);
}

void egi_ctx_call_all(eg_ctx *ctx)
{
	struct egi_ctx_call *call;
	bool gone;

	egi_ctx_lock(ctx->lock);
	while ((call = LIST_FIRST(&ctx->calls)) != NULL) {
		LIST_REMOVE(call, link);
		call_begin(call, &gone);
		egi_ctx_unlock(ctx->lock);
		call_make(call, &gone);
		eg_ctx_unref(ctx); /* the call's reference; the caller's is left */
		egi_ctx_lock(ctx->lock);
	}
	egi_ctx_unlock(ctx->lock);
	eg_ctx_unref(ctx);
}

/* The call is not listed: waits until it is done, or leaves that to its caller if that is this thread. */
static void call_await(struct egi_ctx_call *call)
{
	/* [X5] acquire: pairs with [X4]. */
	uint32_t state = egi_load_acquire_u32(&call->state);

	if (state == CALL_RUNNING && call->caller == egi_thread_id()) {
		bool *gone = call->gone;

		/* If another thread waits as well, the call stays until that one has seen it done. */
		if (egi_cas_u32(&call->state, &state, CALL_DONE))
			*gone = true;
		return;
	}
	while (state != CALL_DONE) {
		/* In a forked child nobody is calling who could be waited for. */
		if (call->caller == egi_thread_id() || call->fork_count != egi_thread_fork_count)
			return;
		if (state == CALL_AWAITED || egi_cas_u32(&call->state, &state, CALL_AWAITED))
			egi_word_wait(&call->state, CALL_AWAITED, EGI_FOREVER);
		state = egi_load_acquire_u32(&call->state);
	}
}

int egi_ctx_call_remove(struct egi_ctx_call *call)
{
	eg_ctx *ctx = call->ctx;
	bool listed;

	if (!ctx)
		return 0;
	egi_ctx_lock(call->lock);
	listed = egi_load_relaxed_u32(&call->state) == CALL_LISTED;
	if (listed) {
		LIST_REMOVE(call, link);
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

int eg_ctx_on_cancel(eg_ctx *ctx, void (*fn)(void *arg), void *arg, eg_ctx_callback *ret_callback)
{
	if (!fn || !ret_callback)
		return -EINVAL;
	/* Without a thread nobody would call it when the deadline comes. */
	if (egi_ctx_attend(ctx) != 0)
		return -EAGAIN;
	egi_ctx_call_add(ctx, (struct egi_ctx_call *)(void *)ret_callback, fn, arg);
	return 0;
}

int eg_ctx_off_cancel(eg_ctx_callback *callback)
{
	return callback ? egi_ctx_call_remove((struct egi_ctx_call *)(void *)callback) : -EINVAL;
}
