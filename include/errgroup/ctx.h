/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_CTX_H
#define ERRGROUP_CTX_H

/*
 * A context: the signal that work should stop.
 *
 * Contexts form a tree. Cancelling one cancels everything derived from it and nothing above it. A context is
 * cancelled at most once, with a cause that says why, and stays cancelled. NULL is accepted everywhere and
 * means the background context, which is never cancelled.
 *
 * A group hands its context to its tasks and cancels it when the group is over. Work that outlives the group
 * must not be given that context: derive it from the one the group was derived from.
 */

#include <errgroup/base.h>
#include <errgroup/error.h>

EG_BEGIN_DECLS

typedef struct eg_ctx eg_ctx;

/*
 * Derives a context that can be cancelled. If the parent is cancelled already, so is the result.
 *
 * Ownership: the caller owns one reference to *ret_ctx; the child keeps its parent alive. Dropping the last
 * reference to a context unlinks it from its parent and cancels nothing. Threads: any.
 * Return: 0; -EINVAL for a NULL ret_ctx; -ENOMEM. *ret_ctx is untouched on failure.
 */
EG_PUBLIC int eg_ctx_with_cancel(eg_ctx *parent, eg_ctx **ret_ctx) EG_MUST_CHECK;

/*
 * Takes or gives back a reference. eg_ctx_ref returns its argument. Threads: any.
 */
EG_PUBLIC eg_ctx *eg_ctx_ref(eg_ctx *ctx);
EG_PUBLIC void eg_ctx_unref(eg_ctx *ctx);

/*
 * Cancels the context and everything derived from it. The first cancellation wins; later ones do nothing.
 *
 * @cause  why; gains a reference of its own. NULL means plain "canceled"
 *
 * Threads: any. Blocking: for the tree's lock only; the tree is walked without recursion.
 * Return: 0 if this call cancelled it; -EALREADY if it was cancelled before; -EINVAL for NULL, the background
 * context.
 */
EG_PUBLIC int eg_ctx_cancel(eg_ctx *ctx, eg_error *cause);

/*
 * Why the context is over, as a code: 0 while it is not, then -ECANCELED. One load.
 * Threads: any. Ordering: what was written before the cancellation is visible once this is non-zero.
 */
EG_PUBLIC int eg_ctx_err(const eg_ctx *ctx);

/*
 * Why the context is over, as an error: the cause given to the cancellation that reached it.
 *
 * Ownership: borrowed; it lives as long as the context. Threads: any. Return: NULL while eg_ctx_err is 0.
 */
EG_PUBLIC eg_error *eg_ctx_cause(const eg_ctx *ctx);

EG_END_DECLS

#endif
