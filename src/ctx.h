/* SPDX-License-Identifier: MIT */
#ifndef EGI_CTX_H
#define EGI_CTX_H

/*
 * Contexts from the inside.
 *
 *   ctx.c           the tree: made, referenced, ended, freed
 *   ctx_derive.c    deadlines, values, and contexts that do not end with their parent
 *   ctx_call.c      functions called when a context is over
 *   ctx_wait.c      waiting, sleeping, and the descriptor
 *   signals.c       contexts that signals cancel
 *
 * Children keep their parent alive; a parent only lists its children, which unlink themselves when they are freed.
 * Everything that changes, but `refs` and `err`, is under the tree's lock: one of a few locks, chosen for the root and
 * shared by all below it, so that a tree is walked under a single lock and forking can hold them all. The timers' lock is
 * taken inside it. No lock is held while a function of the program is called or an error freed.
 *
 * `err` is written last when a context ends, and says two things. The context is in no list of its parent and has no
 * timer armed any more; and, unless it has a descriptor, nobody touches it who has no reference. So whoever drops the
 * last one afterwards needs no lock to free it.
 */

#include <errgroup/ctx.h>
#include <sys/queue.h>

#include "thread.h"
#include "timer.h"

LIST_HEAD(egi_contexts, eg_ctx);
LIST_HEAD(egi_ctx_calls, egi_ctx_call);

struct eg_ctx {
	uint32_t err; /* 0, or the negated result of eg_ctx_err; written once, after everything else */
	uint32_t refs;
	uint8_t lock;    /* the number of the tree's lock */
	bool ends_apart; /* it is in no list of its parent's children */
	bool timed;      /* it is the beginning of a struct egi_timed_ctx, and may be found by its timer */
	bool waited;     /* somebody may be asleep on `err` */
	eg_ctx *parent;  /* whose values it has, and whose end, unless it ends apart */
	LIST_ENTRY(eg_ctx) sibling;
	struct egi_contexts children;
	struct egi_ctx_calls calls;
	eg_error *cause;
	eg_ctx *next;         /* in the lists of a cancellation */
	int64_t deadline;     /* its own or an ancestor's, the earliest; EG_CTX_NO_DEADLINE */
	const eg_ctx *valued; /* itself or the nearest ancestor that carries a value */
	/* Called when the last reference is gone, if not NULL. False: somebody else is going to free it. */
	bool (*finish)(eg_ctx *ctx);
	int fd, fd_to_write;    /* -1 until there is one */
	uint32_t fd_fork_count; /* in which process it was made */
};

struct egi_timed_ctx {
	eg_ctx ctx;
	struct egi_timer timer;
};

/*
 * A function to call once when a context is over, on the ending thread, with no lock held. What eg_ctx_callback has room
 * for.
 */
struct egi_ctx_call {
	void (*fn)(void *arg);
	void *arg;
	eg_ctx *ctx; /* NULL when there is nothing to unregister; a reference of its own while it is listed */
	LIST_ENTRY(egi_ctx_call) link;
	bool *gone; /* the caller's: set by a function that unregisters itself, whose call may then be gone */
	uint64_t caller; /* the thread that is calling it */
	uint32_t state;
	uint32_t fork_count; /* in which process it is being called */
	uint32_t lock;       /* of the tree: the context itself may be gone */
};

/* Registers a call; `fn` is called at once if the context is over. NULL is never over. */
void egi_ctx_call_add(eg_ctx *ctx, struct egi_ctx_call *call, void (*fn)(void *arg), void *arg);

/* Unregisters it: eg_ctx_off_cancel. */
int egi_ctx_call_remove(struct egi_ctx_call *call);

/* Makes the calls of a context that is over, and gives back the reference to it. */
void egi_ctx_call_all(eg_ctx *ctx);

/* Makes a context of that size, at least eg_ctx's, that nobody knows yet, with one reference. NULL without memory. */
eg_ctx *egi_ctx_make(eg_ctx *parent, size_t size);

/* Has a context that is complete end with its parent, from now on; or now, if the parent is over. */
void egi_ctx_join(eg_ctx *ctx, int64_t now_ns);

/* Sees to it that the context ends at its deadline, unasked. Return: 0 or -EAGAIN. */
int egi_ctx_attend(eg_ctx *ctx);

/* Ends a context and all below it. Return: 0 or -EALREADY. */
int egi_ctx_end(eg_ctx *ctx, int err, eg_error *cause);

/* Frees a context whose `finish` said that this would be done. */
void egi_ctx_free(eg_ctx *ctx);

/* Takes a reference, unless the context is being freed, to one that is found in a list. */
bool egi_ctx_try_ref(eg_ctx *ctx);

void egi_ctx_lock(unsigned number);
void egi_ctx_unlock(unsigned number);

/* The descriptor: makes it readable; under lock, closes it. */
void egi_ctx_fd_raise(int fd_to_write);
void egi_ctx_fd_close(eg_ctx *ctx);

/* At load and at exit, and for the fork handlers. */
void egi_ctx_start(void);
void egi_ctx_stop(void);
void egi_ctx_lock_all(void);
void egi_ctx_unlock_all(void);

#endif
