/* SPDX-License-Identifier: MIT */
#ifndef EGI_CONTEXT_WATCH_H
#define EGI_CONTEXT_WATCH_H

/*
 * The library's own look-out for the end of a context: told by whoever ends it, under the tree's lock, before anybody else
 * learns of the end but by asking. What it does then must be quick and take no lock. It has no reference: who watches has
 * one.
 *
 * All of a watch but its function is under the tree's lock, or its owner's before it is added and after it is removed.
 */

#include "context/tree.h"

struct egi_ctx_watch {
	void (*tell)(struct egi_ctx_watch *watch);
	LIST_ENTRY(egi_ctx_watch) link;
	bool listed; /* stays so when it has been told */
};

/* Has a watch told; at once if the context is over. NULL is never over. */
void egi_ctx_watch_add(eg_ctx *ctx, struct egi_ctx_watch *watch, void (*tell)(struct egi_ctx_watch *watch));

/* On return the watch, which was added to this context, is not told any more. */
void egi_ctx_watch_remove(eg_ctx *ctx, struct egi_ctx_watch *watch);

/* Under the lock, on behalf of a context that is over and may be gone: tells a watch that was added and those behind it. */
void egi_ctx_watch_tell_all(struct egi_ctx_watch *first);

#endif
