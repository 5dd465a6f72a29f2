/* SPDX-License-Identifier: MIT */
/*
 * The slots of a group: the lowest free number is taken first. A slot is taken after a place and given back before it, so
 * that a task's slot is below the limit, or the highest limit that the group has had.
 */
#include <stdlib.h>

#include "runtime/group/state.h"

static void worker_init(struct egi_worker *worker, struct eg_group_state *state, unsigned slot)
{
	egi_claim_init(&worker->claim);
	egi_recovery_init(&worker->recovery);
	worker->done = 0;
	worker->state = state;
	worker->slot = slot;
	worker->chunk = worker->claimed = 1;
	worker->claimed_ns = 0;
	worker->tasks_are_long = false;
	worker->cursor = NULL;
	worker->suspect = slot + 1;
}

void egi_slots_init(struct egi_slots *slots, unsigned first)
{
	slots->taken = 0;
	slots->next = NULL;
	slots->made = 0;
	slots->first = first;
	for (size_t i = 0; i < EGI_SLOTS_PER_BLOCK; i++)
		slots->workers[i] = NULL;
}

void egi_slots_add_first(struct eg_group_state *state)
{
	worker_init(&state->first_worker, state, 0);
	state->slots.workers[0] = &state->first_worker;
	state->slots.made = 1;
}

void egi_slots_finish(struct eg_group_state *state)
{
	struct egi_slots *block = &state->slots;

	while (block) {
		struct egi_slots *next = block->next;

		for (size_t i = 0; i < block->made; i++) {
			if (!block->workers[i])
				continue;
			egi_claim_finish(&block->workers[i]->claim);
			if (block->workers[i] != &state->first_worker)
				free(block->workers[i]);
		}
		if (block != &state->slots)
			free(block);
		block = next;
	}
}

/* Takes the lowest free bit. False if all are taken. */
static bool block_take(struct egi_slots *block, unsigned *ret_index)
{
	uint64_t taken = egi_load_relaxed_u64(&block->taken);

	while (~taken != 0) {
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

static struct egi_slots *block_next(struct eg_group_state *state, struct egi_slots *block)
{
	struct egi_slots *next = egi_load_acquire_ptr(&block->next); /* [T6] acquire: pairs with [T5] */

	if (next)
		return next;
	egi_mutex_lock(&state->lock);
	next = block->next;
	if (!next) {
		next = aligned_alloc(EGI_CACHE_PAIR, sizeof(*next));
		if (next) {
			egi_slots_init(next, block->first + EGI_SLOTS_PER_BLOCK);
			/* [T5] release: the block before its link; pairs with [T6]. */
			egi_store_release_ptr(&block->next, next);
		}
	}
	egi_mutex_unlock(&state->lock);
	return next;
}

struct egi_worker *egi_slots_take(struct eg_group_state *state)
{
	struct egi_slots *block = &state->slots;
	struct egi_worker *worker;
	unsigned index;

	while (!block_take(block, &index)) {
		block = block_next(state, block);
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

void egi_slots_return(struct egi_worker *worker)
{
	struct egi_slots *block = &worker->state->slots;

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
