/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_PERMIT_H
#define EGI_GROUP_PERMIT_H

/*
 * A worker's permits under its group's shared limit (runtime/limit/limit.h): taken before a task, kept between tasks, lent while
 * a task waits, given back when the worker stops. Groups without a shared limit pay for none of it: what asks for a permit is a bit
 * of `attention`.
 */

#include "runtime/group/state.h"

/*
 * Before the task that was just claimed: true if it may start. If not it was put back, where others may take it, and the worker
 * is to look again at what is asked of it, and at its claim; it has waited, unless nothing was left to wait for.
 */
bool egi_permit_hold(struct egi_worker *worker);

/* The same for a part of a task that another worker runs, which nobody waits for a permit for: whether there is one. */
bool egi_permit_try(struct egi_worker *worker);

/* The worker stops, whatever it did last. */
void egi_permit_return_slow(struct egi_worker *worker);

static inline void egi_permit_return(struct egi_worker *worker)
{
	if (EGI_UNLIKELY(worker->permit.held))
		egi_permit_return_slow(worker);
}

/*
 * The calling thread is about to sleep, perhaps inside tasks: others may have their places meanwhile. And it goes on: if the
 * task that it runs is to have a place it waits for one. What runs in between takes permits of its own.
 */
void egi_permit_lend(void);
void egi_permit_resume(void);

/* Whether a thread would have to wait for a permit of the group's: others do. A hint. */
static inline bool egi_permit_is_awaited(const struct eg_group_state *state)
{
	return egi_load_relaxed_u32(&state->awaiting) != 0;
}

/* Whether the calling thread would have a permit at once. A hint. */
bool egi_permit_is_free(const struct eg_group_state *state);

/* A thread that has left its place, by a swap of the gate: if nothing waits to be started, nobody is to wait for a permit. */
void egi_permit_dismiss_slow(struct eg_group_state *state);

static inline void egi_permit_dismiss(struct eg_group_state *state)
{
	/* [H3] full, before this load, by the swap; pairs with [H2]. */
	if (EGI_UNLIKELY(egi_load_acquire_u32(&state->awaiting) != 0))
		egi_permit_dismiss_slow(state);
}

#endif
