/* SPDX-License-Identifier: MIT */
#ifndef EGI_QUEUE_LOOP_H
#define EGI_QUEUE_LOOP_H

/*
 * Loops: calls of one function for the indices 0 to count - 1, which are so many tasks and take the memory of none. A queue
 * keeps them in a list, oldest first; who comes for tasks takes a part of the oldest and computes from it what to call.
 *
 * What is taken at once, and moved from worker to worker, is counted in units: an index, or a piece of `grain` indices of
 * which the last may have fewer. Pieces that are sized by time are made of units of one index.
 *
 * The list has no lock of its own, and whoever uses it has the queue's.
 */

#include <errgroup/task.h>

#include "os/compiler.h"

enum egi_loop_kind {
	EGI_LOOP_EACH,   /* a call for each index */
	EGI_LOOP_PIECES, /* a call for each unit */
	EGI_LOOP_TIMED   /* a call for all that is claimed at once, which takes a certain time */
};

/* What is called. */
struct egi_body {
	union {
		eg_each_fn *each;
		eg_piece_fn *piece;
	} fn;
	void *arg;
	uint64_t count;
	uint64_t grain; /* indices in a unit: 1 or more, at most count */
	uint32_t site;  /* where it was submitted (error/call_site.h) */
	enum egi_loop_kind kind;
};

struct egi_loop {
	struct egi_body body;
	uint64_t position; /* tasks that are no loop's and were put into the queue before */
	uint64_t next;     /* the first index that nobody has taken */
	struct egi_loop *after;
};

#define EGI_LOOP_NONE UINT64_MAX /* the position of no loop */

/*
 * The most indices that may wait in a queue, so that the sums over all queues and slots of a group
 * (runtime/group/count.h) keep within 64 bits.
 */
#define EGI_LOOPS_MAX (UINT64_C(1) << 56)

/* The most units that are taken at once: a claim's range has 32 bits, and its owner may be one beyond the end. */
#define EGI_LOOP_TAKE_MAX (UINT32_MAX - 1)

struct egi_loops {
	struct egi_loop *oldest, *newest; /* NULL: none */
	uint64_t taken;                   /* indices ever taken; read by others, too */
	bool uses_first;
	struct egi_loop first; /* most queues never have two at once */
};

void egi_loops_init(struct egi_loops *loops);

/* Appends a loop that has indices. Return: 0 or -ENOMEM with nothing changed. */
int egi_loops_put(struct egi_loops *loops, const struct egi_body *body, uint64_t position);

/* Where the oldest loop stands, or EGI_LOOP_NONE. */
static inline uint64_t egi_loops_position(const struct egi_loops *loops)
{
	return loops->oldest ? loops->oldest->position : EGI_LOOP_NONE;
}

/*
 * Takes up to `max` units of the oldest loop, which there is, and returns how many. The loop is gone when it is used up.
 *
 * @ret_begin  the first index
 */
uint32_t egi_loops_take(struct egi_loops *loops, uint64_t max, uint64_t *ret_begin);

/* Takes all that is left of the oldest loop, if there is one, and returns how many indices that are. */
uint64_t egi_loops_drop(struct egi_loops *loops);

/* How many indices the units from `begin` on have. */
static inline uint64_t egi_body_indices(const struct egi_body *body, uint64_t begin, uint32_t units)
{
	uint64_t left = body->count - begin;

	return units > left / body->grain ? left : units * body->grain;
}

/* Whether two loops call the same, so that what was learned of one holds for the other. */
static inline bool egi_body_is_like(const struct egi_body *a, const struct egi_body *b)
{
	return a->fn.each == b->fn.each && a->arg == b->arg && a->kind == b->kind && a->grain == b->grain;
}

#endif
