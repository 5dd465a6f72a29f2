/* SPDX-License-Identifier: MIT */
#ifndef BATCH_LIMITS_H
#define BATCH_LIMITS_H

/*
 * How many jobs run at once. Threads: one, at the program's begin.
 */

#include <errgroup.h>

struct limits {
	int jobs;         /* at most */
	eg_limit *shared; /* that of make, or one that tunes itself; or NULL */
};

/*
 * What -j says: a number, 0 for as many as there can be, "auto" for a limit that tunes itself; or NULL: make's jobserver if
 * there is one, or else the CPUs. Jobs take descriptors, of which more are asked for if need be.
 *
 * Ends the program with 2 for any other text. Return: 0, or why there is no limit. Given back by limits_finish.
 */
int limits_init(struct limits *limits, const char *text) EG_MUST_CHECK;
void limits_finish(struct limits *limits);

#endif
