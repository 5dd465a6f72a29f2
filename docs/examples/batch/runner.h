/* SPDX-License-Identifier: MIT */
#ifndef BATCH_RUNNER_H
#define BATCH_RUNNER_H

/*
 * A run: inputs become jobs, jobs are run, so many at once, and passed on.
 */

#include <stdbool.h>

#include <errgroup.h>

#include "inputs.h"
#include "job.h"
#include "joblog.h"
#include "limits.h"
#include "throttle.h"

#include "../shared/trace.h"

struct runner_options {
	struct job_options job;
	const struct limits *limits;
	struct joblog *joblog;
	const struct throttle *throttle;
	struct trace *trace; /* or NULL */
	int inputs_max;      /* of a job */
	unsigned halt;       /* of enum eg_halt: what the first failure does */
	bool keeps_order;
	bool has_bar;
	bool is_dry; /* commands are printed, not run */
};

/* Runs it all. Return: the exit status. */
int runner_run(const struct runner_options *options, struct inputs *inputs, eg_ctx *stop);

#endif
