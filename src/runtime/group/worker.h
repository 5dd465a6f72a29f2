/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_WORKER_H
#define EGI_GROUP_WORKER_H

/*
 * A worker: a thread with a place in a group and a slot, that finds tasks (schedule.h) and runs them under recovery.
 */

#include "runtime/group/state.h"

enum egi_worker_end {
	EGI_WORKER_DRY,  /* no task was found; the caller still has its place */
	EGI_WORKER_DONE, /* the group stayed biased: everything is done and the place given up, in a section */
	EGI_WORKER_INSIDE,  /* the caller runs a task of the group already; nothing was done */
	EGI_WORKER_SHARED,  /* the group is not biased; nothing was done */
	EGI_WORKER_YIELDED, /* the limit was lowered; the place is given up */
	EGI_WORKER_NO_SLOT, /* no memory for a slot; the place is given up */
	EGI_WORKER_FORKED   /* this is a forked child: the group is dead and must not be touched */
};

/* Runs tasks of the group until one of the above. The caller has a place. */
enum egi_worker_end egi_worker_run(struct eg_group_state *state);

/*
 * Runs tasks of a group that may be biased towards the calling thread. When somebody else comes meanwhile, the caller
 * goes on as a worker with a place, and a holder, of the group that is shared now.
 *
 * On EGI_WORKER_DONE the caller is in a section, and is to leave it by egi_gate_end_alone: nothing else keeps the state from
 * then on, since another thread that has waited may destroy the group.
 */
enum egi_worker_end egi_worker_run_biased(struct eg_group_state *state);

/*
 * Runs tasks of the group on a thread that is not inside: a submitter that would wait for room which no other
 * thread can make.
 */
void egi_worker_help(struct eg_group_state *state);

#endif
