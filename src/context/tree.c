/* SPDX-License-Identifier: MIT */
/*
 * The nodes: made, joined to their parents, referenced, asked, and freed. See tree.h for what protects what.
 *
 * A node is made with nobody knowing it, completed by whoever made it, and joined; from then on it may end at any moment. Its
 * last reference is given back once. A node that has ended touches no list then, and is freed without a lock, which is
 * what makes contexts cheap: most are cancelled and dropped by the thread that made them.
 *
 *     whoever ends it, under lock            whoever drops the last reference
 *     takes it out of its parent's list
 *     disarms its timer, or pins it
 *     err: the last access     [X1]
 *                                            [X2] sees err: no list has it, no timer but one that pins it
 *                                            frees it
 */
#include "context/tree.h"

#include <errno.h>
#include <stdlib.h>

#include "error/error.h"
#include "os/annotate.h"
#include "os/atomic.h"
#include "os/clock.h"
#include "os/verify.h"

struct egi_ctx_lock egi_ctx_locks[EGI_CTX_LOCKS] = {[0 ... EGI_CTX_LOCKS - 1] = {EGI_MUTEX_INIT}};

void egi_ctx_lock_all(void)
{
	for (unsigned i = 0; i < EGI_CTX_LOCKS; i++)
		egi_ctx_lock(i);
}

void egi_ctx_unlock_all(void)
{
	for (unsigned i = EGI_CTX_LOCKS; i-- > 0;)
		egi_ctx_unlock(i);
}

/*
 * The lock of a new tree: the next one in turn, since the trees that one thread makes may be used by many; counted by
 * thread, since a common counter would be written by all.
 */
static uint8_t lock_for_root(void)
{
	uint64_t id = egi_thread_id();

	return (uint8_t)((id + egi_thread_self.trees_made++) % EGI_CTX_LOCKS);
}

/* What is left out is written when the context is joined, or when it ends. */
static void ctx_init(eg_ctx *ctx, eg_ctx *parent)
{
	ctx->err = 0;
	ctx->refs = 1;
	ctx->ends_apart = true;
	ctx->timed = ctx->pinned = ctx->waited = false;
	ctx->parent = parent;
	if (parent) {
		egi_add_u32(&parent->refs, 1); /* [Z1] nothing is ordered */
		ctx->lock = parent->lock;
		ctx->deadline = parent->deadline;
		ctx->valued = parent->valued;
	} else {
		ctx->lock = lock_for_root();
		ctx->deadline = EG_CTX_NO_DEADLINE;
		ctx->valued = NULL;
	}
	LIST_INIT(&ctx->children);
	LIST_INIT(&ctx->calls);
	LIST_INIT(&ctx->watches);
	ctx->cause = NULL;
	ctx->finish = NULL;
	ctx->fd = EGI_CTX_FD_NONE;
	ctx->fork_count = egi_thread_fork_count;
}

eg_ctx *egi_ctx_make(eg_ctx *parent, size_t size)
{
	eg_ctx *ctx = malloc(size);

	if (ctx)
		ctx_init(ctx, parent);
	return ctx;
}

void egi_ctx_join(eg_ctx *ctx, int64_t now_ns)
{
	eg_ctx *parent = ctx->parent;
	int err = 0;

	if (parent) {
		egi_ctx_lock(ctx->lock);
		err = (int)egi_load_relaxed_u32(&parent->err);
		if (err) {
			ctx->cause = eg_error_ref(parent->cause);
			egi_store_relaxed_u32(&ctx->err, (uint32_t)err);
		} else {
			LIST_INSERT_HEAD(&parent->children, ctx, sibling);
			ctx->ends_apart = false;
		}
	}
	/* From here on it may end at any moment, which takes the lock. */
	if (ctx->timed && !err)
		egi_timer_arm(egi_ctx_timer(ctx), ctx->deadline, now_ns);
	if (parent)
		egi_ctx_unlock(ctx->lock);
}

/*
 * The parent's descriptors are the parent's events, and their numbers may have been given to something else: they are
 * neither written nor closed.
 */
void egi_ctx_forget(eg_ctx *ctx)
{
	LIST_INIT(&ctx->calls);
	LIST_INIT(&ctx->watches);
	ctx->fd = EGI_CTX_FD_NONE;
	ctx->fork_count = egi_thread_fork_count;
}

/*
 * References
 */

eg_ctx *eg_ctx_ref(eg_ctx *ctx)
{
	if (ctx)
		egi_add_u32(&ctx->refs, 1); /* [Z1] nothing is ordered */
	return ctx;
}

/*
 * Gives back a reference. True if it was the last. Nobody can come to one who has none but the keeper, who takes none: so
 * a count of one is the caller's own and need not be changed.
 */
static bool ctx_put(eg_ctx *ctx)
{
	uint32_t refs;

	/* [X3] acquire: what others did before they gave theirs back; pairs with [X6]. */
	if (egi_load_acquire_u32(&ctx->refs) == 1)
		return true;
	egi_annotate_release(ctx);
	/* [X6] full: before it what this thread did, after it what the last one does; pairs with [X3]. */
	refs = egi_add_u32(&ctx->refs, UINT32_MAX);
	EGI_VERIFY(refs != 0, "eg_ctx_unref of a context that is gone");
	return refs == 1;
}

/* Nobody has a reference. Takes the context out of all lists that it may be found in. */
static void ctx_leave(eg_ctx *ctx)
{
	/* [X2] acquire: an end that is seen here has touched the context for the last time; pairs with [X1]. */
	bool over = egi_load_acquire_u32(&ctx->err) != 0;

	if (ctx->timed && (!over || ctx->pinned))
		egi_timer_retire(egi_ctx_timer(ctx));
	if (ctx->fd.read < 0 && (over || ctx->ends_apart))
		return;
	egi_ctx_lock(ctx->lock);
	egi_ctx_enter(ctx);
	if (egi_load_relaxed_u32(&ctx->err) == 0 && !ctx->ends_apart)
		LIST_REMOVE(ctx, sibling);
	ctx->ends_apart = true;
	if (ctx->fd.read >= 0)
		egi_ctx_fd_close(&ctx->fd);
	egi_ctx_unlock(ctx->lock);
}

/* Gives a context's memory back, and returns its parent, to which it has a reference. */
static eg_ctx *ctx_free(eg_ctx *ctx)
{
	eg_ctx *parent = ctx->parent;

	egi_annotate_acquire(ctx);
	eg_error_unref(ctx->cause);
	free(ctx);
	return parent;
}

void eg_ctx_unref(eg_ctx *ctx)
{
	/* Up the tree in a loop: a branch of any depth may end here. */
	while (ctx && ctx_put(ctx)) {
		ctx_leave(ctx);
		if (ctx->finish)
			ctx->finish(ctx);
		ctx = ctx_free(ctx);
	}
}

/*
 * Questions
 */

int64_t eg_ctx_deadline(const eg_ctx *ctx)
{
	return ctx ? ctx->deadline : EG_CTX_NO_DEADLINE;
}

/*
 * Some deadlines have no thread to see to them: says of a context that was not over whether its own has passed. What was
 * said must stay true. So it is said under the tree's lock, under which whoever ends a tree looks at the clock as well, and
 * is through before this, or comes to a later time than this. Otherwise:
 *
 *     cancels                                asks
 *     the deadline is to come
 *                                            it has come: -ETIMEDOUT
 *     ends it: -ECANCELED
 */
static EGI_COLD int err_by_clock(const eg_ctx *ctx)
{
	uint32_t err;

	if (ctx->deadline == EG_CTX_NO_DEADLINE || ctx->deadline > egi_timer_reached(eg_clock_now_ns()))
		return 0;
	egi_ctx_lock(ctx->lock);
	err = egi_load_relaxed_u32(&ctx->err);
	egi_ctx_unlock(ctx->lock);
	return err ? -(int)err : -ETIMEDOUT;
}

int eg_ctx_err(const eg_ctx *ctx)
{
	uint32_t err;

	if (!ctx)
		return 0;
	/* [X2] acquire: pairs with [X1]. */
	err = egi_load_acquire_u32(&ctx->err);
	if (err == 0)
		return EGI_LIKELY(!egi_timer_is_by_clock()) ? 0 : err_by_clock(ctx);
	egi_annotate_acquire(ctx);
	return -(int)err;
}

eg_error *eg_ctx_cause(const eg_ctx *ctx)
{
	if (eg_ctx_err(ctx) == 0)
		return NULL;
	/* [X2] acquire: the code before the cause; pairs with [X1]. Without a code it is over by the clock alone. */
	return egi_load_acquire_u32(&ctx->err) != 0 ? ctx->cause : egi_error_deadline();
}
