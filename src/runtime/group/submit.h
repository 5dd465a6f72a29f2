/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_SUBMIT_H
#define EGI_GROUP_SUBMIT_H

/*
 * Accepting tasks into a group, whoever submits them and whatever is to be asked before.
 */

#include "runtime/group/state.h"

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

/* Accepts a loop's indices, or refuses them. */
int egi_submit_loop(struct eg_group_state *state, const struct egi_body *body);

/*
 * Submission that need not wait or refuse: true when the task was accepted. False, with nothing done, if there is
 * anything to look at.
 */
bool egi_submit_known(struct eg_group_state *state, struct egi_task task);

#endif
