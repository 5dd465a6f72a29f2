/* SPDX-License-Identifier: MIT */
#ifndef EGI_COMMAND_CHILD_H
#define EGI_COMMAND_CHILD_H

/*
 * A program that was started: the leader of a process group of its own. Until it is reaped its number, and that of its group,
 * are nobody else's.
 */

#include <errgroup/command.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "command/streams.h"

struct egi_child {
	pid_t pid;
	int fd; /* readable when it has ended; -1 where there is none, and it has to be asked now and then */
};

/* Starts it. Return: 0, or a negated errno with nothing started. */
int egi_child_start(const struct eg_command *command, const struct egi_streams *streams,
		    struct egi_child *ret_child);

/* Whether it has ended, or is not ours any more. It is not reaped. */
bool egi_child_has_ended(const struct egi_child *child);

/* Sends a signal to its group, or to it alone if it has left that. Not if it is not ours any more. */
void egi_child_signal(const struct egi_child *child, int signal);

/*
 * Waits for its end, which has come or is about to, and forgets it. Return: 0; -ECHILD if somebody else has its status, or
 * nobody.
 */
int egi_child_reap(struct egi_child *child, int *ret_status, struct rusage *ret_usage);

#endif
