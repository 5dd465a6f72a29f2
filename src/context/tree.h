/* SPDX-License-Identifier: MIT */
#ifndef EGI_CONTEXT_CONTEXT_H
#define EGI_CONTEXT_CONTEXT_H

/*
 * Contexts from the inside.
 *
 *   context.c           the tree: made, referenced, ended, freed
 *   derive.c    deadlines, values, and contexts that do not end with their parent
 *   callback.c      functions called when a context is over
 *   caller.c    the threads that call them when a deadline or a signal has ended it
 *   runtime/group/wait.c      waiting, sleeping, and the descriptor
 *   signals.c       contexts that signals cancel
 *
 * Children keep their parent alive; a parent only lists its children, which unlink themselves when they are freed.
 * Everything that changes, but `refs` and `err`, is under the tree's lock: one of a few locks, chosen for the root and
 * shared by all below it, so that a tree is walked under a single lock and forking can hold them all. The timers' lock is
 * taken inside it. No lock is held while a function of the program is called or an error freed.
 *
 * `err` is written last when a context ends, and says two things. The context is in no list of its parent and has no
 * timer armed any more; and, unless it has a descriptor or is pinned by its timer, nobody touches it who has no
 * reference. So whoever drops the last one afterwards needs no lock to free it.
 *
 * The library keeps no reference for longer than a function of the program that it is calling: whoever drops the last one
 * finds that the parent, and what the parent stands for, is given back when the call returns. The keeper (timer.h) ends
 * contexts without a reference; whoever would free one waits for it.
 *
 * In a forked child, contexts are copies. What was registered with them before the fork is the parent process's: it may
 * lie on the stacks of threads that are not there. Nothing of it is touched; whoever comes to a context first forgets it.
 * The end is the child's own: of what the child registers, and of what it derives.
 */

#include <errgroup/ctx.h>
#include <sys/queue.h>

#include "context/timer.h"
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
	bool ends_apart; /* it is in no list of its parent's children */
	bool timed;      /* it is the beginning of a struct egi_timed_ctx, and may be found by its timer */
	bool pinned;     /* it ended while the keeper was coming to it by its timer */
	bool waited;     /* somebody may be asleep on `err` */
	eg_ctx *parent;  /* whose values it has, and whose end, unless it ends apart */
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
	int fd, fd_to_write; /* -1 until there is one */
	uint32_t fork_count; /* of the process whose calls, watches and descriptor these are */
};

struct egi_timed_ctx {
	eg_ctx ctx;
	struct egi_timer timer;
};

/*
 * A function to call once when a context is over, with no lock held. What eg_ctx_callback has room for.
 */
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

/*
 * The library's own look-out for the end of a context: told by whoever ends it, under the tree's lock, before anybody else
 * learns of the end but by asking. It must be quick and take no lock. Has no reference: who watches has one.
 */
struct egi_ctx_watch {
	void (*tell)(struct egi_ctx_watch *watch);
	LIST_ENTRY(egi_ctx_watch) link;
	bool listed;
};

/* Has a watch told; at once if the context is over. NULL is never over. */
void egi_ctx_watch_add(eg_ctx *ctx, struct egi_ctx_watch *watch, void (*tell)(struct egi_ctx_watch *watch));

/* On return the watch, which was added to this context, is not told any more. */
void egi_ctx_watch_remove(eg_ctx *ctx, struct egi_ctx_watch *watch);

/* A call that a thread is about to make, or makes. */
struct egi_ctx_calling {
	struct egi_ctx_call *call;
	eg_ctx *ctx;         /* the call's reference, or NULL */
	bool gone;           /* it has removed itself */
	uint32_t *under_way; /* lowered when the function has returned; or NULL */
};

/* Under lock: takes one of the calls that wait in a queue, which is not empty. */
void egi_ctx_call_take(struct egi_ctx_queue *queue, struct egi_ctx_calling *ret_calling);

/* Makes it, with no lock held. False in a child that the function forked, where nothing is to be touched any more. */
bool egi_ctx_call_make(struct egi_ctx_calling *calling);

/* The queue of the contexts that the keeper ended, for each lock; under that lock. Others have their own. */
struct egi_ctx_queue *egi_ctx_caller_queue(unsigned lock);

/* On the keeper: there is something in a queue. Threads come for it by egi_ctx_caller_look. */
void egi_ctx_caller_note(unsigned lock);

/* On the keeper, when something was noted, and then when it says: has threads come. Returns when to look again. */
int64_t egi_ctx_caller_look(void);

/* Makes a context of that size, at least eg_ctx's, that nobody knows yet, with one reference. NULL without memory. */
eg_ctx *egi_ctx_make(eg_ctx *parent, size_t size);

/* Has a context that is complete end with its parent, from now on; or now, if the parent is over. */
void egi_ctx_join(eg_ctx *ctx, int64_t now_ns);

/* Sees to it that the context ends at its deadline, unasked. Return: 0 or -EAGAIN. */
int egi_ctx_attend(eg_ctx *ctx);

/* Ends a context and all below it, and makes the calls. Return: 0 or -EALREADY. */
int egi_ctx_end(eg_ctx *ctx, int err, eg_error *cause);

/* The same on the keeper, which leaves the calls to other threads. No reference is needed, but that nobody frees it. */
void egi_ctx_end_kept(eg_ctx *ctx, int err, eg_error *cause);

/* Under lock: before the calls, the watches or the descriptor are looked at. In a forked child they may be another's. */
void egi_ctx_forget(eg_ctx *ctx);

static inline void egi_ctx_enter(eg_ctx *ctx)
{
	if (EGI_UNLIKELY(ctx->fork_count != egi_thread_fork_count))
		egi_ctx_forget(ctx);
}

void egi_ctx_lock(unsigned number);
void egi_ctx_unlock(unsigned number);

/* The descriptor: makes it readable; under lock, closes it. */
void egi_ctx_fd_raise(int fd_to_write);
void egi_ctx_fd_close(eg_ctx *ctx);

/* At the beginning and at exit, and for the fork handlers. */
void egi_ctx_start(void);
void egi_ctx_stop(void);
void egi_ctx_lock_all(void);
void egi_ctx_unlock_all(void);
void egi_ctx_start_child(void);

/* The same for the threads of caller.c; and ends those that are idle. */
void egi_ctx_caller_start(void);
void egi_ctx_caller_stop(void);
void egi_ctx_caller_lock(void);
void egi_ctx_caller_unlock(void);

/* Has those end that have nothing to do. Returns whether some are about to; *ret_left: how many there are. */
bool egi_ctx_caller_dismiss(int *ret_left);

#endif
