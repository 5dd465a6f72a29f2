/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_JOIN_H
#define EGI_GROUP_JOIN_H

/*
 * What becomes of an offer (offers.h) that a thief has taken: it calls it, and the owner waits for it.
 */

#include "runtime/group/state.h"

/* After an offer was pushed and behind a light fence: somebody may have to be told. */
void egi_offers_tell(struct egi_worker *worker);

/* Whether that is so. */
static inline bool egi_offers_are_unseen(const struct egi_worker *worker)
{
	/* Biased words are not quiet: nobody has come to the group yet. */
	return (egi_load_relaxed_u32(&worker->hungry) | (uint32_t)!egi_gate_is_quiet(&worker->state->gate)) !=
	       0;
}

/*
 * The worker has taken an offer, `worker->stolen`: calls it, as a part of the task that has offered it. False in a forked child.
 */
bool egi_stolen_run(struct egi_worker *worker);

/*
 * Owner: waits until the thief of its last offer is done with it, and returns what it has failed with, or NULL.
 *
 * @helps  runs what the thief offers meanwhile
 */
eg_error *egi_join(struct egi_worker *worker, uint32_t at, bool helps);

/*
 * The calling thread ends, and the frame of a function that has made an offer is about to go: its last offer is taken back,
 * or waited for. Several times for one is fine.
 */
void egi_join_exiting(void);

#endif
