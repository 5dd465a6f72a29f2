/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_PROGRESS_H
#define EGI_GROUP_PROGRESS_H

/*
 * What waiting threads tell the program, one call at a time: how far the group is, now and then (EGI_GROUP_PROGRESS), and
 * that everything is done (EGI_GROUP_OBSERVED, too).
 */

#include "runtime/group/options.h"
#include "runtime/group/state.h"

#define EGI_GROUP_TELLS (EGI_GROUP_PROGRESS | EGI_GROUP_OBSERVED)

/*
 * The calling thread waits, with EGI_GROUP_PROGRESS: tells how far the group is, if it is time to. Returns when the next time
 * is, or the deadline if that is earlier.
 */
int64_t egi_progress_tell(struct eg_group_state *state, int64_t deadline_ns);

/* With either: the calling thread has waited until everything was done. Tells that, once for all who wait. */
void egi_progress_end(struct eg_group_state *state);

/* Whether the calling thread is in a function that is being told. */
static inline bool egi_progress_is_inside(const struct eg_group_state *state)
{
	return (state->flags & EGI_GROUP_TELLS) != 0 &&
	       egi_load_relaxed_u64(&state->progress.teller) == egi_thread_self.id;
}

#endif
