/* SPDX-License-Identifier: MIT */
#ifndef BATCH_JOB_H
#define BATCH_JOB_H

/*
 * A job: some inputs, the command that they make, and what became of it.
 */

#include <stdbool.h>
#include <stdint.h>

#include <errgroup.h>

#include "output.h"
#include "template.h"

enum job_state {
	JOB_NOT_STARTED,
	JOB_SUCCEEDED,
	JOB_FAILED,
	JOB_ENDED /* by us: the run was ended while it ran */
};

struct job {
	uint64_t number; /* from 1 */
	char **inputs;
	size_t count;

	/* What is set when it has run. */
	enum job_state state;
	int code;           /* 0, or why it failed, as eg_command_run says it; the last attempt's */
	bool was_started;   /* some program ran */
	int exit_status;    /* or -1 */
	int signal;         /* or 0 */
	double began;       /* the last attempt: seconds since 1970 */
	int64_t elapsed_ns; /* and how long it took */
	struct output output;

	uint64_t turn; /* of whoever passes it on */
};

/* How jobs are run. */
struct job_options {
	struct template template;
	int retries;
	int64_t timeout_ns; /* 0: none */
};

/* Takes the inputs over, an array and what is in it. NULL without memory, with nothing taken. */
struct job *job_create(uint64_t number, char **inputs, size_t count);
void job_destroy(struct job *job);

/*
 * Runs a job, until it has ended or the context has, and sets what became of it.
 *
 * @slot  its number, from 1
 */
void job_run(struct job *job, eg_ctx *ctx, const struct job_options *options, int slot);

/* The command as a line, without the slot. The caller frees it; NULL without memory. */
char *job_line(const struct job *job, const struct job_options *options);

/* Why it failed, in words. */
void job_describe(const struct job *job, const struct job_options *options, char *text, size_t size);

#endif
