/* SPDX-License-Identifier: MIT */
#ifndef EGI_COMMAND_STREAMS_H
#define EGI_COMMAND_STREAMS_H

/*
 * The descriptors that a program gets for its standard ones, and the other ends of those that are pipes. All that is made here
 * is close-on-exec from the start, so that a program which another thread starts meanwhile has none of it.
 */

#include "os/compiler.h"

#define EGI_STREAMS 3

enum egi_stream_kind {
	EGI_STREAM_NULL,  /* /dev/null */
	EGI_STREAM_GIVEN, /* a descriptor of the caller's */
	EGI_STREAM_PIPE,  /* a pipe to us, or from us */
	EGI_STREAM_MERGED /* standard error only: what standard output is */
};

struct egi_streams {
	enum egi_stream_kind kind[EGI_STREAMS];
	int theirs[EGI_STREAMS]; /* what the program gets; of the caller's, unless is_own says so */
	bool is_own[EGI_STREAMS];
	int ours[EGI_STREAMS]; /* the ends of pipes that are ours, and do not block; or -1 */
};

/*
 * Opens what the kinds say.
 *
 * @given  the caller's descriptors, where the kind says that it is one
 *
 * Return: 0, or a negated errno with nothing open.
 */
int egi_streams_open(struct egi_streams *streams, const int given[EGI_STREAMS]);

/* After the program has started, or instead: closes what is the program's. */
void egi_streams_close_theirs(struct egi_streams *streams);
void egi_streams_close_ours(struct egi_streams *streams);

#endif
