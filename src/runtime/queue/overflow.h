/* SPDX-License-Identifier: MIT */
#ifndef EGI_QUEUE_OVERFLOW_H
#define EGI_QUEUE_OVERFLOW_H

/*
 * The overflow array: one producer appends without a lock, consumers take ranges from its front.
 *
 * Tasks lie in segments that never move, so a range taken is a pointer into a segment and not a copy. A segment
 * is as large as what is pending when it is needed, within bounds, so the array doubles under load and memory
 * stays proportional to what is pending.
 *
 *   who writes what: the producer its tail and `published`; a consumer, under `lock`, the head and `taken`.
 *   A segment's `settled` counts its slots whose tasks were run or skipped, plus one when the producer moved on
 *   and one when the consumers did; whoever completes the sum frees the segment, or leaves it to the producer as
 *   its `spare`: a stream of tasks then goes round in memory that is in the caches.
 */

#include "os/atomic.h"
#include "os/mutex.h"
#include "task/task.h"

struct egi_segment {
	struct egi_segment *next; /* set by the producer before it publishes a task there */
	struct egi_overflow *home;
	uint32_t capacity;
	EGI_ALIGNED uint32_t settled;
	EGI_ALIGNED struct egi_task slots[];
};

struct egi_overflow {
	/* the producer's */
	struct egi_task *next; /* where the next task goes */
	uint64_t published;
	struct egi_segment *tail;
	struct egi_segment *first; /* where consumers start; set once, before the first publication */

	/* the consumers', under lock; `taken` is read by the producer and by searchers too */
	EGI_ALIGNED struct egi_mutex lock;
	struct egi_segment *head;
	uint64_t taken;
	uint64_t barrier; /* the queue's, here because it is read together with `taken`: see queue.h */
	uint32_t head_used;
	struct egi_segment *spare; /* by swap: NULL, or a segment to use again */
};

struct egi_range {
	struct egi_segment *segment;
	const struct egi_task *tasks;
	uint32_t count;
	uint64_t position; /* tasks of the overflow taken before these */
};

void egi_overflow_init(struct egi_overflow *overflow);

/* Frees what is left. Nobody may use the overflow or a range of it any more. */
void egi_overflow_finish(struct egi_overflow *overflow);

/* Producer only: makes sure that the next append succeeds. Return: 0 or -ENOMEM with nothing changed. */
int egi_overflow_reserve(struct egi_overflow *overflow);

/* Producer only: how many appends go without a reserve. */
static inline ptrdiff_t egi_overflow_room(const struct egi_overflow *overflow)
{
	return overflow->tail ? overflow->tail->slots + overflow->tail->capacity - overflow->next : 0;
}

/* Producer only, when there is room. */
static inline void egi_overflow_append(struct egi_overflow *overflow, struct egi_task task)
{
	*overflow->next++ = task;
	/* [O1] release: the slot, and a new segment's link, before the count; pairs with [O2]. */
	egi_store_release_u64(&overflow->published, overflow->published + 1);
}

/* Room for how many tasks is kept while none waits. */
static inline uint64_t egi_overflow_capacity(const struct egi_overflow *overflow)
{
	return (overflow->tail ? overflow->tail->capacity : 0) +
	       (overflow->spare ? overflow->spare->capacity : 0);
}

/* How many tasks wait. Exact for nobody, never less than what waits for its own producer. */
static inline uint64_t egi_overflow_pending(const struct egi_overflow *overflow)
{
	/* [O6] acquire: pairs with [O5]. */
	uint64_t taken = egi_load_acquire_u64(&overflow->taken);

	/* [O2] acquire: pairs with [O1]; taken is read first, so the difference is never negative. */
	return egi_load_acquire_u64(&overflow->published) - taken;
}

/* Under lock: takes up to `max` of the oldest tasks, at most to the end of a segment. False if there are none. */
bool egi_overflow_take(struct egi_overflow *overflow, uint64_t max, struct egi_range *ret_range);

/* Accounts for `count` slots of a segment whose tasks are done with. The overflow must still be there. */
void egi_segment_settle(struct egi_segment *segment, uint32_t count);

#endif
