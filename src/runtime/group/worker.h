/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_WORKER_H
#define EGI_GROUP_WORKER_H

/*
 * The loop that runs a group's tasks, on a thread that has a place and a slot (visit.h). It finds tasks (schedule.h) and
 * runs them under recovery, one after the other, by one jump buffer.
 */

#include "runtime/group/attend.h"

/*
 * Runs tasks until there is none, or the worker has to go. Return: DRY, YIELDED or FORKED.
 *
 * @biased  the caller is the owner of a biased group, and engaged. `worker->biased` is false afterwards if others have come
 * @exited  called if the thread ends inside a task, with the task's recovery, when its stack is gone
 */
enum egi_worker_end egi_worker_run(struct egi_worker *worker, bool biased,
				   void (*exited)(struct egi_recovery *recovery));

/* For `exited`: makes an error of the task that was running. Returns its worker, or NULL in a forked child. */
struct egi_worker *egi_worker_exit(struct egi_recovery *recovery);

#endif
