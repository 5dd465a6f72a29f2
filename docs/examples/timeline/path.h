/* SPDX-License-Identifier: MIT */
#ifndef TIMELINE_PATH_H
#define TIMELINE_PATH_H

/*
 * The critical path: a chain of spans that the length of the run followed from, as far as a trace can tell.
 *
 * It ends with the span that ended last. Before each comes, of all lanes, the one that ended last before that one began: in
 * a pool with a limit a task begins when another one has ended and left its place. Where the lane's own last span ended within a
 * thousandth of the run before, it is that one, since the place was its. What waited for what a trace does not say: a
 * task may as well have begun then by chance. Spans within others are part of these, and those that took no time part of nothing.
 */

#include "spans.h"

struct path {
	uint32_t *spans; /* as numbers, in the order of time */
	size_t count;
	int64_t busy_ns; /* in spans; the rest of the run is between them */
};

/* Return: 0 or -ENOMEM. The spans are marked. */
int path_find(struct spans *spans, struct path *ret_path);

void path_free(struct path *path);

#endif
