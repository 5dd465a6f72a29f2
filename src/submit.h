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

/* Submission to a group that is bounded or being destroyed, or that must have room at once. */
int egi_submit_slow(struct eg_group_state *state, struct egi_task task, enum egi_submit_mode mode);

/* Puts a task into the calling thread's queue and sees to it that somebody comes for it. */
int egi_submit_put(struct eg_group_state *state, struct egi_task task);

static inline int egi_submit(struct eg_group_state *state, struct egi_task task, enum egi_submit_mode mode)
{
	if (EGI_UNLIKELY(mode == EGI_SUBMIT_TRY || state->backlog != 0 ||
			 egi_load_relaxed_u32(&state->closed) != 0))
		return egi_submit_slow(state, task, mode);
	return egi_submit_put(state, task);
}

#endif
