/* SPDX-License-Identifier: MIT */
#ifndef EGI_COMMAND_FEED_H
#define EGI_COMMAND_FEED_H

/*
 * What a program reads from its standard input: bytes of the caller's, written to a pipe as it takes them.
 */

#include "os/compiler.h"

struct egi_feed {
	int fd; /* the write end, which does not block; -1 when all is written, or nobody reads */
	const char *bytes;
	size_t left;
};

/* Writes as much as there is room for. Closes the pipe behind the last byte, and when nobody reads. */
void egi_feed_write(struct egi_feed *feed);
void egi_feed_close(struct egi_feed *feed);

#endif
