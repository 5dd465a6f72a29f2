/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_COUNT_H
#define EGI_GROUP_COUNT_H

/*
 * How many tasks a group has, and when everything is done. No counter is shared by the threads that raise them:
 *
 *   submitted   counted per queue, by its submitter        S
 *   done        counted per slot, by its worker            D
 *   held        by whoever holds the group open (hold.c)   S
 *   released    by whoever releases it                     D
 *
 * A hold is to a wait what a task is: everything is done when the sums are equal, read in the right order: every D first, then every S. Both only
 * rise, S before a task can be taken and D after the task and whatever it submitted were counted; so at the
 * moment between the two readings D was at least the sum read for it and S at most the sum read for it, and if
 * these are equal nothing was unfinished then. Read the other way round it goes wrong:
 *
 *   reader                       worker
 *   S = 1
 *                                the task submits another: S = 2
 *                                it ends: D = 1
 *   D = 1, equal to S            the other task is still to run
 *
 * The same with one number of the holds there are, which would be read before or after the tasks:
 *
 *   reader                       event loop                  reader                       task
 *                                holds: 1                    holds are 0
 *   S = D = 0                                                                             holds: 1
 *                                submits: S = 1                                           ends: D = 1
 *                                releases: 0                 S = D = 1: done, and held
 *   holds are 0: done, and a task waits
 *
 * What waits is asked of the queues and of the claims; whoever goes away because nothing waits has to look again behind
 * [G2], since a submitter may just have relied on it.
 */

#include "runtime/group/state.h"

/* Tasks submitted and not done; exact when nothing changes, and never too low for the caller's own view. */
uint64_t egi_state_unfinished(struct eg_group_state *state);

/* Whether everything is done: no task is unfinished, and nobody holds the group open, or it is being destroyed. */
bool egi_state_is_done(struct eg_group_state *state);

/* How many tasks and holds there have been; it only rises. */
uint64_t egi_state_submitted(struct eg_group_state *state);

/* Tasks submitted and done since the group began or was last reset, by whoever does neither: never more done than submitted. */
void egi_state_count(struct eg_group_state *state, uint64_t *ret_submitted, uint64_t *ret_done);

/* The group's numbers for the program: all but the size. */
void egi_state_read_stats(struct eg_group_state *state, struct eg_stats *ret_stats);

/* Tasks submitted that no worker has claimed. */
uint64_t egi_state_pending(struct eg_group_state *state);

/* Whether any task has ever been submitted to this group, reset or not. */
bool egi_state_has_been_used(const struct eg_group_state *state);

/* Whether a task waits that a newcomer could take, in a queue or in a claim. */
bool egi_state_has_tasks(struct eg_group_state *state);

/* The same, but for what one worker has claimed. */
bool egi_state_has_tasks_beside(struct eg_group_state *state, const struct egi_worker *holder);

/* Whether a task waits that a submitter may have left to a thread that has just left its place. */
bool egi_state_has_left_over(struct eg_group_state *state);

#endif
