/* SPDX-License-Identifier: MIT */
#ifndef EGI_COMMAND_TEND_H
#define EGI_COMMAND_TEND_H

/*
 * Looking after a program until it has ended: it is fed, what it writes is read, and it is ended when the context is over.
 */

#include <errgroup/ctx.h>

#include "command/capture.h"
#include "command/child.h"
#include "command/feed.h"
#include "command/streams.h"

#define EGI_TENDED 2

struct egi_tending {
	const struct egi_child *child;
	struct egi_feed feed;
	struct egi_capture captures[EGI_TENDED]; /* standard output, standard error */
	struct egi_streams *held; /* whose output ends with the child; NULL: when nobody has it open */
	bool is_over;             /* the context is */
	bool has_exited;          /* the child has */
	bool is_ended;            /* by us, because the context is over */
	bool is_open;             /* somebody has the output open still */
	int failure;              /* the child could not be watched, and was killed */
	int64_t grace_ns;         /* from SIGTERM to SIGKILL; and for output, when the child has exited */
	int64_t until_ns;         /* when that is over; or EGI_FOREVER */
	int64_t look_ns;          /* how long not to look at a child without a descriptor */
};

/* Returns when the child has ended, or is about to, and all there is has been read. */
void egi_tend_run(struct egi_tending *tending, eg_ctx *ctx, int64_t grace_ns);

void egi_tend_free(struct egi_tending *tending);

#endif
