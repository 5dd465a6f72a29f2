/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_GROUP_H
#define EGI_GROUP_GROUP_H

/*
 * From a program's group to its state, for the calls of the public interface.
 */

#include <errgroup/group.h>
#include <errno.h>

#include "runtime/group/state.h"

/* NULL: the group is all zero. */
static inline struct eg_group_state *egi_group_state(const eg_group *group)
{
	/* [P1] acquire: pairs with [P2], the publication of a state made by another thread. */
	return egi_load_acquire_ptr(&group->eg_state);
}

/*
 * Gives a group's state to work on, if the group is this process's. NULL for an all-zero group.
 * Return: 0, -EINVAL or EG_EFORKED.
 */
static inline int egi_group_find(const eg_group *group, struct eg_group_state **ret_state)
{
	struct eg_group_state *state;

	if (!group)
		return -EINVAL;
	state = egi_group_state(group);
	if (state && state->fork_count != egi_thread_fork_count)
		return EG_EFORKED;
	*ret_state = state;
	return 0;
}

/* eg_group_init with options that are taken over (options.h). */
int egi_group_begin(eg_group *group, eg_ctx *parent, const struct eg_group_options *taken);

/* Makes the state of an all-zero group. Return: 0 or -ENOMEM. */
int egi_group_make(eg_group *group, struct eg_group_state **ret_state);

/* Finds the state, and makes it if there is none. */
static inline int egi_group_open(eg_group *group, struct eg_group_state **ret_state)
{
	int err = egi_group_find(group, ret_state);

	return err || *ret_state ? err : egi_group_make(group, ret_state);
}

#endif
