/* SPDX-License-Identifier: MIT */
#ifndef EGI_CLAIM_H
#define EGI_CLAIM_H

/*
 * The tasks that a worker has claimed and not started: a range that its owner takes from at the front without a
 * lock or a fence, and that anybody may steal from at the back. Tasks may wait for one another, so a claimed
 * task must never be stuck behind a running one.
 *
 * This is the THE protocol of Cilk-5 (Frigo, Leiserson, Randall, 1998): owner and thief each announce their move
 * and then look at the other's; the lock is for thieves, and for the owner when it claims anew. The bad case:
 *
 *   owner                                thief
 *   reads back: 8, so 7 is there
 *                                        reads front: 7, lowers back to 7
 *   raises front to 8, runs 7            takes 7 too
 *
 * The owner therefore raises front, passes the light fence [C1] and looks at back again; the thief lowers back,
 * passes the heavy fence [C2] and looks at front again. At least one of them sees the other. What the owner may
 * have taken by then the thief leaves to it, by raising back to the front it saw; an owner that backed off
 * finds its task again under the lock.
 */

#include "fence.h"
#include "queue.h"

/* How far ahead of the next task memory is asked for, in bytes: a drained backlog comes from beyond the caches. */
#define EGI_CLAIM_PREFETCH 512

struct egi_claim {
	/* the owner's, per task */
	EGI_ALIGNED uint32_t front; /* next to start; also one too many while the owner makes up its mind */
	uint32_t back;              /* end of the range; lowered by thieves under lock */
	const struct egi_task *tasks;

	/* per claim, under lock */
	uint32_t start;              /* where this holder's part of the segment begins */
	struct egi_segment *segment; /* NULL: tasks lie in buffer */
	uint64_t sequence;           /* of tasks[0] in its queue */
	struct egi_queue *queue;
	uint64_t claimed_at_ns; /* read by thieves: since when the range has been held */

	EGI_ALIGNED struct egi_mutex lock;
	struct egi_task buffer[EGI_RING_SLOTS];
};

void egi_claim_init(struct egi_claim *claim);
void egi_claim_finish(struct egi_claim *claim);

/*
 * Owner: takes the next task. False: the range looks empty, and egi_claim_refill decides.
 */
static inline bool egi_claim_next(struct egi_claim *claim, struct egi_task *ret_task)
{
	uint32_t front = claim->front;

	if (front >= egi_load_relaxed_u32(&claim->back))
		return false;
	egi_store_relaxed_u32(&claim->front, front + 1);
	egi_fence_light(); /* [C1] the raised front before the second look at back; pairs with [C2] */
	if (EGI_UNLIKELY(front >= egi_load_relaxed_u32(&claim->back))) {
		egi_store_release_u32(&claim->front, front);
		return false;
	}
	*ret_task = claim->tasks[front];
	__builtin_prefetch((const void *)((uintptr_t)&claim->tasks[front] + EGI_CLAIM_PREFETCH));
	return true;
}

/* The last task that egi_claim_next returned: where it stands, for errors. */
const struct egi_task *egi_claim_current(const struct egi_claim *claim, uint64_t *ret_index);

/* Whether tasks are left that a thief could take. */
static inline bool egi_claim_has_tasks(const struct egi_claim *claim)
{
	return egi_load_acquire_u32(&claim->front) < egi_load_acquire_u32(&claim->back);
}

/* Owner: how many tasks are left, unless a thief comes. */
static inline uint32_t egi_claim_count(const struct egi_claim *claim)
{
	uint32_t front = claim->front, back = egi_load_relaxed_u32(&claim->back);

	return front < back ? back - front : 0;
}

/*
 * Owner: claims up to `max` tasks of a queue, unless the range was not empty after all. False if it is empty
 * and the queue too.
 */
bool egi_claim_refill(struct egi_claim *claim, struct egi_queue *queue, uint64_t max, uint64_t now_ns);

/*
 * Owner: takes over tasks of another claim, the back half or all of them. False if there were none, or the
 * victim was busy being robbed.
 */
bool egi_claim_steal(struct egi_claim *thief, struct egi_claim *victim, bool all, uint64_t now_ns);

/*
 * Owner, about to leave its slot: gives up its hold on the segment if nothing is left. Tasks that are left stay
 * where they are, for thieves and for the slot's next owner.
 */
void egi_claim_leave(struct egi_claim *claim);

#endif
