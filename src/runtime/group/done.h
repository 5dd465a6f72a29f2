/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_DONE_H
#define EGI_GROUP_DONE_H

/*
 * Who is told that everything is done (count.h): waiters that sleep, and whoever polls the group's descriptor.
 */

#include "runtime/group/state.h"

/* Tells them if everything is done. Call, inside, after a full fence that followed the last count. */
void egi_state_tell_if_done(struct eg_group_state *state);

/* The group's descriptor, made at the first call. The group is shared. Return: it, or a negative errno. */
int egi_done_fd(struct eg_group_state *state);

/* Inside: a wait is about to return, after it saw everything done, or not. */
void egi_done_waited(struct eg_group_state *state, bool done);

/* The group ends. */
void egi_done_close_fd(struct eg_group_state *state);

#endif
