/* SPDX-License-Identifier: MIT */
#include "task/guarded_call.h"

#include "os/thread.h"

/* Signal handlers of this thread read it: in the order of the program. */
static void guard_set(struct egi_guard *guard)
{
	__asm__ volatile("" ::: "memory");
	egi_thread_self.guard = guard;
	__asm__ volatile("" ::: "memory");
}

EGI_NOINLINE bool egi_guard_run(void (*fn)(void *arg), void *arg)
{
	struct egi_guard guard;

	guard.outer = egi_thread_self.guard;
	guard.frame = __builtin_frame_address(0);
	guard.is_apart = false;
	if (setjmp(guard.jump_to)) {
		guard_set(guard.outer);
		return false;
	}
	guard_set(&guard);
	fn(arg);
	guard_set(guard.outer);
	return true;
}

EGI_NOINLINE bool egi_guard_run_apart(void (*fn)(void *arg), void *arg)
{
	struct egi_guard guard;

	guard.outer = egi_thread_self.guard;
	guard.frame = __builtin_frame_address(0);
	guard.is_apart = true;
	if (__builtin_setjmp(guard.jump_apart_to)) {
		/* That it is the innermost one is known; what is in registers here is not. */
		guard_set(egi_thread_self.guard->outer);
		return false;
	}
	guard_set(&guard);
	fn(arg);
	guard_set(guard.outer);
	return true;
}

void egi_guard_unwind(const void *frame)
{
	while (egi_thread_self.guard && (uintptr_t)egi_thread_self.guard->frame < (uintptr_t)frame)
		guard_set(egi_thread_self.guard->outer);
}

void egi_guard_land(struct egi_guard *guard)
{
	if (guard->is_apart)
		__builtin_longjmp(guard->jump_apart_to, 1);
	longjmp(guard->jump_to, 1);
}
