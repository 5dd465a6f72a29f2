/* SPDX-License-Identifier: MIT */
/*
 * A guarded call puts itself in front of the thread's chain and calls. If that faults, the handler of faults finds the
 * innermost call, judges whether the frames above it may be given up, and has the thread go on in egi_guarded_call_land,
 * which jumps back to it.
 *
 * The chain is its thread's alone. Handlers of signals on that thread read it in between any two instructions, so a call is
 * complete before it is in the chain, and out of it before it is gone.
 */
#include "task/guarded_call.h"

#include "os/thread.h"

/* Signal handlers of this thread read it: in the order of the program. */
static void chain_set(struct egi_guarded_call *innermost)
{
	__asm__ volatile("" ::: "memory");
	egi_thread_self.guarded_call = innermost;
	__asm__ volatile("" ::: "memory");
}

EGI_NOINLINE bool egi_guarded_call(void (*fn)(void *arg), void *arg)
{
	struct egi_guarded_call call;

	call.outer = egi_thread_self.guarded_call;
	call.frame = __builtin_frame_address(0);
	call.is_apart = false;
	if (setjmp(call.jump_to)) {
		chain_set(call.outer);
		return false;
	}
	chain_set(&call);
	fn(arg);
	chain_set(call.outer);
	return true;
}

EGI_NOINLINE bool egi_guarded_call_apart(void (*fn)(void *arg), void *arg)
{
	struct egi_guarded_call call;

	call.outer = egi_thread_self.guarded_call;
	call.frame = __builtin_frame_address(0);
	call.is_apart = true;
	if (__builtin_setjmp(call.jump_apart_to)) {
		/* That it is the innermost one is known; what is in registers here is not. */
		chain_set(egi_thread_self.guarded_call->outer);
		return false;
	}
	chain_set(&call);
	fn(arg);
	chain_set(call.outer);
	return true;
}

void egi_guarded_call_unwind(const void *frame)
{
	while (egi_thread_self.guarded_call &&
	       (uintptr_t)egi_thread_self.guarded_call->frame < (uintptr_t)frame)
		chain_set(egi_thread_self.guarded_call->outer);
}

void egi_guarded_call_land(struct egi_guarded_call *call)
{
	if (call->is_apart)
		__builtin_longjmp(call->jump_apart_to, 1);
	longjmp(call->jump_to, 1);
}
