/* SPDX-License-Identifier: MIT */
/*
 * Whoever changes a claim's range keeps the other side out, each in its own way: the owner by `busy`, for a moment and
 * without a lock; a thief by `robbed`, under the lock, behind a heavy fence. An owner that meets a thief waits for the
 * lock, a thief that meets an owner goes away. claim.h draws what must not happen.
 *
 * A range lies in a segment of the overflow, of which its holder accounts for a part, [start, back); or in the claim's own
 * buffer, when the tasks were copied out of a ring; or it is one of numbers, of a loop's units.
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
	claim->is_new = false;
	egi_mutex_init(&claim->lock);
}

void egi_claim_finish(struct egi_claim *claim)
{
	EGI_ASSERT(!egi_claim_has_tasks(claim));
	egi_mutex_finish(&claim->lock);
}

/* The first index of a loop's unit. */
static uint64_t claim_index(const struct egi_claim *claim, uint32_t at)
{
	return claim->sequence + at * claim->body.grain;
}

uint64_t egi_claim_current(const struct egi_claim *claim, uint32_t *ret_site)
{
	uint32_t at = claim->front - 1;

	if (egi_claim_is_loop(claim)) {
		*ret_site = claim->body.site;
		return claim_index(claim, claim->body.kind == EGI_LOOP_TIMED ? claim->start : at);
	}
	*ret_site = egi_task_site(&claim->tasks[at]);
	return claim->sequence + at - claim->queue->index_base;
}

/* This holder is done with its part of the segment, [start, end). */
static void claim_settle(struct egi_claim *claim, uint32_t end)
{
	if (!claim->segment)
		return;
	if (end != claim->start)
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

EGI_COLD uint32_t egi_claim_advance_slow(struct egi_claim *claim)
{
	uint32_t front = claim->front - 1;
	bool found;

	/* [C7] release. A thief sees either front, and takes nothing below the higher one. */
	egi_store_release_u32(&claim->front, front);
	egi_mutex_lock(&claim->lock);
	found = front < claim->back;
	/* [C7] release: for searchers; thieves are kept out by the lock. */
	if (found)
		egi_store_release_u32(&claim->front, front + 1); /* [C7] */
	egi_mutex_unlock(&claim->lock);
	return found ? front : EGI_CLAIM_NONE;
}

uint64_t egi_claim_count_tasks(const struct egi_claim *claim)
{
	uint32_t units = egi_claim_count(claim);

	return egi_claim_is_loop(claim)
		   ? egi_body_indices(&claim->body, claim_index(claim, claim->front), units)
		   : units;
}

uint64_t egi_claim_next_rest(struct egi_claim *claim)
{
	bool locked = claim_exclude(claim);
	uint32_t front = claim->front, units = egi_claim_count(claim);

	claim->start = front;
	/* [C7] release: for searchers; thieves are kept out. */
	egi_store_release_u32(&claim->front, front + units);
	claim_admit(claim, locked);
	return egi_body_indices(&claim->body, claim_index(claim, front), units);
}

uint64_t egi_claim_next_piece(struct egi_claim *claim, uint64_t *ret_begin)
{
	uint64_t count;
	uint32_t at;

	if (claim->body.kind == EGI_LOOP_TIMED) {
		count = egi_claim_next_rest(claim);
		*ret_begin = claim_index(claim, claim->start);
		return count;
	}
	at = egi_claim_advance(claim);
	if (at == EGI_CLAIM_NONE)
		return 0;
	*ret_begin = claim_index(claim, at);
	return egi_body_indices(&claim->body, *ret_begin, 1);
}

/* Takes anew, when the range is empty, and nobody else is at it. */
static bool claim_take(struct egi_claim *claim, struct egi_queue *queue, uint64_t tasks, uint64_t units,
		       uint64_t now_ns)
{
	bool was_loop = egi_claim_is_loop(claim);
	struct egi_appetite appetite = {was_loop ? 1 : tasks, units, was_loop ? &claim->body : NULL};
	struct egi_batch batch;

	if (!egi_queue_take(queue, &appetite, claim->buffer, &claim->body, &batch))
		return false;
	claim_set(claim, batch.range.segment, batch.range.tasks, 0, batch.range.count, batch.sequence, queue,
		  now_ns);
	claim->is_new = egi_claim_is_loop(claim) ? !batch.is_like : was_loop;
	return true;
}

bool egi_claim_refill(struct egi_claim *claim, struct egi_queue *queue, uint64_t max, uint64_t now_ns)
{
	bool locked = claim_exclude(claim);
	bool filled;

	EGI_ASSERT(!egi_claim_has_tasks(claim));
	claim_settle(claim, claim->back);
	filled = claim_take(claim, queue, max, max, now_ns);
	claim_admit(claim, locked);
	return filled;
}

void egi_claim_leave_alone(struct egi_claim *claim)
{
	claim_settle(claim, claim->back);
}

bool egi_claim_refill_looping(struct egi_claim *claim, struct egi_queue *queue, uint64_t max, uint64_t now_ns)
{
	claim_settle(claim, claim->back);
	return claim_take(claim, queue, CLAIM_ALONE, max, now_ns);
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

static bool claim_is_like(const struct egi_claim *a, const struct egi_claim *b)
{
	if (egi_claim_is_loop(a) != egi_claim_is_loop(b))
		return false;
	return !egi_claim_is_loop(a) || egi_body_is_like(&a->body, &b->body);
}

/* The thief moves [cut, back) of the victim's range into its own claim. */
static void thief_moves(struct egi_claim *thief, struct egi_claim *victim, uint32_t cut, uint32_t back,
			uint64_t now_ns)
{
	const struct egi_task *tasks = victim->tasks;
	uint64_t sequence = victim->sequence;
	bool is_new = !claim_is_like(thief, victim);

	claim_settle(thief, thief->back);
	/* The owner sees it by [C4]; searchers take it as a hint. */
	egi_store_release_u32(&victim->back, cut);
	if (egi_claim_is_loop(victim)) {
		thief->body = victim->body;
	} else if (!victim->segment) {
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
	thief->is_new = is_new;
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
