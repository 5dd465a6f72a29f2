/* SPDX-License-Identifier: MIT */
#ifndef BATCH_INPUTS_H
#define BATCH_INPUTS_H

/*
 * Inputs: the words of the command line behind `:::`, or else what standard input has, line by line or up to each NUL.
 * Threads: one at a time.
 */

#include <stdbool.h>
#include <stddef.h>

#include <errgroup.h>

/* Longer than any argument that the kernel hands to a program (MAX_ARG_STRLEN), so that memory is bounded. */
#define INPUT_MAX (128 * 1024)

struct inputs {
	char *const *words; /* those that are left, or NULL: standard input */
	char end;           /* what ends an input there: a newline or NUL */
	bool is_over;       /* nothing more is to be read */
	size_t count;       /* given so far */

	char *bytes; /* read; from `next` to `size` not given yet */
	size_t next, size;
};

/* @words  ended by NULL; or NULL: standard input is read */
void inputs_init(struct inputs *inputs, char *const *words, bool ends_by_nul);
void inputs_finish(struct inputs *inputs);

/*
 * The next input, which the caller frees. Reading sleeps until there is something to read or the context is over.
 *
 * Return: 1; 0, there are no more; the code of the context; -errno of reading; -E2BIG for an input longer than any argument;
 * -EILSEQ for a line with a NUL, which no argument can have.
 */
int inputs_next(struct inputs *inputs, eg_ctx *ctx, char **ret_input);

#endif
