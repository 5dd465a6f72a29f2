/* SPDX-License-Identifier: MIT */
#ifndef EXPLORE_BOOKS_H
#define EXPLORE_BOOKS_H

/*
 * The books that scenarios keep of their tasks: each accepted task runs or is skipped exactly once, no more
 * than the limit at once, with one at a time in the order of submission, and all have ended when a wait
 * returns.
 */

#include <errgroup.h>

#include "explore.h"

#define JOBS_MAX 16

struct job {
	unsigned number;
	bool accepted;
	unsigned ran;
	bool ended;
	int64_t takes_ns;
	int result;
	void (*body)(struct job *job); /* what it does between its begin and its end, or NULL */
	eg_group *group;               /* for bodies */
	struct job *other;
	bool flag;
};

extern struct job jobs[JOBS_MAX];
extern unsigned jobs_limit;   /* at most so many at once; 0: not checked */
extern bool jobs_are_ordered; /* they begin in the order of their numbers */

/* Submits a job and notes whether it was accepted. */
int job_submit(eg_group *group, unsigned number);
int job_run(eg_ctx *ctx, void *job);

/* Submits the jobs from .. to - 1 as one range. */
int jobs_submit_each(eg_group *group, unsigned from, unsigned to);

/* All jobs submitted have run, once each; or have run or been skipped, so many in all. */
void jobs_check_all_ran(void);
unsigned jobs_ran(void);
unsigned jobs_accepted(void);

#endif
