/* SPDX-License-Identifier: MIT */
/*
 * Holding a group open: a hold is counted like a task that was submitted, its release like the task's end (count.h), and
 * nothing is queued.
 *
 * An owner that is alone decides by its queue whether everything is done, and does not count; so a group that is held is shared
 * first. Whoever releases may be nobody's task, and what it releases may be all that kept the group: so it is inside meanwhile.
 *
 *     releases                           waits, and destroys
 *     released = 1
 *                                        everything is done: returns, destroys the group
 *     looks who sleeps, in memory that is gone
 */
#include <errno.h>

#include "os/annotate.h"
#include "runtime/group/done.h"
#include "runtime/group/group.h"

int eg_group_hold(eg_group *group)
{
	struct eg_group_state *state;
	int err = egi_group_open(group, &state);

	if (err)
		return err;
	/* [W2] acquire: pairs with [W1]. Who misses the word holds what destroy does not wait for. */
	if (egi_load_acquire_u32(&state->closed) != 0)
		return -ECANCELED;
	egi_gate_share(&state->gate);
	/* [D3] full: the hold before what it is for, and so before its release; pairs with [D4]. */
	egi_add_u64(&state->held, 1);
	return 0;
}

/* Takes one hold, if there is one. */
static bool hold_drop(struct eg_group_state *state)
{
	/* [D4] acquire: releases before holds, so that there are never too few of these; pairs with [D3], [D5]. */
	uint64_t released = egi_load_acquire_u64(&state->released);

	do {
		if (released == egi_load_acquire_u64(&state->held)) /* [D4] */
			return false;
		/* [D5] full: what the holder did before; pairs with [D4]. And before the look at sleepers [E2]. */
	} while (!egi_cas_u64(&state->released, &released, released + 1));
	return true;
}

int eg_group_release(eg_group *group)
{
	struct eg_group_state *state;
	int err = egi_group_find(group, &state);
	bool dropped;

	if (err)
		return err;
	/* [D4] acquire, both. Without a hold the group may be its owner's alone, and is not entered. */
	if (!state || egi_load_acquire_u64(&state->released) == egi_load_acquire_u64(&state->held))
		return -EPERM;
	egi_gate_enter(&state->gate, false);
	egi_annotate_release(state);
	dropped = hold_drop(state);
	if (dropped)
		egi_state_tell_if_done(state);
	egi_state_release(state);
	return dropped ? 0 : -EPERM;
}

int eg_group_fd(eg_group *group)
{
	struct eg_group_state *state;
	int saved = errno, err = egi_group_open(group, &state);

	if (err)
		return err;
	/* [W2] acquire: pairs with [W1]. */
	if (egi_load_acquire_u32(&state->closed) != 0)
		return -ECANCELED;
	/* Nobody may ever come to wait: what is submitted has to be run by others. */
	if (egi_crew_has_thread()) {
		egi_gate_share(&state->gate);
		err = egi_done_fd(state);
	} else {
		err = -EAGAIN;
	}
	errno = saved;
	return err;
}
