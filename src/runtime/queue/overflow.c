/* SPDX-License-Identifier: MIT */
/*
 * The producer appends at the tail without asking anybody, and gets a segment when it has filled one: its spare, one
 * that the process has kept, or new memory. Consumers take ranges at the head under the lock, and free what all are done
 * with.
 *
 *   segment:   [ settled ][ taken, being run ][ published ][ to be filled ]
 *                         ^ consumers' head_used           ^ producer's next
 */
#include "runtime/queue/overflow.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/annotate.h"
#include "os/verify.h"
#include "runtime/queue/segments.h"

/*
 * In tasks: a page of them, and 256 KiB, of which the process keeps some (segments.h). A test build makes them, and the
 * other sizes that are guarded so, small.
 */
#ifndef SEGMENT_MIN
#define SEGMENT_MIN 256
#define SEGMENT_MAX 16384
#endif
#define POPULATE_MIN (256 * 1024) /* bytes: those of the largest */

/* What a segment's `settled` reaches: its slots, the producer's leave and the consumers' leave. */
#define SETTLED_ALL(segment) ((segment)->capacity + 2)

void egi_overflow_init(struct egi_overflow *overflow)
{
	overflow->next = NULL;
	overflow->tail = overflow->first = overflow->head = overflow->spare = NULL;
	overflow->head_used = 0;
	overflow->published = overflow->taken = 0;
	overflow->barrier = UINT64_MAX;
	egi_mutex_init(&overflow->lock);
}

static void segment_free(struct egi_segment *segment)
{
	egi_annotate_acquire(segment);
	if (!segment || segment->capacity != SEGMENT_MAX || !egi_pool_put(segment))
		free(segment);
}

void egi_overflow_finish(struct egi_overflow *overflow)
{
	struct egi_segment *segment = overflow->head ? overflow->head : overflow->first;

	EGI_ASSERT(egi_overflow_pending(overflow) == 0);
	while (segment) {
		struct egi_segment *next = segment->next;

		segment_free(segment);
		segment = next;
	}
	segment_free(overflow->spare);
	egi_mutex_finish(&overflow->lock);
}

static uint32_t segment_capacity(uint64_t pending)
{
	uint32_t capacity = SEGMENT_MIN;

	while (capacity < SEGMENT_MAX && capacity < pending)
		capacity *= 2;
	return capacity;
}

/*
 * Has the pages of a large segment made at once: one system call instead of a page fault every 256 tasks. It is
 * about to be filled, since it is no larger than what is pending. Where the kernel cannot, they fault in as ever.
 */
static void segment_populate(struct egi_segment *segment, size_t size)
{
#ifdef MADV_POPULATE_WRITE
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t begin = ((uintptr_t)segment + page - 1) & ~(page - 1);
	uintptr_t end = ((uintptr_t)segment + size) & ~(page - 1);
	int saved = errno;

	if (size >= POPULATE_MIN && madvise((void *)begin, end - begin, MADV_POPULATE_WRITE) < 0)
		errno = saved;
#else
	(void)segment;
	(void)size;
#endif
}

/* The spare if it is large enough, or a new segment. NULL without memory. */
static struct egi_segment *segment_get(struct egi_overflow *overflow, uint32_t capacity)
{
	/* [O4] full: pairs with [O7]; the producer writes to a spare only what comes after its last settlement. */
	struct egi_segment *segment = egi_swap_ptr(&overflow->spare, NULL);
	size_t size;

	if (segment && segment->capacity >= capacity)
		return segment;
	segment_free(segment);
	segment = capacity == SEGMENT_MAX ? egi_pool_get() : NULL;
	if (segment) {
		segment->home = overflow;
		segment->capacity = capacity;
		return segment;
	}
	size = sizeof(*segment) + capacity * sizeof(segment->slots[0]);
	segment = aligned_alloc(EGI_CACHE_PAIR, size);
	if (!segment)
		return NULL;
	segment_populate(segment, size);
	segment->home = overflow;
	segment->capacity = capacity;
	return segment;
}

int egi_overflow_reserve(struct egi_overflow *overflow)
{
	struct egi_segment *segment, *left = overflow->tail;

	if (egi_overflow_room(overflow) > 0)
		return 0;
	segment = segment_get(overflow, segment_capacity(egi_overflow_pending(overflow)));
	if (!segment)
		return -ENOMEM;
	segment->next = NULL;
	segment->settled = 0;
	if (left)
		left->next = segment;
	else
		overflow->first = segment;
	overflow->tail = segment;
	overflow->next = segment->slots;
	egi_annotate_release(segment);
	/* The consumers may free it from here on. */
	if (left)
		egi_segment_settle(left, 1);
	return 0;
}

/* The segment that holds the oldest task; there is one. */
static struct egi_segment *overflow_head(struct egi_overflow *overflow)
{
	struct egi_segment *head = overflow->head;

	if (!head) {
		overflow->head = overflow->first;
	} else if (overflow->head_used == head->capacity) {
		overflow->head = head->next;
		overflow->head_used = 0;
		egi_segment_settle(head, 1);
	}
	return overflow->head;
}

bool egi_overflow_take(struct egi_overflow *overflow, uint64_t max, struct egi_range *ret_range)
{
	uint64_t count = egi_overflow_pending(overflow);
	struct egi_segment *head;

	if (count == 0 || max == 0)
		return false;
	head = overflow_head(overflow);
	if (count > max)
		count = max;
	if (count > head->capacity - overflow->head_used)
		count = head->capacity - overflow->head_used;
	*ret_range =
	    (struct egi_range){head, &head->slots[overflow->head_used], (uint32_t)count, overflow->taken};
	overflow->head_used += (uint32_t)count;
	/* [O5] release: tasks published, and an empty ring, before they are taken; pairs with [O6], [R6]. */
	egi_store_release_u64(&overflow->taken, overflow->taken + count);
	return true;
}

/* Nobody uses the segment any more. */
static void segment_leave(struct egi_segment *segment)
{
	/* [O7] full: everybody's last access, which [O3] has seen, before it is the spare; pairs with [O4]. */
	if (!egi_cas_ptr(&segment->home->spare, NULL, segment))
		segment_free(segment);
}

void egi_segment_settle(struct egi_segment *segment, uint32_t count)
{
	uint32_t all = SETTLED_ALL(segment);

	/* [O3] full: each party's last access comes before its count, and what happens to the segment after all. */
	if (egi_add_u32(&segment->settled, count) + count == all)
		segment_leave(segment);
}
