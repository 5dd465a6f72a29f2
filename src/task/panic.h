/* SPDX-License-Identifier: MIT */
#ifndef EGI_TASK_PANIC_H
#define EGI_TASK_PANIC_H

/*
 * Where panics are forbidden. What runs there has to come back: a panic ends the process, and a fault is the process's. It is a
 * count of the running task's, so that a task that another one helps with meanwhile is as free as ever. Outside of tasks it
 * is the thread's; there is nothing to unwind then, and it only finds an eg_panic_allow that is too many.
 */

#include "os/thread.h"
#include "task/recovery.h"

/*
 * How often they are forbidden, where the calling thread is. The library raises it around a call of the program's, and lowers
 * it on the same thread in the same task: it is as before then, unless the program has not allowed what it forbade.
 */
static inline unsigned *egi_panic_forbidden(void)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;

	return recovery ? &recovery->panic_forbidden : &egi_thread_self.panic_forbidden;
}

#endif
