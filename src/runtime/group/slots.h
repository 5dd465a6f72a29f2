/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_SLOTS_H
#define EGI_GROUP_SLOTS_H

/*
 * The slots of a group, 64 to a block, each with a worker: what a thread works with that has a place. The lowest free number
 * is taken first. A slot is taken after a place and given back before it, so that a task's slot is below the limit, or the
 * highest limit that the group has had. A worker, once made, stays until the group is freed, with what it has claimed and
 * counted.
 */

#include "runtime/group/offers.h"
#include "runtime/queue/claim.h"
#include "task/recovery.h"

struct eg_group_state;
struct egi_worker {
	struct egi_claim claim;

	/* the worker, per task; `done` is read by whoever asks whether all is done */
	EGI_ALIGNED uint64_t done;
	struct eg_group_state *state; /* set once, as is the number */
	unsigned slot;

	/* the worker, per claim */
	uint64_t chunk;   /* how many tasks to claim at once */
	uint64_t claimed; /* how many it last claimed, and when */
	int64_t claimed_ns;
	uint64_t weight; /* how many tasks the running call stands for: 1, or the indices of a piece */
	bool tasks_are_long;
	bool biased;              /* it is the owner's, and has its place by the bias */
	struct egi_queue *cursor; /* the queue to look at next */
	unsigned suspect;         /* the slot whose claim to check next for being late */
	struct {
		bool held; /* the worker has a permit under the shared limit (permit.h) */
		bool used; /* a task has been started with it */
		int64_t since_ns;
	} permit;
	struct egi_recovery recovery;

	/* the worker; with eg_both (offers.h) */
	struct egi_offers *offers; /* what it offers, or NULL: set once */
	uint32_t hungry;           /* whoever waits for what it runs, and sleeps until it offers something */
	struct egi_stolen *stolen; /* what it runs that was another worker's, the innermost; or NULL */
	struct egi_stolen taken;   /* the first of these */

	/* the worker; in groups that have such data (slot_data.h) */
	void *data;
	bool has_data;

	/* the worker; in groups that are observed (observe.h) */
	bool is_observed;         /* the running task's beginning has been told */
	int64_t began_ns;         /* when that was */
	uint64_t observed_thread; /* whose tasks were told last in this slot; 0: nobody's */
};

/* What a worker offers, or NULL. Any thread. */
static inline struct egi_offers *egi_worker_offers(const struct egi_worker *worker)
{
	return egi_load_acquire_ptr(&worker->offers); /* [C10] acquire: pairs with [C9] */
}

/* 64 at most. */
#ifndef EGI_SLOTS_PER_BLOCK
#define EGI_SLOTS_PER_BLOCK 64
#endif
#define EGI_SLOTS_FULL (~UINT64_C(0) >> (64 - EGI_SLOTS_PER_BLOCK))

/* A block of slots. */
struct egi_slots {
	EGI_ALIGNED uint64_t taken; /* whoever takes or returns one, by swaps: a bit for each slot in use */
	struct egi_worker *workers[EGI_SLOTS_PER_BLOCK]; /* who has taken the slot, once */
	struct egi_slots *next;                          /* whoever finds no free slot, by a swap */
	uint32_t
	    made; /* whoever makes a worker, by swaps: workers[] is NULL from here on, and may be before */
	unsigned first; /* number of the first slot */
};

/* The first block, with the worker of its first slot, which is never freed. */
void egi_slots_init(struct egi_slots *slots, struct egi_worker *first, struct eg_group_state *state);

/* Frees all other workers and blocks. */
void egi_slots_finish(struct egi_slots *slots);

/* A free slot's worker for the calling thread, which has a place. NULL without memory. */
struct egi_worker *egi_slots_take(struct egi_slots *slots, struct eg_group_state *state);
void egi_slots_return(struct egi_slots *slots, const struct egi_worker *worker);

/* The first slot, by the owner of a biased group in a section. */
static inline void egi_slots_take_alone(struct egi_slots *slots)
{
	egi_store_relaxed_u64(&slots->taken, 1);
}

static inline void egi_slots_return_alone(struct egi_slots *slots)
{
	egi_store_relaxed_u64(&slots->taken, 0);
}

/* Walks the workers ever made. A walk starts as {first block, 0}. */
struct egi_slots_walk {
	const struct egi_slots *block;
	unsigned index;
};

struct egi_worker *egi_slots_next(struct egi_slots_walk *walk);

#endif
