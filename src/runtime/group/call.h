/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_CALL_H
#define EGI_GROUP_CALL_H

/*
 * How a group calls the crew for threads, in the lightest way that will do. A group's own thread leaves a notice
 * (runtime/crew/notices.h), which costs a store, and relies on the sentinel that watches. Where nobody watches, and for
 * other threads, the gate is looked at: if it is not quiet, the group is posted on the board.
 */

#include "runtime/group/state.h"

/* Tells the crew of tasks just put into a queue, in the lightest way that will do. */
void egi_state_tell(struct eg_group_state *state, struct egi_queue *queue);

/*
 * Everything is done: nothing is to be seen by the crew. The owner hides its group, others do nothing. A holder, or, with
 * `alone`, the owner in a section.
 */
void egi_state_hide(struct eg_group_state *state, bool alone);

/* Asks the crew for a thread if the group is not quiet. `urgent`: even if it is posted or the CPUs are busy. */
void egi_state_call(struct eg_group_state *state, bool urgent);

#endif
