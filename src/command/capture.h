/* SPDX-License-Identifier: MIT */
#ifndef EGI_COMMAND_CAPTURE_H
#define EGI_COMMAND_CAPTURE_H

/*
 * What a program writes, read from a pipe: its beginning, up to a bound, for the caller, and its end for the error's message.
 * What is beyond the bound, or beyond what memory there is, is dropped and counted. Or all of it is given to a function.
 */

#include <errgroup/command.h>

#include "os/compiler.h"

#define EGI_CAPTURE_TAIL 512

struct egi_capture {
	int fd;      /* the read end, which does not block; -1 at the end and when nothing is captured */
	char *bytes; /* `room` of them, one for a final NUL; NULL if only the tail is wanted */
	size_t size, room, max, dropped;
	char tail[EGI_CAPTURE_TAIL];
	size_t tail_size;
	bool tail_is_cut; /* there was more before it */

	eg_output_fn *output; /* or NULL */
	void *output_arg;
	int stream; /* for these */
	int code;   /* why no more was taken, or 0 */
};

/* Begins with a pipe's read end, which it takes over also when it fails. Return: 0 or -ENOMEM. */
int egi_capture_begin(struct egi_capture *capture, int fd, bool is_kept, size_t max);

/* The same for a function, which gets all that is read. */
void egi_capture_begin_for(struct egi_capture *capture, int fd, int stream, eg_output_fn *output, void *arg);

/* Reads what is there, once. False when nothing is left for now, or for good: then the descriptor is closed. */
bool egi_capture_read(struct egi_capture *capture);

void egi_capture_close(struct egi_capture *capture);

/* Hands over what was kept, with a NUL behind it, or NULL. */
char *egi_capture_take(struct egi_capture *capture, size_t *ret_size, size_t *ret_dropped);
void egi_capture_free(struct egi_capture *capture);

/* The last lines, as far as they fit, without newlines at the end. */
const char *egi_capture_last_lines(const struct egi_capture *capture, int *ret_length);

#endif
