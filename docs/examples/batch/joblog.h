/* SPDX-License-Identifier: MIT */
#ifndef BATCH_JOBLOG_H
#define BATCH_JOBLOG_H

/*
 * The log of jobs: a line each, in the columns of GNU parallel, appended whole when the job has been passed on. With it a
 * run that was ended, however that was, is taken up again where it was left.
 *
 * A job was done if the log has a line of its number and its command, with status 0 and no signal. So a job whose command has
 * changed since runs again. Threads: one at a time, but for joblog_has, which may be called meanwhile.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "job.h"

struct joblog {
	int fd;     /* or -1 */
	off_t size; /* of what is whole */

	/* Of the jobs that were done when it was opened, sorted. */
	struct joblog_done {
		uint64_t number, command; /* a hash of it */
	} * done;
	size_t count, room;
};

/* What is in the way of opening it, beside an errno. */
#define JOBLOG_NO_LOG (-4096) /* the file is something else, which is left as it is */
#define JOBLOG_IN_USE (-4097) /* another run is writing it */
const char *joblog_strerror(int error);

/*
 * Opens a log and keeps other runs from it. What a run that was cut off has left of a last line is taken away.
 *
 * @resumes  what is there is read and kept; or else the log begins anew
 * Return: 0, -errno or one of the above.
 */
int joblog_open(struct joblog *joblog, const char *path, bool resumes) EG_MUST_CHECK;

/* The same without a file: nothing is done, and nothing is kept. */
void joblog_init(struct joblog *joblog);
void joblog_finish(struct joblog *joblog);

/* Whether a job was done by an earlier run. */
bool joblog_has(const struct joblog *joblog, uint64_t number, const char *line);

/* Appends a job's line, or nothing of it. Return: 0 or -errno. */
int joblog_append(struct joblog *joblog, const struct job *job, const char *line);

#endif
