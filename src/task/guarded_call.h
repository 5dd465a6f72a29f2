/* SPDX-License-Identifier: MIT */
#ifndef EGI_TASK_GUARDED_CALL_H
#define EGI_TASK_GUARDED_CALL_H

/*
 * Calling what may fault because it reads what it was given, such as a format's arguments, and going on if it does.
 * That works as far as faults are recovered at all (fault/mode.h); otherwise they are the process's.
 */

#include <setjmp.h>

#include "os/compiler.h"

/* One on the stack of each call that is not over, innermost first from egi_thread_self.guarded_call. */
struct egi_guarded_call {
	jmp_buf jump_to;
	void *jump_apart_to[5];
	bool is_apart;
	struct egi_guarded_call *outer;
	const void *frame; /* in the stack frame that jump_to returns to */
};

/*
 * Calls fn(arg), which must hold no lock, and own nothing, where it may fault.
 * Return: false when it faulted.
 */
bool egi_guarded_call(void (*fn)(void *arg), void *arg);

/*
 * The same on a stack that is not the thread's own. It does without setjmp, of which ThreadSanitizer takes those on other
 * stacks for calls of functions that are over, and longjmp, which looks for clean-up of the C library's on the way.
 */
bool egi_guarded_call_apart(void (*fn)(void *arg), void *arg);

/* Forgets the calls whose frames are gone when the stack is unwound up to `frame`. */
void egi_guarded_call_unwind(const void *frame);

/* Where the signal handler has a fault in such a call go on: on the stack of the thread that faulted. */
void egi_guarded_call_land(struct egi_guarded_call *call) __attribute__((noreturn));

#endif
