/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_WAIT_H
#define EGI_GROUP_WAIT_H

/*
 * Waiting for a group from the inside.
 */

#include "runtime/group/state.h"

/*
 * Waits until everything is done, or the deadline.
 *
 * @helps      the caller may run tasks; if not, it does so only when no thread can be had
 * @ret_error  gets what the group has failed with, which the caller then owns, or NULL. May be NULL itself
 *
 * Return: 0 with the round over and *ret_code the group's result; EG_EUNFINISHED, EG_EINSIDE or EG_EFORKED. Only the
 * caller's own hold on the group, if it has one, keeps the state afterwards.
 */
int egi_wait(struct eg_group_state *state, bool helps, int64_t deadline_ns, int *ret_code,
	     eg_error **ret_error);

#endif
