/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_INTERRUPT_H
#define EXAMPLES_INTERRUPT_H

/*
 * SIGINT and SIGTERM as the end of a context. The second one ends the process, as if nobody had caught it.
 */

#include <errgroup.h>

/*
 * Derives a context that SIGINT and SIGTERM cancel. One that was ignored when the program started, as SIGINT is in what
 * a script runs in the background, stays ignored.
 *
 * Ownership: the caller's, to give back with eg_ctx_unref. Return: 0, or what eg_ctx_with_signals gives.
 */
int interrupt_derive(eg_ctx *parent, eg_ctx **ret_ctx) EG_MUST_CHECK;

/* The signal that ended the context or one above it; 0 if it was something else, or it has not ended. */
int interrupt_signal(const eg_ctx *ctx);

#endif
