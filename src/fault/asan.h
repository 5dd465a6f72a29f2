/* SPDX-License-Identifier: MIT */
#ifndef EGI_FAULT_ASAN_H
#define EGI_FAULT_ASAN_H

/*
 * AddressSanitizer is told that the handler runs on a stack of its own, in a library that is built with it.
 *
 * Where it looks for uses of a stack after return it keeps the variables of functions beside the stack, with where the stack was.
 * After a jump out of functions it takes the variables away whose stack lies below the one in use, when the next
 * function is called:
 *
 *   the task: abort(), which it takes for the end of this stack; raises a signal
 *   the handler, on a stack that lies above the thread's: calls a function
 *     all variables of the functions that wait on the thread's stack are gone
 *   the worker: writes to one of them, and is reported
 *
 * So the handler's stack is made a fiber, with variables of its own. One handler may interrupt another.
 */

#if defined(__SANITIZE_ADDRESS__)
#define EGI_FAULT_HAS_ASAN
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define EGI_FAULT_HAS_ASAN
#endif
#endif

#ifdef EGI_FAULT_HAS_ASAN

#include <sanitizer/common_interface_defs.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For functions whose variables are on the real stack, before the switch and after. */
#define EGI_FAULT_NO_ASAN __attribute__((noinline, no_sanitize_address))

struct egi_fault_fiber {
	bool is_switched;
	void *variables; /* of the interrupted stack */
	const void *low;
	size_t size;
};

/* Without an alternate stack, or after the task has taken it away, there is nothing to tell. */
static inline __attribute__((always_inline, no_sanitize_address)) void
egi_fault_fiber_begin(struct egi_fault_fiber *fiber, const stack_t *stack)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0), low = (uintptr_t)stack->ss_sp;

	fiber->is_switched = here - low < stack->ss_size;
	if (!fiber->is_switched)
		return;
	__sanitizer_start_switch_fiber(&fiber->variables, stack->ss_sp, stack->ss_size);
	__sanitizer_finish_switch_fiber(NULL, &fiber->low, &fiber->size);
}

static inline __attribute__((always_inline, no_sanitize_address)) void
egi_fault_fiber_end(const struct egi_fault_fiber *fiber)
{
	if (!fiber->is_switched)
		return;
	__sanitizer_start_switch_fiber(NULL, fiber->low, fiber->size);
	__sanitizer_finish_switch_fiber(fiber->variables, NULL, NULL);
}

#endif

#endif
