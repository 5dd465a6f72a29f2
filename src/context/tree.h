/* SPDX-License-Identifier: MIT */
#ifndef EGI_CONTEXT_TREE_H
#define EGI_CONTEXT_TREE_H

/*
 * Contexts from the inside: the nodes of a tree, and what links and keeps them. The files of this folder, each of which knows
 * only those below it:
 *
 *     life                        begin, fork, exit
 *     derive   wait   signals     what programs call: contexts of each kind; learning of the end
 *     end                         ending one and all below it; deadlines
 *     caller                      threads that make the calls when a deadline or a signal has ended a context
 *     callback   watch            what is called, or told, when a context is over
 *     tree                        this
 *     timer                       the keeper, the thread that deadlines and signals wake
 *     wheel   fd                  deadlines in order; an event as a descriptor
 *
 * Children keep their parent alive; a parent only lists its children, which unlink themselves when they are freed. The
 * library keeps no reference for longer than a function of the program that it is calling: whoever drops the last one finds
 * that the parent, and what the parent stands for, is given back when the call returns. The keeper ends contexts without
 * a reference; whoever would free one waits for it.
 *
 * What protects what: all that changes, but `refs` and `err`, is under the tree's lock: one of a few locks, chosen for the
 * root and shared by all below it, so that a tree is walked under a single lock and forking can hold them all. No lock is
 * held while a function of the program is called or an error freed that is not the library's own. Lock order, outermost first:
 *
 *     signals    of signals.c     who listens to which signal
 *     trees      here             taken one at a time, but for fork
 *     callers    of caller.c      not while a tree's is held, but for fork
 *     timers     of timer.c
 *
 * `err` is written last when a context ends, and says two things. The context is in no list of its parent and has no
 * timer armed any more; and, unless it has a descriptor or is pinned by its timer, nobody touches it who has no
 * reference. So whoever drops the last one afterwards needs no lock to free it.
 *
 * In a forked child, contexts are copies. What was registered with them before the fork is the parent process's: it may
 * lie on the stacks of threads that are not there. Nothing of it is touched; whoever comes to a context first forgets it.
 * The end is the child's own: of what the child registers, and of what it derives.
 */

#include <errgroup/ctx.h>
#include <sys/queue.h>

#include "context/fd.h"
#include "context/timer.h"
#include "os/mutex.h"
#include "os/thread.h"

#define EGI_CTX_LOCKS 16

LIST_HEAD(egi_contexts, eg_ctx);
LIST_HEAD(egi_ctx_calls, egi_ctx_call);
LIST_HEAD(egi_ctx_watches, egi_ctx_watch);
TAILQ_HEAD(egi_ctx_queue, eg_ctx);

struct eg_ctx {
	uint32_t err; /* 0, or the negated result of eg_ctx_err; written once, after everything else */
	uint32_t refs;
	uint8_t lock;    /* the number of the tree's lock */
	bool ends_apart; /* it is in no list of its parent's children; false for one that is listed, always */
	bool timed;      /* it is the beginning of a struct egi_timed_ctx, and may be found by its timer */
	/* It ended while the keeper was coming to it by its timer. Set for nothing, it costs whoever frees it a lock. */
	bool pinned;
	/* Somebody may be asleep on `err`; never lowered. Set for nothing, it costs the end a system call. */
	bool waited;
	eg_ctx *parent; /* whose values it has, and whose end, unless it ends apart */
	union {
		LIST_ENTRY(eg_ctx) sibling; /* until it ends */
		TAILQ_ENTRY(eg_ctx) queued; /* over, with calls to be made */
	};
	struct egi_contexts children;
	struct egi_ctx_calls calls;
	struct egi_ctx_watches watches;
	eg_error *cause;
	union {
		eg_ctx *next;                /* ended, with children that have not */
		struct egi_ctx_queue *queue; /* in which its calls wait */
	};
	int64_t deadline;     /* its own or an ancestor's, the earliest; EG_CTX_NO_DEADLINE */
	const eg_ctx *valued; /* itself or the nearest ancestor that carries a value */
	/* Called when the last reference is gone, if not NULL. */
	void (*finish)(eg_ctx *ctx);
	struct egi_ctx_fd fd; /* open from the first time that it is asked for */
	uint32_t fork_count;  /* of the process whose calls, watches and descriptor these are */
};

struct egi_timed_ctx {
	eg_ctx ctx;
	struct egi_timer timer;
};

static inline struct egi_timer *egi_ctx_timer(eg_ctx *ctx)
{
	return &EGI_CONTAINER_OF(ctx, struct egi_timed_ctx, ctx)->timer;
}

/* Makes a context of that size, at least eg_ctx's, that nobody knows yet, with one reference. NULL without memory. */
eg_ctx *egi_ctx_make(eg_ctx *parent, size_t size);

/* Has a context that is complete end with its parent, from now on; or now, if the parent is over. */
void egi_ctx_join(eg_ctx *ctx, int64_t now_ns);

/* Under lock: before the calls, the watches or the descriptor are looked at. In a forked child they may be another's. */
void egi_ctx_forget(eg_ctx *ctx);

static inline void egi_ctx_enter(eg_ctx *ctx)
{
	if (EGI_UNLIKELY(ctx->fork_count != egi_thread_fork_count))
		egi_ctx_forget(ctx);
}

/* The trees' locks. Each on lines of its own, since the trees that have them are used by different threads. */
struct egi_ctx_lock {
	EGI_ALIGNED struct egi_mutex mutex;
};

extern EGI_HIDDEN struct egi_ctx_lock egi_ctx_locks[EGI_CTX_LOCKS];

static inline void egi_ctx_lock(unsigned number)
{
	egi_mutex_lock(&egi_ctx_locks[number].mutex);
}

static inline void egi_ctx_unlock(unsigned number)
{
	egi_mutex_unlock(&egi_ctx_locks[number].mutex);
}

/* Around fork. */
void egi_ctx_lock_all(void);
void egi_ctx_unlock_all(void);

/*
 * 0 if the context is not over, by two loads and no call. Else eg_ctx_err knows; it orders what follows, too.
 */
static inline uint32_t egi_ctx_may_be_over(const eg_ctx *ctx)
{
	return ctx ? egi_load_relaxed_u32(&ctx->err) | egi_load_relaxed_u32(&egi_timer_by_clock) : 0;
}

#endif
