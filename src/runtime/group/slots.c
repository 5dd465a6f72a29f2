/* SPDX-License-Identifier: MIT */
/*
 * A slot is a bit in its block, and so is taken and returned by one swap. Blocks and workers are made when a slot is first
 * taken that needs them, and linked so that those who walk them all see each whole: a worker before its pointer, that before
 * the number of workers made.
 */
#include "runtime/group/slots.h"

#include <stdlib.h>

static void worker_init(struct egi_worker *worker, struct eg_group_state *state, unsigned slot)
{
	egi_claim_init(&worker->claim);
	egi_recovery_init(&worker->recovery);
	worker->recovery.group = state;
	worker->done = 0;
	worker->state = state;
	worker->slot = slot;
	worker->chunk = worker->claimed = 1;
	worker->claimed_ns = 0;
	worker->weight = 1;
	worker->tasks_are_long = false;
	worker->cursor = NULL;
	worker->suspect = slot + 1;
	worker->permit.held = false;
	worker->offers = NULL;
	worker->hungry = 0;
	worker->stolen = NULL;
	worker->data = NULL;
	worker->has_data = worker->is_observed = false;
	worker->observed_thread = 0;
}

static void block_init(struct egi_slots *block, unsigned first)
{
	block->taken = 0;
	block->next = NULL;
	block->made = 0;
	block->first = first;
	for (size_t i = 0; i < EGI_SLOTS_PER_BLOCK; i++)
		block->workers[i] = NULL;
}

void egi_slots_init(struct egi_slots *slots, struct egi_worker *first, struct eg_group_state *state)
{
	block_init(slots, 0);
	worker_init(first, state, 0);
	slots->workers[0] = first;
	slots->made = 1;
}

static void block_finish(struct egi_slots *block)
{
	for (size_t i = 0; i < block->made; i++) {
		struct egi_worker *worker = block->workers[i];

		if (!worker)
			continue;
		egi_claim_finish(&worker->claim);
		egi_offers_free(worker->offers);
		egi_recovery_finish(&worker->recovery);
		if (worker->slot != 0)
			free(worker);
	}
}

void egi_slots_finish(struct egi_slots *slots)
{
	struct egi_slots *block = slots->next;

	block_finish(slots);
	while (block) {
		struct egi_slots *next = block->next;

		block_finish(block);
		free(block);
		block = next;
	}
}

/* Takes the lowest free bit. False if all are taken. */
static bool block_take(struct egi_slots *block, unsigned *ret_index)
{
	uint64_t taken = egi_load_relaxed_u64(&block->taken);

	while (taken != EGI_SLOTS_FULL) {
		unsigned index = (unsigned)__builtin_ctzll(~taken);

		/* [T1] full: sees what the slot's last holder left; pairs with [T2]. */
		if (egi_cas_u64(&block->taken, &taken, taken | UINT64_C(1) << index)) {
			*ret_index = index;
			return true;
		}
	}
	return false;
}

static void block_return(struct egi_slots *block, unsigned index)
{
	/* [T2] full: the holder's last writes before the slot is free; pairs with [T1]. */
	egi_add_u64(&block->taken, ~(UINT64_C(1) << index) + 1);
}

/* Makes a worker known to those who walk. */
static void block_add(struct egi_slots *block, unsigned index, struct egi_worker *worker)
{
	uint32_t made = egi_load_relaxed_u32(&block->made);

	/* [T3] release: the worker before its pointer; pairs with [T4]. */
	egi_store_release_ptr(&block->workers[index], worker);
	/* [T3] full: the pointer before the bound; pairs with [T4]. */
	while (made <= index && !egi_cas_u32(&block->made, &made, index + 1))
		;
}

/* The block after this one, made if needed. NULL without memory. */
static struct egi_slots *block_next(struct egi_slots *block)
{
	struct egi_slots *next = egi_load_acquire_ptr(&block->next); /* [T6] acquire: pairs with [T5] */

	if (next)
		return next;
	next = aligned_alloc(EGI_CACHE_PAIR, sizeof(*next));
	if (!next)
		return NULL;
	block_init(next, block->first + EGI_SLOTS_PER_BLOCK);
	/* [T5] full: the block before its link; pairs with [T6]. Another thread may have been faster. */
	if (egi_cas_ptr(&block->next, NULL, next))
		return next;
	free(next);
	return egi_load_acquire_ptr(&block->next); /* [T6] */
}

struct egi_worker *egi_slots_take(struct egi_slots *slots, struct eg_group_state *state)
{
	struct egi_slots *block = slots;
	struct egi_worker *worker;
	unsigned index;

	while (!block_take(block, &index)) {
		block = block_next(block);
		if (!block)
			return NULL;
	}
	/* The slot is ours alone, so nobody else makes its worker. */
	worker = block->workers[index];
	if (worker)
		return worker;
	worker = aligned_alloc(EGI_CACHE_PAIR, sizeof(*worker));
	if (!worker) {
		block_return(block, index);
		return NULL;
	}
	worker_init(worker, state, block->first + index);
	block_add(block, index, worker);
	return worker;
}

void egi_slots_return(struct egi_slots *slots, const struct egi_worker *worker)
{
	struct egi_slots *block = slots;

	while (worker->slot - block->first >= EGI_SLOTS_PER_BLOCK)
		block = egi_load_acquire_ptr(&block->next); /* [T6] acquire: pairs with [T5] */
	block_return(block, worker->slot - block->first);
}

struct egi_worker *egi_slots_next(struct egi_slots_walk *walk)
{
	while (walk->block) {
		const struct egi_slots *block = walk->block;

		/* [T4] acquire: the bound, then the pointer; pairs with [T3]. */
		while (walk->index < egi_load_acquire_u32(&block->made)) {
			/* [T4] acquire: pairs with [T3]. A slot whose worker was not made is a hole. */
			struct egi_worker *worker = egi_load_acquire_ptr(&block->workers[walk->index++]);

			if (worker)
				return worker;
		}
		walk->block = egi_load_acquire_ptr(&block->next); /* [T6] acquire: pairs with [T5] */
		walk->index = 0;
	}
	return NULL;
}
