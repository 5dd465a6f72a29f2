/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_INDICES_H
#define EGI_GROUP_INDICES_H

/*
 * Running what a worker has claimed of loops.
 */

#include "runtime/group/attend.h"

/* Runs the part that is claimed, and more. Return: TURNED, when single tasks have been claimed; DRY, YIELDED or FORKED. */
enum egi_worker_end egi_indices_run(struct egi_worker *worker);

#endif
