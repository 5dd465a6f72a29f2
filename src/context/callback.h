/* SPDX-License-Identifier: MIT */
#ifndef EGI_CONTEXT_CALLBACK_H
#define EGI_CONTEXT_CALLBACK_H

/*
 * Functions of the program's that are called once when a context is over, with no lock held. Whoever ends a tree leaves the
 * contexts that have some in a queue; the calls are then taken from there and made, one after the other, by that thread
 * or by those of caller.h.
 */

#include "context/tree.h"

/* What eg_ctx_callback has room for. All of it is under the tree's lock while it is listed, and then its caller's. */
struct egi_ctx_call {
	void (*fn)(void *arg);
	void *arg;
	eg_ctx *ctx; /* NULL when there is nothing to unregister; a reference of its own while it is listed */
	LIST_ENTRY(egi_ctx_call) link;
	bool *gone; /* the caller's: set by a function that unregisters itself, whose call may then be gone */
	uint64_t caller; /* the thread that is calling it */
	uint32_t state;
	uint32_t fork_count; /* in which process it was registered */
	uint32_t lock;       /* of the tree: the context itself may be gone */
};

/* A call that a thread is about to make, or makes. */
struct egi_ctx_calling {
	struct egi_ctx_call *call;
	eg_ctx *ctx;         /* the call's reference, or NULL */
	bool gone;           /* it has removed itself */
	uint32_t *under_way; /* lowered when the function has returned; or NULL */
};

/* Has fn(arg) called when the context is over: now, if it is. NULL is never over. */
void egi_ctx_call_add(eg_ctx *ctx, struct egi_ctx_call *call, void (*fn)(void *arg), void *arg);

/*
 * Takes a call back. On return it is not running, unless this is its function, and is not going to be made.
 * Return: 0; -EALREADY if it was made, or is being made here.
 */
int egi_ctx_call_remove(struct egi_ctx_call *call);

/* Under lock: a context that has just ended, and has calls to make, comes to a queue. */
static inline void egi_ctx_calls_queue(eg_ctx *ctx, struct egi_ctx_queue *queue)
{
	if (LIST_EMPTY(&ctx->calls))
		return;
	ctx->queue = queue;
	TAILQ_INSERT_TAIL(queue, ctx, queued);
}

/* Under lock: takes one of the calls that wait in a queue, which is not empty. */
void egi_ctx_call_take(struct egi_ctx_queue *queue, struct egi_ctx_calling *ret_calling);

/* Makes it, with no lock held. False in a child that the function forked, where nothing is to be touched any more. */
bool egi_ctx_call_make(struct egi_ctx_calling *calling);

#endif
