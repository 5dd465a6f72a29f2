/* SPDX-License-Identifier: MIT */
/*
 * The end of a tree, under its lock and in one piece: whoever comes for the lock finds all of it over, or nothing.
 *
 * The walk goes down with a list of the contexts that have ended and whose children have not as its only memory: neither
 * depth nor width costs stack or heap. What must be done for a context is done when it ends, before its code is written
 * ([X1], see tree.h); from then on it may be freed, unless
 *
 *   - it has children that have not ended: each keeps its parent alive, and unlinks itself only under the lock;
 *   - it is in a queue: a call that is listed has a reference, and the last that leaves takes the context out;
 *   - it is watched: who watches has a reference, and takes the lock before giving it back.
 *
 * The calls of functions come last, with no lock held: one after the other by whoever cancels, or by other threads if that is
 * the keeper (caller.h).
 */
#include "context/end.h"

#include <errno.h>

#include "context/callback.h"
#include "context/caller.h"
#include "context/watch.h"
#include "error/error.h"
#include "os/annotate.h"
#include "os/atomic.h"
#include "os/clock.h"
#include "os/event.h"

struct ending {
	int err;
	eg_error *cause;
	int64_t passed;  /* deadlines up to this have ended their contexts already, as eg_ctx_err says */
	eg_ctx *parents; /* ended, with children that have not */
	struct egi_ctx_queue *queue; /* of those that ended, with calls to make */
};

/* Under lock. Afterwards the context may be gone. Inlined: nearly all that end are alone. */
static inline __attribute__((always_inline)) void ending_end(struct ending *ending, eg_ctx *ctx)
{
	bool is_late = ctx->deadline <= ending->passed, waited = ctx->waited;
	struct egi_ctx_watch *watches;
	int fd;

	egi_ctx_enter(ctx);
	watches = LIST_FIRST(&ctx->watches);
	fd = ctx->fd.write;
	if (ctx->timed)
		ctx->pinned = !egi_timer_disarm(egi_ctx_timer(ctx));
	ctx->cause = eg_error_ref(is_late ? egi_error_deadline() : ending->cause);
	if (!LIST_EMPTY(&ctx->children)) {
		ctx->next = ending->parents;
		ending->parents = ctx;
	} else {
		egi_ctx_calls_queue(ctx, ending->queue);
	}
	egi_annotate_release(ctx);
	/* [X1] release: the cause, and all else, before the code; pairs with [X2]. */
	egi_store_release_u32(&ctx->err, (uint32_t)(is_late ? ETIMEDOUT : -ending->err));
	/* Who watches has a reference, and takes the lock before it is given back. */
	if (watches)
		egi_ctx_watch_tell_all(watches);
	if (waited)
		egi_word_wake_all(&ctx->err);
	if (fd >= 0)
		egi_ctx_fd_raise(fd);
}

/* Under lock: ends those below the contexts that have ended. */
static void ending_go_down(struct ending *ending)
{
	while (ending->parents) {
		eg_ctx *parent = ending->parents, *child = LIST_FIRST(&parent->children);

		ending->parents = parent->next;
		LIST_INIT(&parent->children);
		/* Its children are seen to, below: its links are free again. */
		egi_ctx_calls_queue(parent, ending->queue);
		while (child) {
			eg_ctx *next = LIST_NEXT(child, sibling);

			ending_end(ending, child);
			child = next;
		}
	}
}

/* Under lock: ends a context and all below it, unless it is over. Return: 0 or -EALREADY. */
static inline int end_tree(eg_ctx *ctx, int err, eg_error *cause, struct egi_ctx_queue *queue)
{
	struct ending ending = {err, cause, INT64_MIN, NULL, queue};
	bool is_late;

	/* What somebody was told to be over by the clock is over for that reason: see err_by_clock in tree.c. */
	if (egi_timer_is_by_clock())
		ending.passed = egi_timer_reached(eg_clock_now_ns());
	if (egi_load_relaxed_u32(&ctx->err) != 0)
		return -EALREADY;
	/* It may be gone when it has ended. */
	is_late = ctx->deadline <= ending.passed && err != -ETIMEDOUT;
	if (!ctx->ends_apart)
		LIST_REMOVE(ctx, sibling);
	ending_end(&ending, ctx);
	ending_go_down(&ending);
	return is_late ? -EALREADY : 0;
}

int egi_ctx_end(eg_ctx *ctx, int err, eg_error *cause)
{
	struct egi_ctx_queue queue = TAILQ_HEAD_INITIALIZER(queue);
	struct egi_ctx_calling calling;
	unsigned lock = ctx->lock;

	egi_ctx_lock(lock);
	err = end_tree(ctx, err, cause, &queue);
	while (!TAILQ_EMPTY(&queue)) {
		egi_ctx_call_take(&queue, &calling);
		egi_ctx_unlock(lock);
		if (!egi_ctx_call_make(&calling))
			return err;
		egi_ctx_lock(lock);
	}
	egi_ctx_unlock(lock);
	return err;
}

void egi_ctx_end_kept(eg_ctx *ctx, int err, eg_error *cause)
{
	unsigned lock = ctx->lock;
	struct egi_ctx_queue *queue = egi_ctx_caller_queue(lock);
	bool has_calls;

	egi_ctx_lock(lock);
	end_tree(ctx, err, cause, queue);
	has_calls = !TAILQ_EMPTY(queue);
	egi_ctx_unlock(lock);
	if (has_calls)
		egi_ctx_caller_note(lock);
}

int eg_ctx_cancel(eg_ctx *ctx, eg_error *cause)
{
	if (!ctx)
		return -EINVAL;
	return egi_ctx_end(ctx, -ECANCELED, cause ? cause : egi_error_bare(EG_ERROR_RETURNED, -ECANCELED));
}

int egi_ctx_attend(eg_ctx *ctx)
{
	/* [X7] acquire: a hint, no order is relied on; the caller looks again under the lock. */
	if (eg_ctx_deadline(ctx) == EG_CTX_NO_DEADLINE || egi_load_acquire_u32(&ctx->err) != 0)
		return 0;
	/* What the clock says and nobody has done. The end is the deadline's all the same. */
	if (eg_ctx_err(ctx)) {
		(void)eg_ctx_cancel(ctx, NULL);
		return 0;
	}
	return egi_timer_ensure();
}

/* A deadline has come: the timer keeps the context from being freed. */
static void deadline_fire(struct egi_timer *timer)
{
	egi_ctx_end_kept(&EGI_CONTAINER_OF(timer, struct egi_timed_ctx, timer)->ctx, -ETIMEDOUT,
			 egi_error_deadline());
}

void egi_ctx_end_start(void)
{
	static const struct egi_timer_owner owner = {deadline_fire, egi_ctx_caller_look};

	egi_timer_start(&owner);
}
