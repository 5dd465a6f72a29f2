/* SPDX-License-Identifier: MIT */
#ifndef EGI_QUEUE_QUEUE_H
#define EGI_QUEUE_QUEUE_H

/*
 * The pending tasks of one submitting thread: the ring in front, the overflow array behind it.
 *
 * The submitter fills the ring; when it is full it spills into the overflow, and goes on spilling until the
 * overflow has been taken empty. So whenever both hold tasks the ring's are older, and consumers empty the ring
 * first. The order would break here:
 *
 *   consumer                                 submitter
 *   the ring is empty
 *                                            the overflow is empty: fills the ring with 1..63, spills 64
 *   takes 64 from the overflow, ahead of 1
 *
 * so a consumer looks at the overflow first, holds its lock, and only then judges the ring. While the lock is
 * held nobody empties the overflow, hence nothing new enters the ring, and an empty ring stays empty.
 *
 * Everything the submitter writes per task lies on lines that consumers read only when they come for more.
 */

#include "runtime/queue/overflow.h"
#include "runtime/queue/ring.h"

#define EGI_QUEUE_SHARED UINT64_MAX /* the owner of a queue that several threads fill under a lock */

#define EGI_QUEUE_LIGHT 2048 /* tasks: 32 KiB, so that the states that a thread keeps hold 32 MiB at most */

struct egi_queue {
	struct egi_overflow overflow;
	struct egi_ring ring;

	/* the submitter's */
	EGI_ALIGNED uint64_t ring_in; /* tasks ever put into the ring; raised before the task can be taken */
	bool spilling;
	struct egi_task *stop; /* the next place in the overflow at which egi_queue_spill does not append */
	uint64_t code; /* the last task's, so that the next, which mostly has the same, need not be checked */

	/* rarely written */
	uint64_t owner; /* the submitting thread, 0 while nobody has the queue, or EGI_QUEUE_SHARED */
	uint64_t
	    index_base; /* tasks submitted at the last reset of the group: task indices count from here */
	struct egi_queue *next;
};

/* A batch taken: a range of the overflow, or `count` tasks copied to the taker's buffer when segment is NULL. */
struct egi_batch {
	struct egi_range range;
	uint64_t sequence; /* tasks of this queue taken before these */
};

void egi_queue_init(struct egi_queue *queue, uint64_t owner);
void egi_queue_finish(struct egi_queue *queue);

/*
 * How often, in tasks, a spilling submitter looks whether the overflow has been taken empty: as often as it could fill the
 * ring meanwhile. The look reads a line that consumers write.
 */
#ifndef EGI_QUEUE_RECHECK
#define EGI_QUEUE_RECHECK EGI_RING_SLOTS
#endif

/*
 * The submitter only. Return: 0 or -ENOMEM with nothing changed.
 */
int egi_queue_put(struct egi_queue *queue, struct egi_task task);

/*
 * Why egi_queue_spill, the fast path of a submission, does not append: there is something to do first, and the submitter has
 * to come by egi_queue_put. Or the segment ends, whatever was said.
 */
enum egi_queue_stop {
	EGI_STOP_RING,    /* it is not spilling: the task goes into the ring */
	EGI_STOP_RECHECK, /* it has spilled so many: the overflow may have been taken empty */
	EGI_STOP_UNSHOWN  /* nobody would see the task: its group has no notice (runtime/group/call.h) */
};

/* The submitter only: when to stop next, and why. */
static inline void egi_queue_stop(struct egi_queue *queue, enum egi_queue_stop why)
{
	ptrdiff_t count = why == EGI_STOP_RECHECK ? EGI_QUEUE_RECHECK - 1 : 0;

	if (count > 0 && count > egi_overflow_room(&queue->overflow))
		count = egi_overflow_room(&queue->overflow);
	queue->stop = queue->overflow.next + count;
}

/* The same as egi_queue_put, for a submitter that is spilling and has nothing to look at; false if it is not, or has. */
static inline bool egi_queue_spill(struct egi_queue *queue, struct egi_task task)
{
	if (queue->overflow.next == queue->stop)
		return false;
	egi_overflow_append(&queue->overflow, task);
	return true;
}

/*
 * How many tasks were ever put here. Both counts rise before, or as, a task can be taken, so that nobody who has
 * seen a task finish can count it as finished and not as submitted. Not less than the number at the time of the call.
 */
static inline uint64_t egi_queue_submitted(const struct egi_queue *queue)
{
	/* [Q4] nothing hangs on the order of these: they follow what makes tasks known, [R2], [O2] or [D1]. */
	return egi_load_acquire_u64(&queue->ring_in) + egi_load_acquire_u64(&queue->overflow.published);
}

/* Whether the queue, with no task in it, holds little memory. */
static inline bool egi_queue_is_light(const struct egi_queue *queue)
{
	return egi_overflow_capacity(&queue->overflow) <= EGI_QUEUE_LIGHT;
}

/* Whether tasks wait here. */
static inline bool egi_queue_has_tasks(const struct egi_queue *queue)
{
	return !egi_ring_is_empty(&queue->ring) || egi_overflow_pending(&queue->overflow) != 0;
}

/* How many tasks wait here; exact while nobody puts or takes. */
static inline uint64_t egi_queue_pending(const struct egi_queue *queue)
{
	return egi_overflow_pending(&queue->overflow) + egi_ring_size(&queue->ring);
}

/* How many tasks have been taken from here, modulo 2^64 and good only to see whether it changes. */
static inline uint64_t egi_queue_taken(const struct egi_queue *queue)
{
	/* [U1] nothing is ordered: it is compared with an earlier one. */
	return egi_load_acquire_u64(&queue->overflow.taken) + egi_ring_taken(&queue->ring);
}

/*
 * Takes up to `max` of the oldest tasks; `buffer` holds EGI_RING_SLOTS. Any thread. False if there are none.
 */
bool egi_queue_take(struct egi_queue *queue, uint64_t max, struct egi_task *buffer,
		    struct egi_batch *ret_batch);

/* The same while no other thread takes or puts; all of the ring, or up to `max` tasks of the overflow. */
bool egi_queue_take_alone(struct egi_queue *queue, uint64_t max, struct egi_task *buffer,
			  struct egi_batch *ret_batch);

#endif
