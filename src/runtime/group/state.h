/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_STATE_H
#define EGI_GROUP_STATE_H

/*
 * A group's state: the queues of its submitters, the slots of its workers, and who is inside.
 *
 *   submitted   counted per queue, by its submitter        S
 *   done        counted per slot, by its worker            D
 *
 * All tasks are done when the sums are equal, read in the right order: every D first, then every S. Both only
 * rise, S before a task can be taken and D after the task and whatever it submitted were counted; so at the
 * moment between the two readings D was at least the sum read for it and S at most the sum read for it, and if
 * these are equal nothing was unfinished then. Read the other way round it goes wrong:
 *
 *   reader                       worker
 *   S = 1
 *                                the task submits another: S = 2
 *                                it ends: D = 1
 *   D = 1, equal to S            the other task is still to run
 *
 * No counter is shared by the threads that raise them.
 */

#include <errgroup/group.h>

#include "context/watch.h"
#include "error/failures.h"
#include "os/event.h"
#include "runtime/crew/crew.h"
#include "runtime/group/gate.h"
#include "runtime/queue/claim.h"
#include "task/recovery.h"

struct egi_worker {
	struct egi_claim claim;

	/* the worker's, per task; `done` is read by whoever asks if all is done */
	EGI_ALIGNED uint64_t done;
	struct eg_group_state *state;
	unsigned slot;

	/* the worker's, per claim */
	uint64_t chunk;   /* how many tasks to claim at once */
	uint64_t claimed; /* how many it last claimed, and when */
	int64_t claimed_ns;
	bool tasks_are_long;
	bool biased;              /* it is the owner's, and has its place by the bias */
	struct egi_queue *cursor; /* the queue to look at next */
	unsigned suspect;         /* the slot whose claim to check next for being late */
	struct egi_recovery recovery;
};

#ifndef EGI_SLOTS_PER_BLOCK
#define EGI_SLOTS_PER_BLOCK 64
#endif

/* Slots, 64 to a block; a worker, once made, stays until the group is freed. */
struct egi_slots {
	EGI_ALIGNED uint64_t taken; /* a bit for each slot in use */
	struct egi_worker *workers[EGI_SLOTS_PER_BLOCK];
	struct egi_slots *next;
	uint32_t made;  /* workers[] is NULL from here on, and may be before */
	unsigned first; /* number of the first slot */
};

/* What `attention` asks of every worker before its next task. */
#define EGI_ATTENTION_SKIP 1u   /* tasks not started are to be skipped */
#define EGI_ATTENTION_SHRINK 2u /* more are running than the limit allows */
#define EGI_ATTENTION_LOOK 4u   /* always, with EG_GROUP_SKIP_UNSTARTED: the context is to be asked */

struct eg_group_state {
	struct egi_gate gate;

	/* set at creation, or rarely */
	EGI_ALIGNED uint64_t used_before; /* tasks submitted to the first queue in other lives */
	uint32_t fork_count;
	unsigned flags;
	bool is_hooks;   /* the hook of panics made it, or a task of one that it made */
	unsigned faults; /* of enum eg_fault_mode; 0: as the process */
	int backlog;
	eg_ctx *ctx;    /* what tasks get; waiters that hold the state read it under lock */
	eg_ctx *parent; /* what a new one is derived from */
	bool owns_ctx;  /* it is derived, and cancelled by the group */
	struct egi_ctx_watch watch;
	uint32_t attention; /* read before every task */
	uint32_t halted;    /* cancelled, other than by a wait's end */
	uint32_t over;      /* a wait has ended the group's context */
	uint32_t closed;    /* being destroyed */
	uint32_t slots_max; /* the highest limit since there were tasks: their slots are below it */

	/* changes when threads sleep */
	EGI_ALIGNED struct egi_event finished; /* everything done, or a waiter should look again */
	struct egi_event room;                 /* a bounded group may have room for a submitter */

	/* changes when errors happen, submitters come, slots are made */
	EGI_ALIGNED struct egi_failures failures;
	struct egi_mutex lock;       /* adding queues and slots */
	struct egi_mutex submission; /* asking for room and submitting */
	struct egi_mutex sharing;    /* putting into the shared queue; taken last */
	struct egi_queue
	    *queues; /* newest first; a prefix is never changed, so it is walked without the lock */
	unsigned queues_count;
	struct egi_queue *shared; /* for submitters beyond EGI_QUEUES_MAX */
	struct egi_request request;
	struct eg_group_state *next_kept; /* while it is no group's */

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

/* Tasks submitted and not done; exact when nothing changes, and never too low for the caller's own view. */
uint64_t egi_state_unfinished(struct eg_group_state *state);

/* Tasks submitted that no worker has claimed. */
uint64_t egi_state_pending(struct eg_group_state *state);

/* Whether any task has ever been submitted to this group, reset or not. */
bool egi_state_has_been_used(const struct eg_group_state *state);

/* Whether a task waits that a newcomer could take, in a queue or in a claim. */
bool egi_state_has_tasks(struct eg_group_state *state);

/* Whether a task waits that a submitter may have left to a thread that has just left its place. */
bool egi_state_has_left_over(struct eg_group_state *state);

/* Ceases to be a holder. Nothing of the state may be touched afterwards. */
void egi_state_release(struct eg_group_state *state);

/* Tells the crew of tasks just put into a queue, in the lightest way that will do. */
void egi_state_tell(struct eg_group_state *state, const struct egi_queue *queue);

/*
 * Ends a group that is the caller's alone and in which nothing is unfinished. True: nobody else is or comes inside, and
 * the caller is to call egi_state_discard. False: nothing was done.
 */
bool egi_state_end_alone(struct eg_group_state *state);

/* What is left of a state after that. */
void egi_state_discard(struct eg_group_state *state);

/* The group is being destroyed: nothing is accepted any more, and what has not started is skipped. */
void egi_state_close(struct eg_group_state *state);

/*
 * Everything is done: nothing is to be seen by the crew. The owner hides its group, others do nothing. A holder, or, for
 * `_alone`, in a section.
 */
void egi_state_hide(struct eg_group_state *state);
void egi_state_hide_alone(struct eg_group_state *state);

/* Asks the crew for a thread if the group is not quiet. `urgent`: even if it is posted or the CPUs are busy. */
void egi_state_call(struct eg_group_state *state, bool urgent);

/* Wakes waiters if everything is done. Call after a gate change that followed the worker's last count. */
void egi_state_notify_if_done(struct eg_group_state *state);

/* Stops the group: what was cancelled, and with EG_GROUP_SKIP_UNSTARTED what has not started is skipped. */
void egi_state_halt(struct eg_group_state *state);

/* Sets or clears bits of `attention`. */
void egi_state_ask(struct eg_group_state *state, uint32_t set, uint32_t clear);

void egi_slots_init(struct egi_slots *slots, unsigned first);
void egi_slots_add_first(struct eg_group_state *state);
void egi_slots_finish(struct eg_group_state *state);

/* A free slot's worker for the calling thread, which has a place. NULL without memory. */
struct egi_worker *egi_slots_take(struct eg_group_state *state);
void egi_slots_return(struct egi_worker *worker);

/* Walks the workers ever made. A walk starts as {&state->slots, 0}. */
struct egi_slots_walk {
	const struct egi_slots *block;
	unsigned index;
};

struct egi_worker *egi_slots_next(struct egi_slots_walk *walk);

#endif
