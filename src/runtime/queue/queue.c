/* SPDX-License-Identifier: MIT */
/*
 * Which of its two halves the queue uses is the submitter's to say, by `spilling`: into the ring while it has room; then
 * into the overflow, until that has been taken empty. Consumers find out which half is older, and take from that. A loop
 * is put beside both, under the lock of the overflow, which consumers who take a part of it have as well.
 */
#include "runtime/queue/queue.h"

#include <errno.h>

#include "os/verify.h"

void egi_queue_init(struct egi_queue *queue, uint64_t owner)
{
	egi_ring_init(&queue->ring);
	egi_overflow_init(&queue->overflow);
	egi_loops_init(&queue->loops);
	queue->ring_in = queue->looped = 0;
	queue->spilling = false;
	queue->stop = NULL;
	queue->code = UINT64_MAX; /* no task's */
	queue->owner = owner;
	queue->index_base = queue->looped_base = 0;
	queue->next = NULL;
}

void egi_queue_finish(struct egi_queue *queue)
{
	EGI_ASSERT(egi_ring_is_empty(&queue->ring) && !egi_queue_has_loops(queue));
	egi_overflow_finish(&queue->overflow);
}

static bool put_into_ring(struct egi_queue *queue, struct egi_task task)
{
	if (!egi_ring_has_room(&queue->ring))
		return false;
	/*
	 * [Q3] release: the count, and what the submitter has read by now, before the task can be taken; pairs
	 * with [R2]. CK's store fence, which follows, keeps stores in order, and nothing else.
	 */
	egi_store_release_u64(&queue->ring_in, queue->ring_in + 1);
	EGI_VERIFY(egi_ring_put(&queue->ring, task), "internal: the ring filled up under its only producer");
	return true;
}

int egi_queue_put(struct egi_queue *queue, struct egi_task task)
{
	int err;

	if (queue->spilling && egi_overflow_pending(&queue->overflow) == 0) {
		queue->spilling = false;
		egi_queue_stop(queue, EGI_STOP_RING);
	}
	if (!queue->spilling && put_into_ring(queue, task))
		return 0;
	err = egi_overflow_reserve(&queue->overflow);
	if (err)
		return err;
	queue->spilling = true;
	egi_overflow_append(&queue->overflow, task);
	egi_queue_stop(queue, EGI_STOP_RECHECK);
	return 0;
}

/* Under lock, when the list of loops has changed. */
static void queue_set_barrier(struct egi_queue *queue)
{
	/*
	 * [Q5] release: the loop, and its indices in `looped`, before the barrier that says that it waits.
	 * [Q7] release: all of the loop taken, and the section of an owner, before the barrier that says so.
	 * Both pair with [Q6].
	 */
	egi_store_release_u64(&queue->overflow.barrier, egi_loops_position(&queue->loops));
}

int egi_queue_put_loop(struct egi_queue *queue, const struct egi_body *body)
{
	int err = -EOVERFLOW;

	egi_mutex_lock(&queue->overflow.lock);
	if (body->count <= EGI_LOOPS_MAX - egi_queue_looping(queue))
		err = egi_loops_put(&queue->loops, body, egi_queue_entries(queue));
	if (!err) {
		/* [Q3] release, as for a task; pairs with [Q6]. */
		egi_store_release_u64(&queue->looped, queue->looped + body->count);
		queue_set_barrier(queue);
	}
	egi_mutex_unlock(&queue->overflow.lock);
	return err;
}

/*
 * A position that is known modulo 2^32 only, made whole: it lies less than 2^32 entries, 64 GiB of them, behind
 * what has been submitted.
 */
static uint64_t queue_sequence(const struct egi_queue *queue, uint64_t position)
{
	uint64_t entries = egi_queue_entries(queue);

	return entries - (uint32_t)((uint32_t)entries - (uint32_t)position);
}

static bool take_from_ring(struct egi_queue *queue, uint64_t max, struct egi_task *buffer,
			   struct egi_batch *ret_batch)
{
	uint32_t position;
	uint64_t spilled;
	uint32_t count =
	    egi_ring_take(&queue->ring, max < EGI_RING_SLOTS ? (uint32_t)max : EGI_RING_SLOTS,
			  &queue->overflow.taken, &queue->overflow.barrier, buffer, &position, &spilled);

	if (count == 0)
		return false;
	ret_batch->range = (struct egi_range){NULL, buffer, count, spilled};
	ret_batch->sequence = queue_sequence(queue, position + spilled);
	return true;
}

/*
 * Under lock: whether the oldest loop is next. It is once all entries before it have been taken, and remains so while
 * the lock is held, since nobody takes an entry behind it. `taken` does not change meanwhile, and the ring's number can
 * only come nearer.
 */
static bool loop_is_next(const struct egi_queue *queue)
{
	const struct egi_overflow *overflow = &queue->overflow;

	return overflow->barrier != EGI_LOOP_NONE &&
	       (uint32_t)overflow->barrier == (uint32_t)overflow->taken + egi_ring_taken(&queue->ring);
}

/* Under lock, when a loop is next. */
static void take_from_loop(struct egi_queue *queue, const struct egi_appetite *appetite,
			   struct egi_body *ret_body, struct egi_batch *ret_batch)
{
	const struct egi_body *body = &queue->loops.oldest->body;

	ret_batch->is_like = appetite->like && egi_body_is_like(appetite->like, body);
	*ret_body = *body;
	ret_batch->range = (struct egi_range){
	    .count = egi_loops_take(&queue->loops, ret_batch->is_like ? appetite->units : 1,
				    &ret_batch->sequence)};
	queue_set_barrier(queue);
}

/* Under lock, when no loop is next. False if the overflow is empty or there are older entries, in the ring. */
static bool take_from_overflow(struct egi_queue *queue, uint64_t max, struct egi_batch *ret_batch)
{
	struct egi_overflow *overflow = &queue->overflow;
	uint64_t position;

	/* [Q1] The overflow is judged before the ring, and cannot empty while the lock is held. */
	if (egi_overflow_pending(overflow) == 0 || !egi_ring_is_empty(&queue->ring))
		return false;
	position = queue_sequence(queue, overflow->taken + egi_ring_taken(&queue->ring));
	if (max > overflow->barrier - position)
		max = overflow->barrier - position;
	ret_batch->sequence = position;
	return egi_overflow_take(overflow, max, &ret_batch->range);
}

bool egi_queue_take(struct egi_queue *queue, const struct egi_appetite *appetite, struct egi_task *buffer,
		    struct egi_body *ret_body, struct egi_batch *ret_batch)
{
	for (;;) {
		bool taken;

		if (take_from_ring(queue, appetite->tasks, buffer, ret_batch))
			return true;
		if (!egi_queue_has_tasks(queue))
			return false;
		egi_mutex_lock(&queue->overflow.lock);
		taken = loop_is_next(queue);
		if (taken)
			take_from_loop(queue, appetite, ret_body, ret_batch);
		else
			taken = take_from_overflow(queue, appetite->tasks, ret_batch);
		egi_mutex_unlock(&queue->overflow.lock);
		if (taken)
			return true;
	}
}

uint64_t egi_queue_drop_loop(struct egi_queue *queue)
{
	uint64_t dropped = 0;

	egi_mutex_lock(&queue->overflow.lock);
	if (loop_is_next(queue)) {
		dropped = egi_loops_drop(&queue->loops);
		queue_set_barrier(queue);
	}
	egi_mutex_unlock(&queue->overflow.lock);
	return dropped;
}

/* In the ring's case what has been taken before is known exactly, since nobody puts or takes. */
bool egi_queue_take_alone(struct egi_queue *queue, uint64_t max, struct egi_task *buffer,
			  struct egi_batch *ret_batch)
{
	uint32_t count = egi_ring_take_alone(&queue->ring, buffer);
	uint64_t ring_taken = queue->ring_in - count;
	bool taken;

	if (count > 0) {
		ret_batch->range = (struct egi_range){NULL, buffer, count, queue->overflow.taken};
		ret_batch->sequence = ring_taken + queue->overflow.taken;
		return true;
	}
	if (egi_overflow_pending(&queue->overflow) == 0)
		return false;
	egi_mutex_lock(&queue->overflow.lock);
	taken = egi_overflow_take(&queue->overflow, max, &ret_batch->range);
	egi_mutex_unlock(&queue->overflow.lock);
	ret_batch->sequence = ring_taken + ret_batch->range.position;
	return taken;
}
