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
	bool is_shown;
	eg_group survey; /* this and what follows: only if it is */
	char *const *operands;

	/* What is done: the program's, which it counts up. */
	const _Atomic uint64_t *files_done;
	const _Atomic uint64_t *bytes_done;

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

/*
 * Starts the survey, which ends early when ctx is cancelled, and has the group with these options draw the bar while it is
 * waited for. Where standard error is no terminal that a bar can be drawn on, or there is no memory for the survey, nothing
 * is shown.
 */
void progress_init(struct progress *progress, eg_ctx *ctx, char *const *operands,
		   const _Atomic uint64_t *files_done, const _Atomic uint64_t *bytes_done,
		   struct eg_group_options *options);

/* Ends the survey and takes the bar away. With `reports` one line says what was done in all: if there is nothing else to say. */
void progress_finish(struct progress *progress, bool reports);

#endif
