/* SPDX-License-Identifier: MIT */
#ifndef EGI_QUEUE_CLAIM_H
#define EGI_QUEUE_CLAIM_H

/*
 * The tasks that a worker has claimed and not started: a range that its owner takes from at the front without a
 * lock or a fence, and that anybody may steal from. Tasks may wait for one another, so a claimed task must never
 * be stuck behind a running one.
 *
 * It is the THE protocol of Cilk-5 (Frigo, Leiserson, Randall, 1998) with the fence moved to the thief's side: a
 * thief announces itself in `robbed`, passes the heavy fence [C2], and from then on the owner keeps out. The owner
 * announces what it does, in `front` for a task and in `busy` for a new claim, passes the light fence [C1] and looks
 * at `robbed`. The bad case:
 *
 *   owner                                thief
 *   sees no thief
 *                                        reads front: 7, takes 7 and lowers back to 7
 *   raises front to 8, runs 7
 *
 * At least one of them sees the other. An owner that sees the thief takes its move back and waits for the lock,
 * which the thief holds; what the owner was about to take when the thief looked, the thief leaves to it. A thief
 * that sees the owner claim anew goes away.
 *
 * Of a loop (loop.h) a claim holds numbers of units instead of tasks, and what to call. All else is the same.
 */

#include "os/fence.h"
#include "runtime/queue/queue.h"

/*
 * How far ahead of the next task memory is asked for, in bytes: a drained backlog comes from beyond the caches. A task
 * takes 4.4 ns then, without 6.3 (drain_only, 2 CPUs).
 */
#define EGI_CLAIM_PREFETCH 512

struct egi_claim {
	/* the owner's, per task */
	EGI_ALIGNED uint32_t front;   /* next to start; also one too many while the owner makes up its mind */
	uint32_t back;                /* end of the range; the owner's, a thief's while it robs */
	const struct egi_task *tasks; /* NULL: they are units of a loop */
	uint32_t busy;                /* the owner is claiming anew */

	/* per claim, the owner's, a thief's while it robs */
	uint32_t start; /* where this holder's part of the segment begins; or a piece sized by time */
	struct egi_segment *segment; /* NULL: tasks lie in buffer, or nowhere */
	uint64_t sequence;           /* of tasks[0] in its queue; the first index of unit 0 */
	struct egi_queue *queue;
	uint64_t claimed_at_ns; /* read by thieves: since when the range has been held; 0: for long */
	bool is_new; /* the owner's: what it claimed last is of another kind than what it held before */
	struct egi_body body; /* of the loop; what the last one was while tasks are held */

	EGI_ALIGNED uint32_t robbed; /* a thief is at it; under lock */
	struct egi_mutex lock;
	struct egi_task buffer[EGI_RING_SLOTS];
};

void egi_claim_init(struct egi_claim *claim);
void egi_claim_finish(struct egi_claim *claim);

#define EGI_CLAIM_NONE UINT32_MAX

/* The out-of-line part of egi_claim_advance: a thief is about. */
uint32_t egi_claim_advance_slow(struct egi_claim *claim);

/*
 * Owner: takes what is next in the range, and returns its place there; EGI_CLAIM_NONE if the range is empty.
 */
static inline uint32_t egi_claim_advance(struct egi_claim *claim)
{
	uint32_t front = claim->front;

	egi_store_relaxed_u32(&claim->front, front + 1);
	egi_fence_light(); /* [C1] the raised front before the look for a thief; pairs with [C2] */
	/*
	 * [C5] acquire: pairs with [C4]. The end is read last: a thief that has come and gone in between has
	 * lowered it.
	 */
	if (EGI_UNLIKELY(egi_load_acquire_u32(&claim->robbed) != 0))
		return egi_claim_advance_slow(claim);
	if (EGI_UNLIKELY(front >= egi_load_relaxed_u32(&claim->back))) {
		/* [C7] release: a searcher that sees this front sees the end below it, too; pairs with [C8]. */
		egi_store_release_u32(&claim->front, front);
		return EGI_CLAIM_NONE;
	}
	return front;
}

/*
 * The same by one branch for whether there is anything to look at: a thief, or a word that is not 0. EGI_CLAIM_NONE, with
 * nothing done, if there is, or if the range is empty: egi_claim_advance knows, and the word is to be seen to.
 */
static inline uint32_t egi_claim_advance_quick(struct egi_claim *claim, uint32_t word)
{
	uint32_t front = claim->front;

	egi_store_relaxed_u32(&claim->front, front + 1);
	/* [C1] light: a compiler's barrier, and if that is not enough the flag says so; pairs with [C2]. */
	egi_fence_compiler();
	/* [C5] acquire: as above. */
	if (EGI_LIKELY(((egi_load_relaxed_u32(&egi_fence_is_asymmetric) ^ 1) |
			egi_load_acquire_u32(&claim->robbed) | word) == 0) &&
	    EGI_LIKELY(front < egi_load_relaxed_u32(&claim->back)))
		return front;
	egi_store_release_u32(&claim->front, front); /* [C7] release: as above. */
	return EGI_CLAIM_NONE;
}

/* Owner: takes the next task. False: the range is empty. */
static inline bool egi_claim_next(struct egi_claim *claim, struct egi_task *ret_task)
{
	uint32_t at = egi_claim_advance(claim);

	if (EGI_UNLIKELY(at == EGI_CLAIM_NONE))
		return false;
	*ret_task = claim->tasks[at];
	__builtin_prefetch((const void *)((uintptr_t)&claim->tasks[at] + EGI_CLAIM_PREFETCH));
	return true;
}

/* Whether it holds units of a loop, or held them last. */
static inline bool egi_claim_is_loop(const struct egi_claim *claim)
{
	return !claim->tasks;
}

/*
 * Owner: takes the next piece of a loop that has pieces: a unit, or, if they are sized by time, all that is left.
 * Returns how many indices it has; 0: the range is empty.
 */
uint64_t egi_claim_next_piece(struct egi_claim *claim, uint64_t *ret_begin);

/* Owner: takes all that is left of a loop, whatever it is, and returns how many indices that are. */
uint64_t egi_claim_next_rest(struct egi_claim *claim);

/* Owner: what was last taken, a task, a unit or a piece, is not started after all. */
static inline void egi_claim_put_back(struct egi_claim *claim)
{
	bool is_timed = egi_claim_is_loop(claim) && claim->body.kind == EGI_LOOP_TIMED;

	/* [C7] release: the end that there is; pairs with [C8]. */
	egi_store_release_u32(&claim->front, is_timed ? claim->start : claim->front - 1);
}

/* What was last taken: its index, and where it was submitted, for errors. */
uint64_t egi_claim_current(const struct egi_claim *claim, uint32_t *ret_site);

/* Whether tasks are left that a thief could take. */
static inline bool egi_claim_has_tasks(const struct egi_claim *claim)
{
	/* [C8] acquire: pairs with [C7]. A hint: it is looked at again under the lock, or behind [G2]. */
	return egi_load_acquire_u32(&claim->front) < egi_load_acquire_u32(&claim->back);
}

/* Owner: how many tasks are left, unless a thief comes. */
static inline uint32_t egi_claim_count(const struct egi_claim *claim)
{
	uint32_t front = claim->front, back = egi_load_relaxed_u32(&claim->back);

	return front < back ? back - front : 0;
}

/* The same, an index of a loop being a task. */
uint64_t egi_claim_count_tasks(const struct egi_claim *claim);

/*
 * Owner: claims up to `max` tasks of a queue, when the range is empty; or units of a loop. If they are of another kind
 * than what it held before, then one alone. False if the queue is empty too.
 */
bool egi_claim_refill(struct egi_claim *claim, struct egi_queue *queue, uint64_t max, uint64_t now_ns);

/*
 * The same for the owner of a biased group, in a section: nobody else is there. All tasks of the ring, or a batch of the
 * overflow. No loop waits.
 */
bool egi_claim_refill_alone(struct egi_claim *claim, struct egi_queue *queue);

/* And where loops wait: as many tasks, but of a loop no more than others would take, up to `max` units. */
bool egi_claim_refill_looping(struct egi_claim *claim, struct egi_queue *queue, uint64_t max,
			      uint64_t now_ns);

/* And when there is nothing left to refill it with: gives up its hold on the segment. */
void egi_claim_leave_alone(struct egi_claim *claim);

/*
 * Owner, when the range is empty: takes over the tasks of another claim. False if there were none, or the victim or
 * the thief was busy.
 */
bool egi_claim_steal(struct egi_claim *thief, struct egi_claim *victim, uint64_t now_ns);

/*
 * Owner, about to leave its slot: gives up its hold on the segment if nothing is left. Tasks that are left stay
 * where they are, for thieves and for the slot's next owner.
 */
void egi_claim_leave(struct egi_claim *claim);

#endif
