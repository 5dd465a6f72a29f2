/* SPDX-License-Identifier: MIT */
/*
 * A group's limit, and what follows from it: how many slots its tasks may have.
 *
 * No task ever has a slot beyond what eg_group_slots says. A slot is below the limit under which it was taken; so
 * `slots_max` rises before the limit does, and falls after it has if no task has been submitted by then. Both change under
 * the state's lock, or two threads would leave it too low:
 *
 *   sets 2, was 8                   sets 8
 *   the limit is 2
 *                                   slots_max is 8; the limit is 8
 *   slots_max = 2, no task yet
 */
#include "runtime/group/call.h"
#include "runtime/group/count.h"
#include "runtime/group/group.h"
#include "runtime/group/options.h"

/* By the thread towards which the group is biased, in a section: nobody else has ever seen it. False if others come. */
static bool limit_change_alone(struct eg_group_state *state, uint64_t limit)
{
	if (!egi_gate_is_mine(&state->gate) || !egi_gate_begin_alone(&state->gate))
		return false;
	egi_gate_limit_alone(&state->gate, limit);
	/* There is no other queue. */
	if (limit > state->slots_max || egi_queue_submitted(&state->first_queue) == state->used_before)
		egi_store_relaxed_u32(&state->slots_max, (uint32_t)limit);
	egi_gate_end_alone(&state->gate);
	return true;
}

/* The same while others are there. Returns whether a thread has room that had none. */
static bool limit_change(struct eg_group_state *state, uint64_t limit)
{
	bool makes_room;

	egi_mutex_lock(&state->lock);
	if (limit > state->slots_max)
		egi_store_relaxed_u32(&state->slots_max, (uint32_t)limit);
	makes_room = egi_gate_change_limit(&state->gate, limit);
	/* Not while waiters of a group without tasks have places: they may run the first ones in their slots. */
	if (egi_gate_word_running(egi_gate_look(&state->gate)) == 0 && !egi_state_has_been_used(state))
		egi_store_relaxed_u32(&state->slots_max, (uint32_t)limit);
	egi_mutex_unlock(&state->lock);
	return makes_room;
}

static int state_set_limit(struct eg_group_state *state, uint64_t limit)
{
	/* [W2] acquire: pairs with [W1]. */
	if (egi_load_acquire_u32(&state->closed))
		return -ECANCELED;
	if (limit_change_alone(state, limit))
		return 0;
	egi_gate_share(&state->gate);
	/* A submitter may have found the group full just before. */
	if (limit_change(state, limit) && egi_state_has_left_over(state))
		egi_state_call(state, false);
	if (egi_gate_is_crowded(&state->gate))
		egi_state_ask(state, EGI_ATTENTION_SHRINK, 0);
	/* [E2] full, by the swap: the limit before the look at sleepers. */
	egi_event_notify(&state->room);
	return 0;
}

int eg_group_set_limit(eg_group *group, int limit)
{
	struct eg_group_state *state;
	int number, err = egi_options_limit(limit, &number);

	if (!err)
		err = egi_group_open(group, &state);
	return err ? err : state_set_limit(state, egi_gate_limit_of(number));
}

int eg_group_slots(const eg_group *group)
{
	struct eg_group_state *state;
	int err = egi_group_find(group, &state);
	uint32_t slots_max;

	if (err)
		return err;
	slots_max = state ? egi_load_relaxed_u32(&state->slots_max) : EGI_GATE_MAX;
	return slots_max == EGI_GATE_MAX ? EG_LIMIT_NONE : (int)slots_max;
}
