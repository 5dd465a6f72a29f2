/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_SCHEDULE_H
#define EGI_GROUP_SCHEDULE_H

/*
 * How a worker whose claim is empty finds its next tasks.
 *
 * It claims from the queues of the submitters in turn, one task at first, and twice as many as before while a whole
 * claim takes less than some microseconds. So long tasks start strictly in order, and the cost of claiming is spread
 * over short ones, whose order is blurred by microseconds at most. A claim that has been held for long is stolen before
 * newer tasks are claimed: its holder has run into a long task, and the rest is older.
 */

#include "runtime/group/state.h"

/* Claims more. False if there is nothing to start. Asks the crew for another worker if there is work for one. */
bool egi_find_more(struct egi_worker *worker);

/* A worker begins: it has learned nothing of the tasks yet. */
static inline void egi_find_begin(struct egi_worker *worker)
{
	worker->chunk = 1;
	worker->claimed_ns = 0;
	worker->tasks_are_long = false;
}

/* The first claim of the owner of a biased group that has loops, in a section. False if there is nothing. */
bool egi_find_first_looping(struct egi_worker *worker);

/*
 * The same for the owner of a biased group. False if there is nothing, and so everything is done; or if the group
 * turned out to be shared, and `worker->biased` is false now.
 */
bool egi_find_more_biased(struct egi_worker *worker);

/* Whether something of the kind is asked of all workers. */
static inline bool egi_find_is_asked(const struct egi_worker *worker, uint32_t attention)
{
	return (egi_load_relaxed_u32(&worker->state->attention) & attention) != 0;
}

#endif
