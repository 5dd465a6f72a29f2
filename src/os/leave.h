/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_LEAVE_H
#define EGI_OS_LEAVE_H

/*
 * How threads of the library's end. A thread that is about to says so, and somebody joins it: whoever leaves later, or
 * whoever wants to know that it is gone, and waits. Nobody waits when the process ends.
 *
 * Between its last words and its end a thread runs the program's destructors of thread-specific values.
 */

#include "os/clock.h"
#include "os/compiler.h"

/*
 * How long a thread that has nothing to do stays: so long that starting it again, at some 50 us, is nothing. It is no tuned
 * number otherwise.
 */
#define EGI_LEAVE_AFTER (5 * EGI_SECOND)

/*
 * The calling thread, one of ours, is about to end. Called under the lock by which others know that it is there, so that they
 * find it here from then on; no lock is taken in here that anybody holds for long. Without memory nobody will know.
 */
void egi_leave(void);

/* At exit: joins those that are gone already. */
void egi_leave_stop(void);

/* Raised when a thread has left. */
extern EGI_HIDDEN uint32_t egi_leave_count;

/* Waits until those that have left by now are gone: joined, and not among the threads of the process any more. */
void egi_leave_await(void);

/* Around fork. */
void egi_leave_lock(void);
void egi_leave_unlock(void);
void egi_leave_start_child(void);

#endif
