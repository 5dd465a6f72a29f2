/* SPDX-License-Identifier: MIT */
/*
 * The end of a group's bias: state.h says what it is.
 */
#include "os/pause.h"
#include "runtime/group/state.h"

/* The gate as others may use it. Who comes late finds it done; nobody else changes a biased gate. */
static void bias_end(struct eg_group_state *state, uint64_t gate)
{
	bool engaged = (egi_load_relaxed_u64(&state->slots.taken) & 1) != 0;

	/* [B8] full: what the owner has done alone before the gate is everybody's; pairs with [J2], [J6]. */
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
	/* [B7] acquire: `contested` before the life; pairs with [B6]. */
	uint64_t before = egi_load_acquire_u64(&state->contested);

	/* [J4] acquire: the life before the swap; pairs with [J3]. */
	if (egi_load_acquire_u64(&state->life) != life)
		return false;
	/* [B6] full: after the look at the life; pairs with [B5], [B7]. */
	if (before != life && !egi_cas_u64(&state->contested, &before, life))
		return before == life;
	egi_fence_heavy(); /* [B2] the contest before the look at busy; pairs with [B1] */
	return true;
}

/*
 * Has the owner of the group that `life` and `gate` stand for know that somebody else is here. False if that group is no
 * more.
 */
static bool bias_begin_end(struct eg_group_state *state, uint64_t *ret_gate)
{
	/* [J4] acquire: pairs with [J3]. */
	uint64_t life = egi_load_acquire_u64(&state->life);

	/* [J2] acquire: pairs with [J1], [B8]. */
	*ret_gate = egi_load_acquire_u64(&state->gate);
	/* A gate and a life that do not belong together are those of a group that is no more. */
	return (*ret_gate & EGI_GATE_BIASED) == 0 ||
	       ((*ret_gate & EGI_GATE_LIFE) == (life & EGI_GATE_LIFE) && bias_contest(state, life));
}

/* Afterwards: ends the bias if the owner is out of its section. */
static bool bias_try_end(struct eg_group_state *state, uint64_t gate)
{
	if ((gate & EGI_GATE_BIASED) == 0)
		return true;
	/* [B4] acquire: pairs with [B3]. */
	if (egi_load_acquire_u32(&state->busy) != 0)
		return false;
	bias_end(state, gate);
	/* [J2] acquire: pairs with [B8], whoever has made it. */
	return (egi_load_acquire_u64(&state->gate) & EGI_GATE_BIASED) == 0;
}

bool egi_state_try_share(struct eg_group_state *state)
{
	uint64_t gate;

	return bias_begin_end(state, &gate) && bias_try_end(state, gate);
}

void egi_state_share(struct eg_group_state *state)
{
	/* [J2] acquire: pairs with [J1], [B8]. */
	uint64_t gate = egi_load_acquire_u64(&state->gate);
	unsigned turns = 0;

	if ((gate & EGI_GATE_BIASED) == 0)
		return;
	if (egi_state_is_owner(state)) {
		bias_end(state, gate);
		return;
	}
	/* Only a group that lives is shared, so its life stays, and it is contested once. */
	while (!bias_begin_end(state, &gate))
		egi_pause(&turns);
	while (!bias_try_end(state, gate))
		egi_pause(&turns);
}
