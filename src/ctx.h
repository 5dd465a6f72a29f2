/* SPDX-License-Identifier: MIT */
#ifndef EGI_CTX_H
#define EGI_CTX_H

/*
 * Contexts from the inside: calls made when a context is cancelled.
 */

#include <errgroup/ctx.h>
#include <sys/queue.h>

#include "base.h"

/*
 * A call to make once when a context is cancelled, on the cancelling thread, with no lock held.
 */
struct egi_ctx_watch {
	void (*fn)(void *arg);
	void *arg;
	bool linked;
	LIST_ENTRY(egi_ctx_watch) link;
};

/*
 * Starts watching. If the context is cancelled already, `fn` is called at once. The watch belongs to the caller
 * and must stay until egi_ctx_unwatch has returned.
 */
void egi_ctx_watch(eg_ctx *ctx, struct egi_ctx_watch *watch);

/* Stops watching: `fn` is not running when this returns, unless this is called from inside it. */
void egi_ctx_unwatch(eg_ctx *ctx, struct egi_ctx_watch *watch);

/* For the fork handlers. */
void egi_ctx_lock_all(void);
void egi_ctx_unlock_all(void);

#endif
