/* SPDX-License-Identifier: MIT */
#ifndef BATCH_OUTPUT_H
#define BATCH_OUTPUT_H

/*
 * What jobs print, kept apart from each other until it is passed on.
 *
 * Each job has pipes of its own for standard output and error, and one task reads those of all jobs. The first
 * 64 KiB of each stay in memory. What is more goes into a file without a name, in $TMPDIR or /tmp, that is gone with the
 * process however it ends. So memory is bounded by the number of jobs, not by what they print.
 *
 * Why not have jobs write to such files themselves? What opens /dev/stdout or /dev/stderr by name would cut off what is
 * there; small output would cost files; and where /tmp is full every job would fail, not only those that print much.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <errgroup.h>

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

/* The reading end of a pipe, while a job runs. */
struct collector_end {
	pthread_mutex_t lock; /* of the fields below: held by who reads */
	int fd;               /* or -1 */
	int poll;             /* the collector's descriptor */
	struct output_stream *stream;
};

/* What a slot needs to run one job after the other. */
struct collector_slot {
	struct collector_end ends[OUTPUT_STREAMS];
	int writers[OUTPUT_STREAMS]; /* the pipes' other ends, to be handed to a job */
};

/*
 * The task that reads. The slots live until it has ended, since what it has been told may be of a job that is over.
 */
struct collector {
	int poll;
	eg_group group;
	struct collector_slot *slots;
	size_t count;
};

/* With so many slots. Return: 0 or -errno. */
int collector_init(struct collector *collector, size_t count) EG_MUST_CHECK;
void collector_finish(struct collector *collector);

/*
 * Begins to collect what a job prints to the writers of the slot; and ends, when the job has: what is in the pipes by then
 * is the job's, and what it has left running cannot print any more.
 *
 * Return: 0 or -errno, with nothing begun.
 */
int collector_begin(struct collector_slot *slot, struct output *output) EG_MUST_CHECK;
void collector_end(struct collector_slot *slot);

#endif
