/* SPDX-License-Identifier: MIT */
#ifndef EGI_TASK_LIVE_H
#define EGI_TASK_LIVE_H

/*
 * Whether the frame to which a task would be unwound is still there.
 *
 * It is not when a task has left its worker behind: by longjmp to a buffer that the program set before it began to
 * wait. The thread is then in no task any more, and does not know. Where the stack is walked up to the address at which
 * the worker called the task, it shows: the function there is none that calls tasks.
 */

#include "trace/unwind/step.h"

enum egi_live {
	EGI_LIVE,
	EGI_LIVE_GONE,
	EGI_LIVE_UNKNOWN /* the stack cannot be walked */
};

/*
 * Marks a function that calls tasks, or the deferred calls of a task that is over: every one whose frame is a `stop`, and
 * the one where faults land, above which nothing can be seen. The loops that run tasks are among them: each begins with a cache
 * line, or what is linked before it would make an index of a loop 5% faster or slower.
 */
#define EGI_LIVE_CALLER __attribute__((noinline, section("egi_callers"), aligned(64)))

/*
 * Steps from a frame of a task to the one that called the task, and says what it is. Async-signal-safe.
 *
 * @stop  in the stack frame that called the task
 */
enum egi_live egi_live_walk(struct egi_unwind *unwind, const void *stop);

/* The same from a function of the library's that the task has called; `frame` is that function's. Not for handlers. */
enum egi_live egi_live_look(const void *frame, const void *stop);

#endif
