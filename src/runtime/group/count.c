/* SPDX-License-Identifier: MIT */
/*
 * Sums over the queues and the slots of a group, which only grow in number: both are walked without a lock. count.h says in
 * which order, and why.
 */
#include "runtime/group/count.h"

static uint64_t slots_done(struct eg_group_state *state)
{
	struct egi_slots_walk walk = {&state->slots, 0};
	struct egi_worker *worker;
	uint64_t done = 0;

	while ((worker = egi_slots_next(&walk)) != NULL)
		done += egi_load_acquire_u64(&worker->done); /* [D1] acquire: pairs with [D2] */
	return done;
}

uint64_t egi_state_unfinished(struct eg_group_state *state)
{
	/* Every D before any S. */
	uint64_t done = slots_done(state), submitted = 0;

	/* [J5] acquire: pairs with [Q2]. */
	for (struct egi_queue *queue = egi_load_acquire_ptr(&state->queues); queue; queue = queue->next)
		submitted += egi_queue_submitted(queue);
	return submitted - done;
}

bool egi_state_is_done(struct eg_group_state *state)
{
	/* The D of holds before that of tasks. [D4] acquire: pairs with [D5]. */
	uint64_t released = egi_load_acquire_u64(&state->released);

	if (egi_state_unfinished(state) != 0)
		return false;
	/* [D4] acquire: pairs with [D3]. [W2] acquire: pairs with [W1]. */
	return released == egi_load_acquire_u64(&state->held) || egi_load_acquire_u32(&state->closed) != 0;
}

uint64_t egi_state_submitted(struct eg_group_state *state)
{
	uint64_t submitted = egi_load_relaxed_u64(&state->held);

	/* [J5] acquire: pairs with [Q2]. */
	for (struct egi_queue *queue = egi_load_acquire_ptr(&state->queues); queue; queue = queue->next)
		submitted += egi_queue_submitted(queue);
	return submitted;
}

/* When a group begins or is reset all that was ever submitted is done, so what both sums start from is the same. */
void egi_state_count(struct eg_group_state *state, uint64_t *ret_submitted, uint64_t *ret_done)
{
	uint64_t done = slots_done(state), submitted = 0, base = 0;

	/* [J5] acquire: pairs with [Q2]. */
	for (struct egi_queue *queue = egi_load_acquire_ptr(&state->queues); queue; queue = queue->next) {
		submitted += egi_queue_submitted(queue);
		base += queue->index_base + queue->looped_base;
	}
	*ret_submitted = submitted - base;
	*ret_done = done - base;
}

/* How many have a place and do not wait for a permit: threads that find nothing to do give their places up. */
static uint64_t state_running(const struct eg_group_state *state)
{
	uint64_t placed = egi_gate_running(&state->gate), awaiting = egi_load_relaxed_u32(&state->awaiting);

	return placed > awaiting ? placed - awaiting : 0;
}

/* What is neither done nor running is pending. So the three add up whenever they are read. */
void egi_state_read_stats(struct eg_group_state *state, struct eg_stats *ret_stats)
{
	uint64_t limit = egi_gate_limit(&state->gate), unfinished;

	/* In this order: the difference is never negative. */
	ret_stats->skipped = egi_failures_skipped(&state->failures);
	ret_stats->failed = egi_failures_total(&state->failures) - ret_stats->skipped;
	egi_state_count(state, &ret_stats->accepted, &ret_stats->done);
	unfinished = ret_stats->accepted - ret_stats->done;
	ret_stats->running = state_running(state);
	if (ret_stats->running > unfinished)
		ret_stats->running = unfinished;
	ret_stats->pending = unfinished - ret_stats->running;
	ret_stats->limit = limit == EGI_GATE_MAX ? EG_LIMIT_NONE : (int)limit;
}

uint64_t egi_state_pending(struct eg_group_state *state)
{
	uint64_t pending = 0;

	/* [J5] acquire: pairs with [Q2]. */
	for (struct egi_queue *queue = egi_load_acquire_ptr(&state->queues); queue; queue = queue->next)
		pending += egi_queue_pending(queue);
	return pending;
}

bool egi_state_has_been_used(const struct eg_group_state *state)
{
	/* [J5] acquire: pairs with [Q2]. */
	const struct egi_queue *newest = egi_load_acquire_ptr(&state->queues);

	return newest != &state->first_queue ||
	       egi_queue_submitted(&state->first_queue) != state->used_before;
}

static bool queues_have_tasks(struct eg_group_state *state)
{
	/* [J5] acquire: pairs with [Q2]. */
	for (struct egi_queue *queue = egi_load_acquire_ptr(&state->queues); queue; queue = queue->next)
		if (egi_queue_has_tasks(queue))
			return true;
	return false;
}

bool egi_state_has_tasks_beside(struct eg_group_state *state, const struct egi_worker *holder)
{
	struct egi_slots_walk walk = {&state->slots, 0};
	struct egi_worker *worker;

	if (queues_have_tasks(state))
		return true;
	while ((worker = egi_slots_next(&walk)) != NULL)
		if (worker != holder &&
		    (egi_claim_has_tasks(&worker->claim) || egi_offers_has(egi_worker_offers(worker))))
			return true;
	return false;
}

bool egi_state_has_tasks(struct eg_group_state *state)
{
	return egi_state_has_tasks_beside(state, NULL);
}

bool egi_state_has_left_over(struct eg_group_state *state)
{
	/* What is seen without the fence need not be looked for with it. */
	if (egi_state_has_tasks(state))
		return true;
	egi_fence_heavy(); /* [G2] the gate before the look for tasks; pairs with [G1] */
	return egi_state_has_tasks(state);
}
