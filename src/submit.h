/* SPDX-License-Identifier: MIT */
#ifndef EGI_SUBMIT_H
#define EGI_SUBMIT_H

/*
 * Accepting tasks into a group: the fast path, and the ways that ask or wait for room.
 */

#include <errno.h>

#include "box.h"
#include "state.h"

enum egi_submit_mode {
	EGI_SUBMIT_GO, /* waits for room if the group is bounded */
	EGI_SUBMIT_TRY /* refuses unless the task can start at once */
};

/*
 * Tasks travel by value, in two registers: through memory, the two words would be written one by one and read back
 * as one, which no processor forwards from its store buffer.
 */

/* Accepts a task, or refuses it. */
int egi_submit(struct eg_group_state *state, struct egi_task task, enum egi_submit_mode mode);

/* Puts a task into the calling thread's queue and sees to it that somebody comes for it. */
int egi_submit_put(struct eg_group_state *state, struct egi_task task);

/*
 * The fast path of EGI_SUBMIT_GO: a thread that goes on submitting. False, with nothing done, if there is anything to
 * look at.
 */
static inline bool egi_submit_fast(struct eg_group_state *state, struct egi_task task)
{
	struct egi_queue *queue = egi_state_queue_fast(state);

	if (EGI_UNLIKELY(!queue))
		return false;
	if (EGI_UNLIKELY(!egi_queue_spill(queue, task)) && egi_queue_put(queue, task) != 0)
		return false;
	/* [N1], [G1] light: see egi_state_announce. */
	egi_fence_light();
	if (EGI_UNLIKELY(!egi_crew_is_watching() || queue != &state->first_queue || !state->announced) &&
	    !egi_gate_is_quiet(egi_load_relaxed_u64(&state->gate)))
		egi_state_announce(state, queue);
	return true;
}

#endif
