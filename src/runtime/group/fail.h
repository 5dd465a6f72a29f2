/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_FAIL_H
#define EGI_GROUP_FAIL_H

/*
 * What a group's errors do: each is recorded, and the n-th halts the rest as the option `halt` says. Tasks that do not fail
 * know nothing of it.
 */

#include "runtime/group/state.h"

/* Records an error, which it takes over. */
void egi_state_fail(struct eg_group_state *state, eg_error *error);

/* The same for an error that nobody has made, because it would not be kept (egi_failures_wants). */
void egi_state_fail_unkept(struct eg_group_state *state);

/*
 * Whether so many errors have been recorded that no task is to start any more. Asked before each start, with
 * EGI_ATTENTION_LOOK, and then stops the group: who has recorded the last of them may not have said so yet.
 */
bool egi_state_has_failed_enough(struct eg_group_state *state);

#endif
