/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_SERVE_H
#define EGI_GROUP_SERVE_H

/*
 * Serving a group: what a thread of the crew does that has been given a place in it.
 */

#include "runtime/group/state.h"

/*
 * Works for the group until there is nothing to do, and leaves the place. The caller is still a holder of the state, unless
 * this is a forked child.
 */
void egi_serve(struct eg_group_state *state);

#endif
