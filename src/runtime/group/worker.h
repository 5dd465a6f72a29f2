/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_WORKER_H
#define EGI_GROUP_WORKER_H

/*
 * The loop that runs a group's tasks, on a thread that has a place and a slot (visit.h). It finds tasks (schedule.h) and
 * runs them under recovery, one after the other, by one jump buffer.
 */

#include "runtime/group/state.h"

enum egi_worker_end {
	EGI_WORKER_DRY, /* no task was found; with `biased` still set, none is left in a group that is its owner's alone */
	EGI_WORKER_YIELDED, /* more are running than the limit allows */
	EGI_WORKER_FORKED   /* this is a forked child: the group is dead and must not be touched */
};

/*
 * Runs tasks until one of the above.
 *
 * @biased  the caller is the owner of a biased group, and engaged. `worker->biased` is false afterwards if others have come
 * @exited  called if the thread ends inside a task, with the task's recovery, when its stack is gone
 */
enum egi_worker_end egi_worker_run(struct egi_worker *worker, bool biased,
				   void (*exited)(struct egi_recovery *recovery));

/* For `exited`: makes an error of the task that was running. Returns its worker, or NULL in a forked child. */
struct egi_worker *egi_worker_exit(struct egi_recovery *recovery);

#endif
