/* SPDX-License-Identifier: MIT */
/*
 * Being told of the end of a context, under the tree's lock. A watch that has been told stays in its list, which nobody looks
 * at again but to take it out: the context is there as long as who watches it has a reference.
 */
#include "context/watch.h"

#include "os/atomic.h"

void egi_ctx_watch_add(eg_ctx *ctx, struct egi_ctx_watch *watch, void (*tell)(struct egi_ctx_watch *watch))
{
	*watch = (struct egi_ctx_watch){.tell = tell};
	if (!ctx)
		return;
	egi_ctx_lock(ctx->lock);
	egi_ctx_enter(ctx);
	if (egi_load_relaxed_u32(&ctx->err) != 0) {
		tell(watch);
	} else {
		LIST_INSERT_HEAD(&ctx->watches, watch, link);
		watch->listed = true;
	}
	egi_ctx_unlock(ctx->lock);
}

void egi_ctx_watch_remove(eg_ctx *ctx, struct egi_ctx_watch *watch)
{
	if (!watch->listed)
		return;
	egi_ctx_lock(ctx->lock);
	LIST_REMOVE(watch, link);
	egi_ctx_unlock(ctx->lock);
}

EGI_COLD void egi_ctx_watch_tell_all(struct egi_ctx_watch *first)
{
	for (struct egi_ctx_watch *next; first; first = next) {
		next = LIST_NEXT(first, link);
		first->tell(first);
	}
}
