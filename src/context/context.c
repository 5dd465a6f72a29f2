/* SPDX-License-Identifier: MIT */
#include "context/context.h"

#include <errno.h>
#include <stdlib.h>

#include "error/error.h"
#include "os/annotate.h"
#include "os/atomic.h"
#include "os/clock.h"
#include "os/event.h"
#include "os/mutex.h"
#include "os/verify.h"

static struct {
	EGI_ALIGNED struct egi_mutex mutex;
} locks[EGI_CTX_LOCKS] = {[0 ... EGI_CTX_LOCKS - 1] = {EGI_MUTEX_INIT}};

void egi_ctx_lock(unsigned number)
{
	egi_mutex_lock(&locks[number].mutex);
}

void egi_ctx_unlock(unsigned number)
{
	egi_mutex_unlock(&locks[number].mutex);
}

static struct egi_timer *ctx_timer(eg_ctx *ctx)
{
	return &EGI_CONTAINER_OF(ctx, struct egi_timed_ctx, ctx)->timer;
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

eg_ctx *egi_ctx_make(eg_ctx *parent, size_t size)
{
	eg_ctx *ctx = malloc(size);

	if (!ctx)
		return NULL;
	*ctx = (eg_ctx){
	    .refs = 1,
	    .lock = parent ? parent->lock : lock_for_root(),
	    .parent = eg_ctx_ref(parent),
	    .ends_apart = true,
	    .deadline = parent ? parent->deadline : EG_CTX_NO_DEADLINE,
	    .valued = parent ? parent->valued : NULL,
	    .fd = -1,
	    .fd_to_write = -1,
	    .fork_count = egi_thread_fork_count,
	};
	return ctx;
}

void egi_ctx_forget(eg_ctx *ctx)
{
	LIST_INIT(&ctx->calls);
	LIST_INIT(&ctx->watches);
	ctx->fd = ctx->fd_to_write = -1;
	ctx->fork_count = egi_thread_fork_count;
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
		egi_timer_arm(ctx_timer(ctx), ctx->deadline, now_ns);
	if (parent)
		egi_ctx_unlock(ctx->lock);
}

int eg_ctx_with_cancel(eg_ctx *parent, eg_ctx **ret_ctx)
{
	eg_ctx *ctx;

	if (!ret_ctx)
		return -EINVAL;
	ctx = egi_ctx_make(parent, sizeof(*ctx));
	if (!ctx)
		return -ENOMEM;
	egi_ctx_join(ctx, 0);
	*ret_ctx = ctx;
	return 0;
}

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
		egi_timer_retire(ctx_timer(ctx));
	if (ctx->fd < 0 && (over || ctx->ends_apart))
		return;
	egi_ctx_lock(ctx->lock);
	egi_ctx_enter(ctx);
	if (egi_load_relaxed_u32(&ctx->err) == 0 && !ctx->ends_apart)
		LIST_REMOVE(ctx, sibling);
	ctx->ends_apart = true;
	if (ctx->fd >= 0)
		egi_ctx_fd_close(ctx);
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

/* Some deadlines have no thread to see to them: says for a context that is not over whether its own has passed. */
static EGI_COLD int err_by_clock(const eg_ctx *ctx)
{
	if (ctx->deadline == EG_CTX_NO_DEADLINE)
		return 0;
	return ctx->deadline <= egi_timer_reached(eg_clock_now_ns()) ? -ETIMEDOUT : 0;
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

eg_error *eg_ctx_cause(const eg_ctx *ctx)
{
	if (!ctx)
		return NULL;
	/* [X2] acquire: the code before the cause; pairs with [X1]. */
	if (egi_load_acquire_u32(&ctx->err) != 0) {
		egi_annotate_acquire(ctx);
		return ctx->cause;
	}
	return eg_ctx_err(ctx) ? egi_error_deadline() : NULL;
}

/*
 * The end of a tree. The contexts that have children are kept in a list until these have ended too. That is where no
 * reference is needed: a child that has not ended keeps its parent alive, and unlinks itself only under the lock. Nor is
 * one in a queue: a call that is listed has one, and the last that leaves takes the context out.
 */
struct ending {
	int err;
	eg_error *cause;
	int64_t passed;  /* deadlines up to this have ended their contexts already, as eg_ctx_err says */
	eg_ctx *parents; /* ended, with children that have not */
	struct egi_ctx_queue *queue; /* of those that ended, with calls to make */
};

/* Ended, and its children are being seen to: its links are free again. */
static void ending_queue(struct ending *ending, eg_ctx *ctx)
{
	if (LIST_EMPTY(&ctx->calls))
		return;
	ctx->queue = ending->queue;
	TAILQ_INSERT_TAIL(ending->queue, ctx, queued);
}

static EGI_COLD void tell_all(struct egi_ctx_watch *watch)
{
	while (watch) {
		struct egi_ctx_watch *next = LIST_NEXT(watch, link);

		watch->tell(watch);
		watch = next;
	}
}

/* Under lock. Afterwards the context may be gone. */
static void ending_end(struct ending *ending, eg_ctx *ctx)
{
	bool is_late = ctx->deadline <= ending->passed, waited = ctx->waited;
	struct egi_ctx_watch *watches;
	int fd;

	egi_ctx_enter(ctx);
	watches = LIST_FIRST(&ctx->watches);
	fd = ctx->fd_to_write;
	if (ctx->timed)
		ctx->pinned = !egi_timer_disarm(ctx_timer(ctx));
	ctx->cause = eg_error_ref(is_late ? egi_error_deadline() : ending->cause);
	if (!LIST_EMPTY(&ctx->children)) {
		ctx->next = ending->parents;
		ending->parents = ctx;
	} else {
		ending_queue(ending, ctx);
	}
	egi_annotate_release(ctx);
	/* [X1] release: the cause, and all else, before the code; pairs with [X2]. */
	egi_store_release_u32(&ctx->err, (uint32_t)(is_late ? ETIMEDOUT : -ending->err));
	/* Who watches has a reference, and takes the lock before it is given back. */
	if (watches)
		tell_all(watches);
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
		ending_queue(ending, parent);
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

	/* What err_by_clock has said to be over is over for that reason. */
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

/* A deadline has come: the timer keeps the context from being freed. */
static void deadline_fire(struct egi_timer *timer)
{
	egi_ctx_end_kept(&EGI_CONTAINER_OF(timer, struct egi_timed_ctx, timer)->ctx, -ETIMEDOUT,
			 egi_error_deadline());
}

void egi_ctx_start(void)
{
	static const struct egi_timer_owner owner = {deadline_fire, egi_ctx_caller_look};

	egi_ctx_caller_start();
	egi_timer_start(&owner);
}

void egi_ctx_lock_all(void)
{
	for (unsigned i = 0; i < EGI_CTX_LOCKS; i++)
		egi_ctx_lock(i);
	egi_ctx_caller_lock();
}

void egi_ctx_unlock_all(void)
{
	egi_ctx_caller_unlock();
	for (unsigned i = EGI_CTX_LOCKS; i-- > 0;)
		egi_ctx_unlock(i);
}

void egi_ctx_start_child(void)
{
	egi_ctx_caller_start();
}
