/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_PROGRESS_H
#define EXAMPLES_PROGRESS_H

/*
 * The progress bar: how much is done, how fast it goes and how long it will take.
 *
 * An estimate needs the total, and the program itself only ever looks a little ahead. So a survey, a task in
 * a group of its own, walks the same operands and adds up the sizes while the digests are already under way.
 * The bar shows no estimate until the survey is complete.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <errgroup.h>

struct progress {
	eg_group survey;
	char *const *operands;

	/* Written by the survey's task, read by the thread that draws. */
	_Atomic uint64_t files_found;
	_Atomic uint64_t bytes_found;
	_Atomic bool is_complete;

	/* The drawing thread's own. */
	int64_t start_ns;
	int64_t last_ns;
	uint64_t last_bytes;
	double rate; /* bytes a second of late */
};

/* Whether standard error is a terminal that a bar can be drawn on. */
bool progress_is_wanted(void);

/*
 * Starts the survey. It ends early when ctx is cancelled. Return: 0 or -errno.
 */
int progress_init(struct progress *progress, eg_ctx *ctx, char *const *operands);

/* Draws the bar. Threads: one. */
void progress_draw(struct progress *progress, uint64_t files, uint64_t bytes);

/* Ends the survey and takes the bar away. */
void progress_finish(struct progress *progress);

/* After that: reports what was done in all, in one line. For a run about which there is nothing else to say. */
void progress_report(const struct progress *progress, uint64_t files, uint64_t bytes);

#endif
