/* SPDX-License-Identifier: MIT */
/*
 * The end of a group's bias: state.h says what it is.
 */
#include <sched.h>

#include "state.h"

/* The gate as others may use it. Who comes late finds it done; nobody else changes a biased gate. */
static void bias_end(struct eg_group_state *state, uint64_t gate)
{
	bool engaged = (egi_load_relaxed_u64(&state->slots.taken) & 1) != 0;

	egi_cas_u64(&state->gate, &gate, egi_gate_shared(gate, engaged));
}

/*
 * Says that somebody else is here. The crew comes through notices, which may be out of date: the state may be another
 * group's by now, and that group may be contested. It must remain so, or its owner would not notice:
 *
 *   crew                            owner                             third thread
 *   reads life 1
 *                                   destroys group 1, makes group 2
 *                                                                     contested = 2, owner is not busy
 *   contested = 1
 *                                   sees no contest, enters a section
 *                                                                     takes tasks too
 *
 * Hence the swap, which fails if `contested` has changed since it was read, and the look at the life in between.
 */
static bool bias_contest(struct eg_group_state *state, uint64_t life)
{
	uint64_t before = egi_load_acquire_u64(&state->contested);

	if (egi_load_acquire_u64(&state->life) != life)
		return false;
	if (before != life && !egi_cas_u64(&state->contested, &before, life))
		return before == life;
	egi_fence_heavy(); /* [B2] the contest before the look at busy; pairs with [B1] */
	return true;
}

bool egi_state_try_share(struct eg_group_state *state)
{
	uint64_t life = egi_load_acquire_u64(&state->life);
	uint64_t gate = egi_load_acquire_u64(&state->gate);

	if ((gate & EGI_GATE_BIASED) == 0)
		return true;
	/* A gate and a life that do not belong together are those of a group that is no more. */
	if ((gate & EGI_GATE_LIFE) != (life & EGI_GATE_LIFE) || !bias_contest(state, life))
		return false;
	/* [B4] acquire: pairs with [B3]. */
	if (egi_load_acquire_u32(&state->busy) != 0)
		return false;
	bias_end(state, gate);
	return (egi_load_acquire_u64(&state->gate) & EGI_GATE_BIASED) == 0;
}

void egi_state_share(struct eg_group_state *state)
{
	uint64_t gate = egi_load_acquire_u64(&state->gate);

	if ((gate & EGI_GATE_BIASED) == 0)
		return;
	if (egi_state_is_owner(state)) {
		bias_end(state, gate);
		return;
	}
	while (!egi_state_try_share(state))
		sched_yield();
}
