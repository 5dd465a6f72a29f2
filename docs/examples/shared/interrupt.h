/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_INTERRUPT_H
#define EXAMPLES_INTERRUPT_H

/*
 * Signals that end a program. SIGINT and SIGTERM are the end of a context; the second one ends the process, as if nobody
 * had caught it. SIGPIPE ends it without a word, as it does by default, but not before what is under way has been given up.
 */

#include <errgroup.h>

/*
 * Derives a context that SIGINT and SIGTERM cancel. One that was ignored when the program started, as SIGINT is in what
 * a script runs in the background, stays ignored.
 *
 * Ownership: the caller's, to give back with eg_ctx_unref. Return: 0, or what eg_ctx_with_signals gives.
 */
int interrupt_derive(eg_ctx *parent, eg_ctx **ret_ctx) EG_MUST_CHECK;

/*
 * The same, and SIGHUP and SIGQUIT cancel it as well: for programs that run others, which those signals of the terminal do
 * not reach.
 */
int interrupt_derive_all(eg_ctx *parent, eg_ctx **ret_ctx) EG_MUST_CHECK;

/* The signal that ended the context or one above it; 0 if it was something else, or it has not ended. */
int interrupt_signal(const eg_ctx *ctx);

/*
 * From now on, a write to a pipe that nobody reads any more fails with -EPIPE, and does not end the process at once.
 */
void interrupt_hold_pipe(void);

/*
 * If that was standard output's error: ends the process as SIGPIPE would have. Returns if it was another one, or if SIGPIPE
 * was ignored when the program started: then it is an error like any other.
 */
void interrupt_end_by_pipe(int output_error);

#endif
