/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_TASK_END_H
#define EGI_GROUP_TASK_END_H

/*
 * How a worker's task ends, however that is: what it has left behind is seen to, an error is kept, it is counted.
 */

#include "runtime/group/state.h"

static inline struct egi_worker *egi_worker_of(struct egi_recovery *recovery)
{
	return EGI_CONTAINER_OF(recovery, struct egi_worker, recovery);
}

/* A copy of the task's thread in a forked child: its group is dead, and locks may be held by nobody. */
static inline bool egi_worker_is_forked(const struct egi_worker *worker)
{
	return worker->state->fork_count != egi_thread_fork_count;
}

/* What was last taken from the claim of a recovery's worker: a task's index, slot and place of submission. */
struct egi_error_origin egi_task_origin(struct egi_recovery *recovery);

/* The running task ends with a code, or with something in its recovery: defers to run, an error that waits there. */
void egi_task_end(struct egi_worker *worker, int code);

/* A part of another worker's task, which the worker has taken, ends with this error or NULL. Its owner may go on. */
void egi_stolen_end(struct egi_worker *worker, eg_error *error);

/* Counts the task, or the tasks, that just ended, in a group without a backlog. */
static inline void egi_task_count_quick(struct egi_worker *worker, uint64_t ended)
{
	/* [D2] release: what the task did before its count; pairs with [D1]. */
	egi_store_release_u64(&worker->done, worker->done + ended);
}

/* The same in any group. */
static inline void egi_task_count(struct egi_worker *worker, struct eg_group_state *state, uint64_t ended)
{
	egi_task_count_quick(worker, ended);
	if (state->backlog == 0)
		return;
	egi_fence_full(); /* [E2]: the count before the look at sleepers */
	egi_event_notify(&state->room);
}

#endif
