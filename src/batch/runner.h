/* SPDX-License-Identifier: MIT */
#ifndef EGI_BATCH_RUNNER_H
#define EGI_BATCH_RUNNER_H

/*
 * The task that carries the items of a pipeline: see runner.c.
 */

#include "batch/line.h"

/* A task of the pipeline's group, which the traffic counts already. */
int egi_runner_run(eg_ctx *ctx, void *pipeline);

/* Outside of its tasks: calls the drop function with what a place holds, if it holds anything. */
void egi_runner_drop_left(struct egi_item *item);

#endif
