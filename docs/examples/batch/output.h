/* SPDX-License-Identifier: MIT */
#ifndef BATCH_OUTPUT_H
#define BATCH_OUTPUT_H

/*
 * What jobs print, kept apart from each other until it is passed on.
 *
 * Each job has pipes of its own for standard output and error. The first 64 KiB of each stay in memory. What is more goes into a file without a name, in $TMPDIR or /tmp, that is gone with the
 * process however it ends. So memory is bounded by the number of jobs, not by what they print.
 *
 * Why not have jobs write to such files themselves? What opens /dev/stdout or /dev/stderr by name would cut off what is
 * there; small output would cost files; and where /tmp is full every job would fail, not only those that print much.
 */

#include <stddef.h>
#include <stdint.h>

enum { OUTPUT_OUT, OUTPUT_ERR, OUTPUT_STREAMS };

/* What was printed to one stream. All zero but for the file: nothing. */
struct output_stream {
	char *bytes;
	size_t size, room;
	int file;           /* where everything is if it is too much for memory; or -1 */
	uint64_t file_size; /* how much that is */
	int error;          /* why what came later is lost, or 0. The job cannot write any more then */
};

struct output {
	struct output_stream streams[OUTPUT_STREAMS];
};

void output_init(struct output *output);
void output_finish(struct output *output);
uint64_t output_size(const struct output_stream *stream);

/* Takes what a job prints, as eg_command_run has it. */
int output_take(void *output, int stream, const char *bytes, size_t size);

#endif
