/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_OBSERVE_H
#define EGI_GROUP_OBSERVE_H

/*
 * Tells what happens in a group to whoever observes it: the program, by its function, and tracers, by probes. All of it is
 * for groups with EGI_GROUP_OBSERVED alone; EGI_ATTENTION_OBSERVE says so to workers.
 */

#include "runtime/group/state.h"

/* The claimed task is about to be called. What it ends with is going to be told, so its end needs work. */
void egi_observe_begin(struct egi_worker *worker);

/* The task has ended, with an error or NULL, which it takes over. Not told if its beginning was not. Before the task is counted. */
void egi_observe_end(struct egi_worker *worker, eg_error *error);

/* The group has failed by another error than a task's. */
void egi_observe_fail(struct eg_group_state *state, eg_error *error);

/* Tasks have been skipped, before they are counted; or taken over from another worker's claim, which are claimed now. */
void egi_observe_skip(struct egi_worker *worker, uint64_t count);
void egi_observe_steal(struct egi_worker *worker, const struct egi_worker *victim);

/* All tasks are done, so many. */
void egi_observe_over(struct eg_group_state *state, uint64_t done);

#endif
