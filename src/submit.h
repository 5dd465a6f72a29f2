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

/* Sees to it that somebody comes for a task that was just put. */
static inline void egi_submit_tell(struct eg_group_state *state, const struct egi_queue *queue)
{
	/* [N1], [G1] light: see egi_state_announce. */
	egi_fence_light();
	if (!egi_gate_is_quiet(egi_load_relaxed_u64(&state->gate)))
		egi_state_announce(state, queue);
}

/* The out-of-line part of egi_submit_fast, for whatever is not the owner spilling. */
bool egi_submit_fast_slow(struct eg_group_state *state, struct egi_task task);

/*
 * The fast path of EGI_SUBMIT_GO: a thread that goes on submitting. False, with nothing done, if there is anything to
 * look at.
 */
static inline bool egi_submit_fast(struct eg_group_state *state, struct egi_task task)
{
	if (EGI_UNLIKELY(egi_load_relaxed_u64(&state->owner) != egi_thread_self.id ||
			 !egi_queue_spill(&state->first_queue, task)))
		return egi_submit_fast_slow(state, task);
	/* [N1] light: a compiler's barrier will do, since nobody is seen to watch where it would not. */
	egi_fence_compiler();
	if (EGI_UNLIKELY(!egi_crew_is_watching()))
		egi_submit_tell(state, &state->first_queue);
	return true;
}

#endif
