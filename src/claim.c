/* SPDX-License-Identifier: MIT */
#include "claim.h"

#include <string.h>

#include "verify.h"

void egi_claim_init(struct egi_claim *claim)
{
	claim->front = claim->back = claim->start = 0;
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

/* Under lock: this holder is done with its part of the segment, [start, end). */
static void claim_settle(struct egi_claim *claim, uint32_t end)
{
	if (claim->segment && end != claim->start)
		egi_segment_settle(claim->segment, end - claim->start);
	claim->segment = NULL;
	claim->start = end;
}

/* Under lock: makes [front, back) of `tasks` the new range. The bounds last, for searchers without the lock. */
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
	 * Nothing outside the lock may see a front from one range and a back from another that together look
	 * like tasks: the empty range first, then its start, then its end.
	 */
	egi_store_release_u32(&claim->back, 0);
	egi_store_release_u32(&claim->front, front);
	egi_store_release_u32(&claim->back, back);
}

bool egi_claim_refill(struct egi_claim *claim, struct egi_queue *queue, uint64_t max, uint64_t now_ns)
{
	struct egi_batch batch;
	bool filled = true;

	egi_mutex_lock(&claim->lock);
	if (!egi_claim_has_tasks(claim)) {
		claim_settle(claim, claim->back);
		filled = egi_queue_take(queue, max, claim->buffer, &batch);
		if (filled)
			claim_set(claim, batch.range.segment, batch.range.tasks, 0, batch.range.count,
				  batch.sequence, queue, now_ns);
	}
	egi_mutex_unlock(&claim->lock);
	return filled;
}

/* Both locks held: cuts the back off the victim's range. Returns where the thief's part begins; the end if none. */
static uint32_t victim_cut(struct egi_claim *victim, bool all, uint32_t back)
{
	uint32_t front = egi_load_acquire_u32(&victim->front);
	uint32_t cut;

	if (front >= back)
		return back;
	cut = all ? front : front + (back - front) / 2;
	egi_store_release_u32(&victim->back, cut);
	egi_fence_heavy(); /* [C2] the lowered back before the second look at front; pairs with [C1] */
	front = egi_load_acquire_u32(&victim->front);
	if (front > cut) {
		cut = front < back ? front : back;
		egi_store_release_u32(&victim->back, cut);
	}
	return cut;
}

bool egi_claim_steal(struct egi_claim *thief, struct egi_claim *victim, bool all, uint64_t now_ns)
{
	uint32_t back, cut;
	bool stolen = false;

	if (!egi_claim_has_tasks(victim) || !egi_mutex_try_lock(&victim->lock))
		return false;
	/* The thief's own lock second and only tried: two thieves that rob each other must not wait in a circle. */
	if (egi_mutex_try_lock(&thief->lock)) {
		EGI_ASSERT(!egi_claim_has_tasks(thief));
		back = victim->back;
		cut = victim_cut(victim, all, back);
		stolen = cut < back;
		if (stolen) {
			const struct egi_task *tasks = victim->tasks;
			uint32_t from = cut, to = back;
			uint64_t sequence = victim->sequence;

			claim_settle(thief, thief->back);
			if (!victim->segment) {
				/* The victim will use its buffer again. */
				memcpy(thief->buffer, &tasks[cut], (back - cut) * sizeof(*tasks));
				tasks = thief->buffer;
				sequence += cut;
				from = 0;
				to = back - cut;
			}
			claim_set(thief, victim->segment, tasks, from, to, sequence, victim->queue, now_ns);
		}
		egi_mutex_unlock(&thief->lock);
	}
	egi_mutex_unlock(&victim->lock);
	return stolen;
}

void egi_claim_leave(struct egi_claim *claim)
{
	egi_mutex_lock(&claim->lock);
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
	egi_mutex_unlock(&claim->lock);
}
