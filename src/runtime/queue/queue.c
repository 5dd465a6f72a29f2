/* SPDX-License-Identifier: MIT */
/*
 * Which of its two halves the queue uses is the submitter's to say, by `spilling`: into the ring while it has room; then into
 * the overflow, until that has been taken empty. Consumers find out which half is older, and take from that.
 */
#include "runtime/queue/queue.h"

#include "os/verify.h"

void egi_queue_init(struct egi_queue *queue, uint64_t owner)
{
	egi_ring_init(&queue->ring);
	egi_overflow_init(&queue->overflow);
	queue->ring_in = 0;
	queue->spilling = false;
	queue->stop = NULL;
	queue->code = UINT64_MAX; /* no task's */
	queue->owner = owner;
	queue->index_base = 0;
	queue->next = NULL;
}

void egi_queue_finish(struct egi_queue *queue)
{
	EGI_ASSERT(egi_ring_is_empty(&queue->ring));
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

/*
 * A position that is known modulo 2^32 only, made whole: it lies less than 2^32 tasks, 64 GiB of them, behind
 * what has been submitted.
 */
static uint64_t queue_sequence(const struct egi_queue *queue, uint64_t position)
{
	uint64_t submitted = egi_queue_submitted(queue);

	return submitted - (uint32_t)((uint32_t)submitted - (uint32_t)position);
}

static bool take_from_ring(struct egi_queue *queue, uint64_t max, struct egi_task *buffer,
			   struct egi_batch *ret_batch)
{
	uint32_t position;
	uint64_t spilled;
	uint32_t count = egi_ring_take(&queue->ring, max < EGI_RING_SLOTS ? (uint32_t)max : EGI_RING_SLOTS,
				       &queue->overflow.taken, buffer, &position, &spilled);

	if (count == 0)
		return false;
	ret_batch->range = (struct egi_range){NULL, buffer, count, spilled};
	ret_batch->sequence = queue_sequence(queue, position + spilled);
	return true;
}

bool egi_queue_take(struct egi_queue *queue, uint64_t max, struct egi_task *buffer,
		    struct egi_batch *ret_batch)
{
	struct egi_overflow *overflow = &queue->overflow;

	for (;;) {
		bool older_in_ring, taken = false;

		if (take_from_ring(queue, max, buffer, ret_batch))
			return true;
		if (egi_overflow_pending(overflow) == 0)
			return false;
		egi_mutex_lock(&overflow->lock);
		/* [Q1] The overflow is judged before the ring, and cannot empty while the lock is held. */
		if (egi_overflow_pending(overflow) == 0) {
			egi_mutex_unlock(&overflow->lock);
			continue;
		}
		older_in_ring = !egi_ring_is_empty(&queue->ring);
		if (!older_in_ring) {
			uint32_t ring_taken = egi_ring_taken(&queue->ring);

			taken = egi_overflow_take(overflow, max, &ret_batch->range);
			ret_batch->sequence = queue_sequence(queue, ret_batch->range.position + ring_taken);
		}
		egi_mutex_unlock(&overflow->lock);
		if (taken)
			return true;
	}
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
