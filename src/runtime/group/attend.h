/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_ATTEND_H
#define EGI_GROUP_ATTEND_H

/*
 * What somebody asks of all workers, by the state's word `attention`, which each reads before every task.
 */

#include "runtime/group/state.h"

/* What becomes of a worker, or of what it has claimed. */
enum egi_worker_end {
	EGI_WORKER_DRY, /* no task was found; with `biased` still set, none is left in a group that is its owner's alone */
	EGI_WORKER_YIELDED, /* more are running than the limit allows */
	EGI_WORKER_FORKED,  /* this is a forked child: the group is dead and must not be touched */

	/* only between the loops of a worker and what they call */
	EGI_WORKER_TURNED, /* what has been claimed is of another kind */
	EGI_WORKER_STARTS, /* what was last taken from the claim is to be started */
	EGI_WORKER_PASSES  /* it has been seen to, and the next is to be looked at */
};

/*
 * The word is not 0, and a task has been taken from the claim, or what `weight` says of a loop. It may call functions of
 * the program; so the caller has to say again that it calls tasks (EGI_RECOVERY_CALL_HERE).
 *
 * Return: STARTS, PASSES, YIELDED or FORKED.
 */
enum egi_worker_end egi_attend(struct egi_worker *worker);

#endif
