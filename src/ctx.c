/* SPDX-License-Identifier: MIT */
#include "ctx.h"

#include <errno.h>
#include <stdlib.h>

#include "atomic.h"
#include "clock.h"
#include "error.h"
#include "park.h"
#include "thread.h"
#include "verify.h"

/*
 * The tree. Children keep their parent alive; a parent only lists its children, which unlink themselves when
 * they are freed. Everything but `refs` and `err` is under the tree's lock: one of a few locks, chosen by the
 * root and shared by all below it, so that a tree is walked under a single lock and forking can hold them all.
 * No lock is held while a watch is called or an error freed.
 */
LIST_HEAD(contexts, eg_ctx);
LIST_HEAD(watches, egi_ctx_watch);

struct eg_ctx {
	uint32_t refs;
	uint32_t err; /* 0, or the negated result of eg_ctx_err; written once, after `cause` */
	eg_error *cause;
	struct egi_mutex *lock;
	eg_ctx *parent;
	LIST_ENTRY(eg_ctx) sibling;
	struct contexts children;
	struct watches watches;
	struct egi_ctx_watch *calling; /* the watch being called, and by whom */
	uint64_t caller;
	struct egi_event called; /* notified when `calling` goes back to NULL */
	eg_ctx *next;            /* in the list of contexts of one cancellation */
};

#define LOCKS 16

static struct egi_mutex locks[LOCKS] = {[0 ... LOCKS - 1] = EGI_MUTEX_INIT};

static struct egi_mutex *lock_for_root(void)
{
	static uint32_t next;

	return &locks[egi_add_u32(&next, 1) % LOCKS];
}

/* Under lock, or before the context is shared. */
static void ctx_finish(eg_ctx *ctx, int err, eg_error *cause)
{
	ctx->cause = eg_error_ref(cause);
	/* [X1] release: the cause before the code; pairs with [X2]. */
	egi_store_release_u32(&ctx->err, (uint32_t)-err);
}

int eg_ctx_with_cancel(eg_ctx *parent, eg_ctx **ret_ctx)
{
	eg_ctx *ctx;
	int err;

	if (!ret_ctx)
		return -EINVAL;
	ctx = calloc(1, sizeof(*ctx));
	if (!ctx)
		return -ENOMEM;
	ctx->refs = 1;
	LIST_INIT(&ctx->children);
	LIST_INIT(&ctx->watches);
	ctx->lock = parent ? parent->lock : lock_for_root();
	ctx->parent = eg_ctx_ref(parent);
	if (parent) {
		egi_mutex_lock(ctx->lock);
		err = eg_ctx_err(parent);
		if (err)
			ctx_finish(ctx, err, parent->cause);
		else
			LIST_INSERT_HEAD(&parent->children, ctx, sibling);
		egi_mutex_unlock(ctx->lock);
	}
	*ret_ctx = ctx;
	return 0;
}

eg_ctx *eg_ctx_ref(eg_ctx *ctx)
{
	if (ctx)
		egi_add_u32(&ctx->refs, 1);
	return ctx;
}

/* A reference, unless the context is being freed. */
static bool ctx_try_ref(eg_ctx *ctx)
{
	uint32_t refs = egi_load_relaxed_u32(&ctx->refs);

	while (refs != 0)
		if (egi_cas_u32(&ctx->refs, &refs, refs + 1))
			return true;
	return false;
}

void eg_ctx_unref(eg_ctx *ctx)
{
	/* Up the tree in a loop: a branch of any depth may end here. */
	while (ctx) {
		eg_ctx *parent = ctx->parent;
		uint32_t refs = egi_add_u32(&ctx->refs, UINT32_MAX);

		EGI_VERIFY(refs != 0, "eg_ctx_unref of a context that is gone");
		if (refs != 1)
			return;
		if (parent) {
			egi_mutex_lock(ctx->lock);
			if (ctx->err == 0)
				LIST_REMOVE(ctx, sibling);
			egi_mutex_unlock(ctx->lock);
		}
		EGI_ASSERT(LIST_EMPTY(&ctx->children));
		eg_error_unref(ctx->cause);
		free(ctx);
		ctx = parent;
	}
}

int eg_ctx_err(const eg_ctx *ctx)
{
	/* [X2] acquire: pairs with [X1]. */
	return ctx ? -(int)egi_load_acquire_u32(&ctx->err) : 0;
}

eg_error *eg_ctx_cause(const eg_ctx *ctx)
{
	return eg_ctx_err(ctx) ? ctx->cause : NULL;
}

/*
 * Under lock: ends the context and all below it, breadth first through the `next` links. Cancelled contexts leave
 * their parent's list; the top one's siblings are not touched. Returns those that have watches, referenced.
 */
static eg_ctx *tree_finish(eg_ctx *top, int err, eg_error *cause)
{
	eg_ctx *watched = NULL, *todo = top;
	eg_ctx **end = &top->next;

	if (top->parent)
		LIST_REMOVE(top, sibling);
	top->next = NULL;
	while (todo) {
		eg_ctx *ctx = todo, *child;

		ctx_finish(ctx, err, cause);
		while ((child = LIST_FIRST(&ctx->children)) != NULL) {
			LIST_REMOVE(child, sibling);
			child->next = NULL;
			*end = child;
			end = &child->next;
		}
		todo = ctx->next;
		if (!LIST_EMPTY(&ctx->watches) && ctx_try_ref(ctx)) {
			/* The walk has passed this link; or it ends here, and nothing is appended any more. */
			ctx->next = watched;
			watched = ctx;
		}
	}
	return watched;
}

static void call_watches(eg_ctx *ctx)
{
	struct egi_ctx_watch *watch;

	egi_mutex_lock(ctx->lock);
	while ((watch = LIST_FIRST(&ctx->watches)) != NULL) {
		LIST_REMOVE(watch, link);
		watch->linked = false;
		ctx->calling = watch;
		ctx->caller = egi_thread_id();
		egi_mutex_unlock(ctx->lock);
		watch->fn(watch->arg);
		egi_mutex_lock(ctx->lock);
		ctx->calling = NULL;
		egi_fence_full(); /* [E2]: the change before the look at sleepers */
		egi_event_notify(&ctx->called);
	}
	egi_mutex_unlock(ctx->lock);
}

int eg_ctx_cancel(eg_ctx *ctx, eg_error *cause)
{
	eg_ctx *watched;

	if (!ctx)
		return -EINVAL;
	egi_mutex_lock(ctx->lock);
	if (ctx->err != 0) {
		egi_mutex_unlock(ctx->lock);
		return -EALREADY;
	}
	if (!cause)
		cause = egi_error_bare(EG_ERROR_RETURNED, -ECANCELED);
	watched = tree_finish(ctx, -ECANCELED, cause);
	egi_mutex_unlock(ctx->lock);
	while (watched) {
		eg_ctx *next = watched->next;

		call_watches(watched);
		eg_ctx_unref(watched);
		watched = next;
	}
	return 0;
}

void egi_ctx_watch(eg_ctx *ctx, struct egi_ctx_watch *watch)
{
	bool over;

	egi_mutex_lock(ctx->lock);
	over = ctx->err != 0;
	watch->linked = !over;
	if (!over)
		LIST_INSERT_HEAD(&ctx->watches, watch, link);
	egi_mutex_unlock(ctx->lock);
	if (over)
		watch->fn(watch->arg);
}

void egi_ctx_unwatch(eg_ctx *ctx, struct egi_ctx_watch *watch)
{
	egi_mutex_lock(ctx->lock);
	if (watch->linked) {
		LIST_REMOVE(watch, link);
		watch->linked = false;
	}
	while (ctx->calling == watch && ctx->caller != egi_thread_id()) {
		uint32_t key;

		egi_event_prepare(&ctx->called, &key);
		egi_mutex_unlock(ctx->lock);
		egi_event_wait(&ctx->called, key, EGI_FOREVER);
		egi_event_finish(&ctx->called);
		egi_mutex_lock(ctx->lock);
	}
	egi_mutex_unlock(ctx->lock);
}

void egi_ctx_lock_all(void)
{
	for (size_t i = 0; i < LOCKS; i++)
		egi_mutex_lock(&locks[i]);
}

void egi_ctx_unlock_all(void)
{
	for (size_t i = LOCKS; i-- > 0;)
		egi_mutex_unlock(&locks[i]);
}
