/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_LANES_H
#define EXAMPLES_LANES_H

/*
 * Which lane a thread's tasks are drawn in, those of several groups.
 *
 * A lane is held by a thread from the beginning of its outermost task to the end of that; so the tasks in a lane lie
 * within each other or apart. It is the lane of that task's slot, or, where another thread has that, the lowest that is free.
 * A thread finds its lane by a hint of its own, which is right but where there are several tables.
 *
 * Threads: one at a time, but each for itself: the calling thread is who enters and leaves.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <errgroup.h>

/* What finds all lanes held is in one more, which nobody holds. There tasks may lie across each other. */
#define LANES_MAX 4096
#define LANES_BEYOND LANES_MAX

struct lane {
	pid_t holder;   /* the thread; 0: none */
	int depth;      /* of tasks within each other */
	int64_t end_ns; /* when the last one ended */
	bool is_used;   /* something has been drawn here: the caller's */
	/* What the innermost task has failed with, between its events FAIL and END, which follow each other. */
	eg_error *error;
};

/* Begins as zeros. */
struct lanes {
	int end; /* those from here on have never been held nor used */
	struct lane lanes[LANES_MAX + 1];
};

/* The calling thread's number, as gettid(2) gives it. */
pid_t lanes_thread(void);

/* The lane that the calling thread holds, or -1. */
int lanes_held(const struct lanes *lanes);

/* A task in this slot began at that time. */
void lanes_enter(struct lanes *lanes, int slot, int64_t begin_ns);

/* It has failed. */
void lanes_fail(struct lanes *lanes, eg_error *error);

/* It ended at that time. Returns its lane, and its error or NULL, of which the caller owns a reference. */
int lanes_leave(struct lanes *lanes, int64_t end_ns, eg_error **ret_error);

/* The lane is drawn in. Returns it, or LANES_BEYOND for a number that is none. */
int lanes_use(struct lanes *lanes, int lane);

#endif
