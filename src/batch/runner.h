/* SPDX-License-Identifier: MIT */
#ifndef EGI_BATCH_RUNNER_H
#define EGI_BATCH_RUNNER_H

/*
 * The task that carries the items of a line: see runner.c.
 */

#include "batch/line.h"

/* A task of the line's group, which the traffic counts already. */
int egi_runner_run(eg_ctx *ctx, void *line);

#endif
