/* SPDX-License-Identifier: MIT */
#ifndef EGI_QUEUE_RING_H
#define EGI_QUEUE_RING_H

/*
 * A bounded queue of tasks: Concurrency Kit's single-producer, multi-consumer ring. The only includer of
 * ck_ring.h.
 *
 * Puts are CK's own. Takes are ours, over CK's fields, because CK takes one entry per compare-and-swap and a
 * worker wants a batch: copy the entries, then move the consumer's head over all of them at once. As in CK's
 * own dequeue the copy may race with a producer that re-uses a slot already taken by someone else; the swap
 * then fails and the copy is discarded. Entries are copied with relaxed atomic loads, so that no word is torn.
 *
 *   taker A                        taker B                 producer
 *   reads head 4, copies 4..5
 *                                  moves head 4 -> 6
 *                                                          re-uses the slots of 4 and 5
 *   swap 4 -> 6 fails: discards
 *
 * The head is 32 bits and could come round to 4 again only after 2^32 takes between A's copy and A's swap.
 */

#include <ck_ring.h>

#include "os/atomic.h"
#include "task/task.h"

#ifndef EGI_RING_SLOTS
#define EGI_RING_SLOTS 64 /* a power of two; the ring holds one less */
#endif

CK_RING_PROTOTYPE(egi_task, egi_task)

struct egi_ring {
	ck_ring_t ck; /* the consumers' head and the producer's tail, each on a line of its own */
	struct egi_task slots[EGI_RING_SLOTS];
};

static inline void egi_ring_init(struct egi_ring *ring)
{
	ck_ring_init(&ring->ck, EGI_RING_SLOTS);
}

/* Producer only. */
static inline bool egi_ring_has_room(const struct egi_ring *ring)
{
	return ck_ring_size(&ring->ck) < EGI_RING_SLOTS - 1;
}

/* Producer only. False when full. The entry is published with release order (CK's store fence). */
static inline bool egi_ring_put(struct egi_ring *ring, struct egi_task task)
{
	return CK_RING_ENQUEUE_SPMC(egi_task, &ring->ck, ring->slots, &task);
}

static inline bool egi_ring_is_empty(const struct egi_ring *ring)
{
	/* [R1] acquire: an empty ring is judged after the overflow was seen non-empty; see queue.h. */
	return egi_load_acquire_u32(&ring->ck.c_head) == egi_load_acquire_u32(&ring->ck.p_tail);
}

/* How many entries wait. */
static inline uint32_t egi_ring_size(const struct egi_ring *ring)
{
	return ck_ring_size(&ring->ck);
}

/* How many entries have been taken in all, modulo 2^32. */
static inline uint32_t egi_ring_taken(const struct egi_ring *ring)
{
	/* [R4] acquire: pairs with [R3] and [R5]. */
	return egi_load_acquire_u32(&ring->ck.c_head);
}

/*
 * Takes up to `max` of the oldest entries, and none at *barrier or behind it, where entries are counted together with those
 * that *beside counts. Any consumer. Returns how many, with *ret_position the number of entries taken before them, modulo
 * 2^32, and *ret_beside the value of *beside while they were in the ring.
 *
 * A barrier that is out of date is too near: the others say that there is nothing to take, and the caller looks again.
 */
static inline uint32_t egi_ring_take(struct egi_ring *ring, uint32_t max, const uint64_t *beside,
				     const uint64_t *barrier, struct egi_task *ret_tasks,
				     uint32_t *ret_position, uint64_t *ret_beside)
{
	/* [R4] acquire: the tail that is read next is not behind it; pairs with [R3] and [R5]. */
	uint32_t head = egi_load_acquire_u32(&ring->ck.c_head);

	for (;;) {
		/* [R2] acquire: pairs with the producer's publication of the entries in CK's enqueue. */
		uint32_t count = egi_load_acquire_u32(&ring->ck.p_tail) - head;
		/* [Q6] acquire: after the tail, or an entry that is seen could be behind it; pairs with [Q5]. */
		uint64_t stop = egi_load_acquire_u64(barrier);

		if (count > max)
			count = max;
		if (count == 0)
			return 0;
		/* [R6] acquire: if it is newer, so is the head, and the swap fails; pairs with [O5]. */
		*ret_beside = egi_load_acquire_u64(beside);
		if (EGI_UNLIKELY(stop != UINT64_MAX)) {
			uint32_t before = (uint32_t)stop - (head + (uint32_t)*ret_beside);

			if (before == 0)
				return 0;
			if (count > before)
				count = before;
		}
		for (uint32_t i = 0; i < count; i++) {
			struct egi_task *slot = &ring->slots[(head + i) & (EGI_RING_SLOTS - 1)];

			ret_tasks[i].code = egi_load_speculative_u64(&slot->code);
			ret_tasks[i].arg = egi_load_speculative_ptr(&slot->arg);
		}
		/* [R3] full: the copy is complete before the slots are given back to the producer. */
		if (egi_cas_u32(&ring->ck.c_head, &head, head + count)) {
			*ret_position = head;
			return count;
		}
	}
}

/* The same while no other thread takes or puts: all entries, by plain stores. */
static inline uint32_t egi_ring_take_alone(struct egi_ring *ring, struct egi_task *ret_tasks)
{
	uint32_t head = ring->ck.c_head, count = ring->ck.p_tail - head;

	for (uint32_t i = 0; i < count; i++)
		ret_tasks[i] = ring->slots[(head + i) & (EGI_RING_SLOTS - 1)];
	/* [R5] release: a searcher that sees the head sees the tail, and the owner busy; pairs with [R1] and [R4]. */
	egi_store_release_u32(&ring->ck.c_head, head + count);
	return count;
}

#endif
