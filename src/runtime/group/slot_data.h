/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_SLOT_DATA_H
#define EGI_GROUP_SLOT_DATA_H

/*
 * The data that a program has made for each slot of a group, by its slot_init, and taken back by its slot_finish.
 */

#include "runtime/group/state.h"

/*
 * As the beginning of the claimed task, of a worker that has none: makes the data of its slot. Return: 0, or what the task
 * fails with. A panic lands where that of the task would.
 */
int egi_slot_data_make(struct egi_worker *worker);

/* The group is being destroyed, and nothing is unfinished: takes all data back. */
void egi_slot_data_finish(struct eg_group_state *state);

#endif
