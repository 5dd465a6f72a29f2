/* SPDX-License-Identifier: MIT */
#ifndef EGI_TASK_GUARDED_CALL_H
#define EGI_TASK_GUARDED_CALL_H

/*
 * Calling what may fault because it reads what it was given, such as a format's arguments, and going on if it does.
 * That works as far as faults are recovered at all (fault/mode.h); otherwise they are the process's.
 */

#include <setjmp.h>

#include "os/compiler.h"

/* One on the stack of each egi_guard_run that is not over, innermost first from egi_thread_self.guard. */
struct egi_guard {
	jmp_buf jump_to;
	void *jump_apart_to[5];
	bool is_apart;
	struct egi_guard *outer;
	const void *frame; /* in the stack frame that jump_to returns to */
};

/*
 * Calls fn(arg), which must hold no lock, and own nothing, where it may fault.
 * Return: false when it faulted.
 */
bool egi_guard_run(void (*fn)(void *arg), void *arg);

/*
 * The same on a stack that is not the thread's own. It does without setjmp, of which ThreadSanitizer takes those on other
 * stacks for calls of functions that are over, and longjmp, which looks for clean-up of the C library's on the way.
 */
bool egi_guard_run_apart(void (*fn)(void *arg), void *arg);

/* Forgets the guards whose frames are gone when the stack is unwound up to `frame`. */
void egi_guard_unwind(const void *frame);

/* Where the signal handler has a fault under a guard go on: on the stack of the thread that faulted. */
void egi_guard_land(struct egi_guard *guard) __attribute__((noreturn));

#endif
