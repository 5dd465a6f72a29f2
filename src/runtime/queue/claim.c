/* SPDX-License-Identifier: MIT */
/*
 * Whoever changes a claim's range keeps the other side out, each in its own way: the owner by `busy`, for a moment and
 * without a lock; a thief by `robbed`, under the lock, behind a heavy fence. An owner that meets a thief waits for the lock,
 * a thief that meets an owner goes away. claim.h draws what must not happen.
 *
 * A range lies in a segment of the overflow, of which its holder accounts for a part, [start, back); or in the claim's own
 * buffer, when the tasks were copied out of a ring.
 */
#include "runtime/queue/claim.h"

#include <string.h>

#include "os/annotate.h"
#include "os/verify.h"

/* How many tasks of the overflow the only worker claims at once: a page of them, as the smallest segment has. */
#define CLAIM_ALONE 256

void egi_claim_init(struct egi_claim *claim)
{
	claim->front = claim->back = claim->start = 0;
	claim->busy = claim->robbed = 0;
	claim->tasks = claim->buffer;
	claim->segment = NULL;
	claim->queue = NULL;
	claim->sequence = 0;
	claim->claimed_at_ns = 0;
	egi_mutex_init(&claim->lock);
}

void egi_claim_finish(struct egi_claim *claim)
{
	EGI_ASSERT(!egi_claim_has_tasks(claim));
	egi_mutex_finish(&claim->lock);
}

const struct egi_task *egi_claim_current(const struct egi_claim *claim, uint64_t *ret_index)
{
	uint32_t at = claim->front - 1;

	*ret_index = claim->sequence + at - claim->queue->index_base;
	return &claim->tasks[at];
}

/* This holder is done with its part of the segment, [start, end). */
static void claim_settle(struct egi_claim *claim, uint32_t end)
{
	if (claim->segment && end != claim->start)
		egi_segment_settle(claim->segment, end - claim->start);
	claim->segment = NULL;
	claim->start = end;
}

/* Makes [front, back) of `tasks` the new range. The bounds last, for searchers. */
static void claim_set(struct egi_claim *claim, struct egi_segment *segment, const struct egi_task *tasks,
		      uint32_t front, uint32_t back, uint64_t sequence, struct egi_queue *queue,
		      uint64_t now_ns)
{
	claim->segment = segment;
	claim->tasks = tasks;
	claim->start = front;
	claim->sequence = sequence;
	claim->queue = queue;
	egi_store_relaxed_u64(&claim->claimed_at_ns, now_ns);
	/*
	 * [C7] release: no searcher may see a front from one range and a back from another that together look
	 * like tasks: the empty range first, then its start, then its end; pairs with [C8].
	 */
	egi_store_release_u32(&claim->back, 0);
	egi_store_release_u32(&claim->front, front); /* [C7] */
	egi_store_release_u32(&claim->back, back);   /* [C7] */
}

/*
 * Owner: keeps thieves out for a moment. False if one is about; the lock, which it holds, will do instead.
 */
static bool claim_begin(struct egi_claim *claim)
{
	egi_store_relaxed_u32(&claim->busy, 1);
	egi_fence_light(); /* [C1] busy before the look for a thief; pairs with [C2] */
	/* [C5] acquire: pairs with [C4]. */
	if (EGI_LIKELY(egi_load_acquire_u32(&claim->robbed) == 0))
		return true;
	/* [C3] release: the range that there is, to which nothing was done. */
	egi_store_release_u32(&claim->busy, 0);
	return false;
}

static void claim_end(struct egi_claim *claim)
{
	/* [C3] release: the new range before it is open to thieves; pairs with [C6]. */
	egi_store_release_u32(&claim->busy, 0);
}

/* Owner: the same, waiting for the thief if there is one. Returns whether the lock was taken. */
static bool claim_exclude(struct egi_claim *claim)
{
	if (claim_begin(claim))
		return false;
	egi_mutex_lock(&claim->lock);
	return true;
}

static void claim_admit(struct egi_claim *claim, bool locked)
{
	if (locked)
		egi_mutex_unlock(&claim->lock);
	else
		claim_end(claim);
}

EGI_COLD bool egi_claim_next_slow(struct egi_claim *claim, struct egi_task *ret_task)
{
	uint32_t front = claim->front - 1;
	bool found;

	/* [C7] release. A thief sees either front, and takes nothing below the higher one. */
	egi_store_release_u32(&claim->front, front);
	egi_mutex_lock(&claim->lock);
	found = front < claim->back;
	if (found) {
		*ret_task = claim->tasks[front];
		/* [C7] release: for searchers; thieves are kept out by the lock. */
		egi_store_release_u32(&claim->front, front + 1);
	}
	egi_mutex_unlock(&claim->lock);
	return found;
}

bool egi_claim_refill(struct egi_claim *claim, struct egi_queue *queue, uint64_t max, uint64_t now_ns)
{
	bool locked = claim_exclude(claim);
	struct egi_batch batch;
	bool filled;

	EGI_ASSERT(!egi_claim_has_tasks(claim));
	claim_settle(claim, claim->back);
	filled = egi_queue_take(queue, max, claim->buffer, &batch);
	if (filled)
		claim_set(claim, batch.range.segment, batch.range.tasks, 0, batch.range.count, batch.sequence,
			  queue, now_ns);
	claim_admit(claim, locked);
	return filled;
}

void egi_claim_leave_alone(struct egi_claim *claim)
{
	claim_settle(claim, claim->back);
}

bool egi_claim_refill_alone(struct egi_claim *claim, struct egi_queue *queue)
{
	struct egi_batch batch;

	claim_settle(claim, claim->back);
	if (!egi_queue_take_alone(queue, CLAIM_ALONE, claim->buffer, &batch))
		return false;
	claim_set(claim, batch.range.segment, batch.range.tasks, 0, batch.range.count, batch.sequence, queue,
		  0);
	return true;
}

/*
 * Thief, under the victim's lock: comes in. False if the owner is claiming anew. Afterwards the range is the
 * thief's until it leaves, but for the task that the owner may have taken just before, below the front seen then.
 */
static bool thief_enters(struct egi_claim *victim)
{
	egi_store_relaxed_u32(&victim->robbed, 1);
	egi_fence_heavy(); /* [C2] the announcement before the look at busy and front; pairs with [C1] */
	/* [C6] acquire: pairs with [C3]. */
	if (egi_load_acquire_u32(&victim->busy) == 0)
		return true;
	/* [C4] release: the back that the thief before has lowered. */
	egi_store_release_u32(&victim->robbed, 0);
	return false;
}

static void thief_leaves(struct egi_claim *victim)
{
	/* [C4] release: the lowered back before the owner goes on; pairs with [C5]. */
	egi_store_release_u32(&victim->robbed, 0);
}

/* The thief moves [cut, back) of the victim's range into its own claim. */
static void thief_moves(struct egi_claim *thief, struct egi_claim *victim, uint32_t cut, uint32_t back,
			uint64_t now_ns)
{
	const struct egi_task *tasks = victim->tasks;
	uint64_t sequence = victim->sequence;

	claim_settle(thief, thief->back);
	/* The owner sees it by [C4]; searchers take it as a hint. */
	egi_store_release_u32(&victim->back, cut);
	if (!victim->segment) {
		/* The victim will use its buffer again. Tools see what memcpy does, and not what orders it. */
		egi_annotate_acquire(victim);
		egi_annotate_acquire(thief);
		memcpy(thief->buffer, &tasks[cut], (back - cut) * sizeof(*tasks));
		egi_annotate_release(victim);
		egi_annotate_release(thief);
		tasks = thief->buffer;
		sequence += cut;
		back -= cut;
		cut = 0;
	}
	claim_set(thief, victim->segment, tasks, cut, back, sequence, victim->queue, now_ns);
}

bool egi_claim_steal(struct egi_claim *thief, struct egi_claim *victim, uint64_t now_ns)
{
	bool stolen = false;

	EGI_ASSERT(!egi_claim_has_tasks(thief));
	if (!egi_claim_has_tasks(victim) || !egi_mutex_try_lock(&victim->lock))
		return false;
	/* Two thieves that rob each other must not wait in a circle: neither waits. */
	if (claim_begin(thief)) {
		if (thief_enters(victim)) {
			/* [C8] acquire: pairs with [C7]; the look is behind [C2]. */
			uint32_t front = egi_load_acquire_u32(&victim->front), back = victim->back;

			stolen = front < back;
			if (stolen)
				thief_moves(thief, victim, front, back, now_ns);
			thief_leaves(victim);
		}
		claim_end(thief);
	}
	egi_mutex_unlock(&victim->lock);
	return stolen;
}

void egi_claim_leave(struct egi_claim *claim)
{
	bool locked = claim_exclude(claim);

	if (egi_claim_has_tasks(claim)) {
		struct egi_segment *segment = claim->segment;

		/* What was started is accounted for now: thieves may take all the rest, and nobody the slot. */
		claim_settle(claim, claim->front);
		claim->segment = segment;
		/* Nobody is at work on them, so they are late. */
		egi_store_relaxed_u64(&claim->claimed_at_ns, 0);
	} else {
		claim_settle(claim, claim->back);
	}
	claim_admit(claim, locked);
}
