/* SPDX-License-Identifier: MIT */
#ifndef BATCH_PRINTER_H
#define BATCH_PRINTER_H

/*
 * Where the output of jobs goes: standard output and standard error, each job's in one piece. Nobody waits for a reader
 * longer than until the run is interrupted. Threads: one at a time.
 */

#include <stdbool.h>
#include <stdint.h>

#include <errgroup.h>

#include "output.h"

struct printer {
	eg_ctx *stop;     /* what interrupts the run */
	int error;        /* the first that writing to standard output gave; it is not written to any more */
	bool is_terminal; /* one of the two is, and may have the bar */
	bool may_block[OUTPUT_STREAMS];
	int64_t until_ns; /* once the run is interrupted: how long a reader is waited for; 0: it is not */
};

void printer_init(struct printer *printer, eg_ctx *stop);

/* Writes what a job has printed. */
void printer_print(struct printer *printer, const struct output *output);

#endif
