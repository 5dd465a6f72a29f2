/* SPDX-License-Identifier: MIT */
#ifndef EGI_FAULT_MODE_H
#define EGI_FAULT_MODE_H

/*
 * Faults as errors of tasks. A signal handler looks at what happened, and if the task may be ended there, changes where
 * the interrupted thread goes on: in a function of ours, on the task's stack, which makes the error and unwinds as a
 * panic does. The handler itself never jumps, so the kernel restores signal mask and stack.
 *
 *   mode       modes; what a thread does before and after it runs tasks
 *   handler    the handler, and where the thread lands
 *   judge      what a fault is, and whether its frames may be given up
 *   libc       whose code a frame is
 *   chain      the handlers that were there before
 *   altstack   the stack for the handler, and the zone that catches stack overflows
 *   machine    what is the processor's: reading and changing where a thread goes on
 */

#include <errgroup/fault.h>

#include "os/atomic.h"
#include "task/recovery.h"

/* Whether it is a mode: of the process, or of a group, where 0 stands for the process's. */
bool egi_fault_is_mode(unsigned mode);

/*
 * Makes the process ready for a mode. Return: 0, or what eg_fault_set_mode returns; nothing is needed for 0 and
 * EG_FAULT_OFF.
 */
int egi_fault_prepare(unsigned mode);

extern uint32_t egi_fault_process_mode;

/* Called by the next two. */
void egi_fault_arm(struct egi_recovery *recovery, unsigned mode);
void egi_fault_disarm(const struct egi_recovery *recovery);

/* Before and after a thread runs tasks of a group that has that mode. */
static inline void egi_fault_enter(struct egi_recovery *recovery, unsigned mode)
{
	if (mode == 0)
		mode = egi_load_acquire_u32(&egi_fault_process_mode); /* [Y2] acquire: pairs with [Y1] */
	recovery->faults = 0;
	if (EGI_UNLIKELY(mode > EG_FAULT_OFF))
		egi_fault_arm(recovery, mode);
}

static inline void egi_fault_leave(const struct egi_recovery *recovery)
{
	if (EGI_UNLIKELY(recovery->faults != 0))
		egi_fault_disarm(recovery);
}

/* A task was unwound: what was opened for that is closed again. */
void egi_fault_close(void);

/* The calling thread ends. */
void egi_fault_exit_thread(void);

/* Around fork, and in the child: the tasks that the forking thread was in are no longer recovered. */
void egi_fault_lock(void);
void egi_fault_unlock(void);
void egi_fault_start_child(void);

#endif
