/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_STATE_H
#define EGI_GROUP_STATE_H

/*
 * A group's state: the queues of its submitters, the slots of its workers, and who is inside.
 */

#include <errgroup/group.h>

#include "context/fd.h"
#include "context/watch.h"
#include "error/failures.h"
#include "os/event.h"
#include "os/mutex.h"
#include "runtime/crew/crew.h"
#include "runtime/group/gate.h"
#include "runtime/group/slots.h"

/* What `attention` asks of every worker before its next task. */
#define EGI_ATTENTION_SKIP 1u    /* tasks not started are to be skipped */
#define EGI_ATTENTION_SHRINK 2u  /* more are running than the limit allows */
#define EGI_ATTENTION_LOOK 4u    /* always, where tasks may be skipped: context and errors are to be asked */
#define EGI_ATTENTION_PERMIT 64u /* always, with a shared limit: a task needs a permit (permit.h) */
#define EGI_ATTENTION_DATA 8u /* always, with slot_init or slot_finish: the slot's data may have to be made */
#define EGI_ATTENTION_OBSERVE 16u /* always, if the group is observed: the task's beginning is to be told */
#define EGI_ATTENTION_TASK \
	(EGI_ATTENTION_DATA | EGI_ATTENTION_OBSERVE) /* what is about the task, and not whether it starts */

/* What makes the data of slots, and takes it back (slot_data.h). */
struct egi_slot_hooks {
	eg_slot_init_fn *init;     /* or NULL */
	eg_slot_finish_fn *finish; /* or NULL */
	void *arg;
};

/* Who is told what happens (observe.h). */
struct egi_observer {
	eg_observe_fn *fn; /* or NULL: tracers */
	void *arg;
};

/* Who is told how far the group is, and when everything is done (progress.h). */
struct egi_progress {
	eg_progress_fn *fn; /* I, these three */
	void *arg;
	int64_t every_ns;

	struct egi_mutex lock; /* one call at a time */
	uint64_t teller;       /* A: the thread that makes it, or EGI_OWNER_NONE */
	uint64_t told;         /* the lock: tasks done when it was last told that everything is */
	int64_t due_ns;        /* the lock: when to call next; 0: nobody has waited yet in this round */
};

/*
 * Who may touch what:
 *
 *   I   set when a group begins, by its maker; not changed while others may see it
 *   S   the owner of a biased group in a section; once the group is shared, threads inside or by the program's own order
 *   L   under `lock`
 *   A   by atomic accesses, with the labels that stand beside them
 *   C   under the crew's lock
 */
struct eg_group_state {
	struct egi_gate gate; /* as it says itself */

	/* I; read for every task */
	EGI_ALIGNED uint32_t fork_count;
	unsigned flags;
	unsigned faults; /* of enum eg_fault_mode; 0: as the process */
	int backlog;
	unsigned halt;        /* of enum eg_halt: what errors do to the rest */
	unsigned halt_after;  /* how many errors do not do that yet */
	bool owns_ctx;        /* the context is derived, and cancelled by the group */
	bool is_hooks;        /* the hook of panics made it, or a task of one that it made */
	eg_limit *limit;      /* shared with other groups, or NULL (permit.h) */
	eg_ctx *parent;       /* what a new context is derived from */
	uint64_t used_before; /* tasks submitted to the first queue in other lives */

	/* changes when a round ends, or something happens to all tasks */
	eg_ctx *ctx;                /* S, and L when it goes: what tasks get */
	struct egi_ctx_watch watch; /* the context's lock */
	uint32_t attention;         /* A [W5]: read before every task */
	uint32_t halted;            /* A [W3]: cancelled, other than by a wait's end, or stopped */
	uint32_t over;              /* A [W7]: a wait has ended the group's context */
	uint32_t closed;            /* A [W1]: being destroyed */
	uint32_t slots_max;         /* S, L; read at any time: see limit.c */

	/* A [E1]: changes when threads sleep */
	EGI_ALIGNED struct egi_event finished; /* everything done, or a waiter should look again */
	struct egi_event room;                 /* a bounded group may have room for a submitter */
	uint64_t held,
	    released;       /* A [D3], [D5]: how often the state was held open, and let go, in any life */
	uint32_t awaiting;  /* A [H2]: workers that wait for a permit */
	uint32_t is_helped; /* a hint, by whoever has run tasks last: that was a waiter (call.c) */

	/* changes when errors happen, submitters come, slots are made */
	EGI_ALIGNED struct egi_failures failures;
	struct egi_ctx_fd done_fd; /* L: readable when everything is done */
	bool done_fd_raised;       /* L */
	uint32_t has_done_fd;      /* L, and read at any time, as a hint */
	uint64_t done_fd_waited;   /* L: how much had been submitted when a wait last found all of it done */
	struct egi_slot_hooks slot_hooks; /* I; with EGI_GROUP_SLOT_DATA */
	struct egi_observer observer;     /* I; with EGI_GROUP_OBSERVED */
	struct egi_progress progress; /* as it says itself; with EGI_GROUP_PROGRESS or EGI_GROUP_OBSERVED */
	struct egi_mutex lock; /* adding queues, setting the limit, letting the context go, the descriptor */
	struct egi_mutex submission; /* asking for room and submitting */
	struct egi_mutex sharing;    /* putting into the shared queue; taken last */
	struct egi_queue
	    *queues; /* L; A [Q2]: newest first, a prefix never changes, so it is walked without the lock */
	unsigned queues_count;            /* L */
	struct egi_queue *shared;         /* L: for submitters beyond EGI_QUEUES_MAX */
	struct egi_request request;       /* C, and what the owner shows: as it says itself */
	struct eg_group_state *next_kept; /* the thread that keeps it, while it is no group's */

	struct egi_slots slots;
	struct egi_worker first_worker;
	struct egi_queue first_queue;
};

/* Threads that get a queue of their own in a group; the others share one. */
#ifndef EGI_QUEUES_MAX
#define EGI_QUEUES_MAX 64
#endif

/*
 * Makes a state with one owner. NULL without memory. A thread keeps a few states of groups that it destroyed, and makes new
 * groups of them.
 */
struct eg_group_state *egi_state_create(const struct eg_group_options *options);

/* Everything is done and nobody is at work: forgets errors and cancellation, and counts task indices anew. */
void egi_state_reset(struct eg_group_state *state);

/* The owner is gone: freed now, or by the last thread inside. */
void egi_state_abandon(struct eg_group_state *state);

/* The calling thread ends, or the process: frees the states that it keeps. */
void egi_state_exit_thread(void);

/* The calling thread's queue, made if needed. NULL without memory. */
struct egi_queue *egi_state_queue(struct eg_group_state *state);

/*
 * The calling thread's queue if it is known and nothing about the group needs a closer look: it is this process's,
 * is not being destroyed, has no backlog bound, and no other thread uses the queue. NULL otherwise.
 */
static inline struct egi_queue *egi_state_queue_fast(struct eg_group_state *state)
{
	const struct egi_thread *self = &egi_thread_self;

	if (EGI_LIKELY(egi_gate_is_owner(&state->gate)))
		return &state->first_queue;
	return egi_load_relaxed_u64(&state->gate.life) == self->queue_life ? self->queue : NULL;
}

/* Ceases to be a holder. Nothing of the state may be touched afterwards. */
void egi_state_release(struct eg_group_state *state);

/*
 * Ends a group that is the caller's alone and in which nothing is unfinished. True: nobody else is or comes inside, and
 * the caller is to call egi_state_discard. False: nothing was done.
 */
bool egi_state_end_alone(struct eg_group_state *state);

/* What is left of a state after that. */
void egi_state_discard(struct eg_group_state *state);

/* The group is being destroyed: nothing is accepted any more, and what has not started is skipped. */
void egi_state_close(struct eg_group_state *state);

/* The group's context is over: with EG_GROUP_SKIP_UNSTARTED what has not started is skipped. */
void egi_state_halt(struct eg_group_state *state);

/* Stops the group for good, or until it is reset: what has not started is skipped. */
void egi_state_stop(struct eg_group_state *state);

/* Sets or clears bits of `attention`. */
void egi_state_ask(struct eg_group_state *state, uint32_t set, uint32_t clear);

#endif
