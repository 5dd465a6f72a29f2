/* SPDX-License-Identifier: MIT */
#ifndef MD5ALL_OUTPUT_H
#define MD5ALL_OUTPUT_H

/*
 * Standard output: the digest lines, written whole.
 *
 * Lines gather in a buffer that is written when it is full, or after each line on a terminal. Writing happens
 * under the lock, so a slow reader holds the tasks back instead of letting lines pile up.
 *
 * Files are numbered from 0 in the order of the walk. In keep-order mode a line waits in a window until every
 * file before it has been dealt with; the window bounds how far files may run ahead. Threads: any.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct output {
	pthread_mutex_t lock; /* protects everything below */
	bool is_terminal;
	int error; /* the first that writing gave, as -errno; nothing is written after it */

	char *buffer; /* whole lines only */
	size_t used;

	struct output_slot *window; /* file n waits in slot n % window_size; NULL when order is not kept */
	size_t window_size;
	uint64_t next; /* the file whose line comes next */
};

struct output_slot {
	bool is_done;
	char *line; /* NULL: this file has no line */
};

/*
 * @window_size  files that may be under way beyond the first unfinished one; 0: lines come as files finish
 * Returns 0 or -ENOMEM.
 */
int output_init(struct output *output, size_t window_size);

/* Writes what is left, closes standard output and returns output->error: 0, or -errno. */
int output_finish(struct output *output);

/*
 * Reports file number `index` as dealt with, and its digest.
 *
 * @value        the digest, or NULL when there is none
 * @ret_retired  how many files are now out of the way: always 1, unless order is kept
 *
 * Returns 0; -ENOMEM, the line is lost; or the first error that writing gave. *ret_retired is set in any
 * case.
 */
int output_put(struct output *output, uint64_t index, const unsigned char *value, int value_length,
	       const char *path, uint64_t *ret_retired);

#endif
