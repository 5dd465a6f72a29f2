/* SPDX-License-Identifier: MIT */
#include "trace/unwind/live.h"

#include "os/compiler.h"

/*
 * Where the linker has put the functions that are marked EGI_LIVE_CALLER, of this copy of the library. Weak: a program may
 * have nothing of the static library that calls tasks, and then there is no such place.
 */
extern EGI_HIDDEN __attribute__((weak)) const char __start_egi_callers[], __stop_egi_callers[];

static enum egi_live live_judge(struct egi_unwind *unwind)
{
	uintptr_t place = egi_unwind_lookup(unwind) - (uintptr_t)__start_egi_callers;

	return place < (uintptr_t)__stop_egi_callers - (uintptr_t)__start_egi_callers ? EGI_LIVE
										      : EGI_LIVE_GONE;
}

enum egi_live egi_live_walk(struct egi_unwind *unwind, const void *stop)
{
	unwind->stop = (uintptr_t)stop / sizeof(uintptr_t) * sizeof(uintptr_t);
	if (unwind->at.sp >= unwind->stop)
		return EGI_LIVE_GONE;
	for (;;) {
		switch (egi_unwind_step(unwind)) {
		case EGI_UNWIND_STEPPED:
			break;
		case EGI_UNWIND_STOPPED:
			return live_judge(unwind);
		case EGI_UNWIND_ENDED:
			/* Where a fault landed there is no caller; what lies above was seen before that. */
			return live_judge(unwind) == EGI_LIVE ? EGI_LIVE : EGI_LIVE_UNKNOWN;
		default:
			return EGI_LIVE_UNKNOWN;
		}
	}
}

EGI_NOINLINE enum egi_live egi_live_look(const void *frame, const void *stop)
{
	struct egi_unwind_registers registers = {0, 0, 0, 0};
	struct egi_unwind unwind;

	EGI_UNWIND_HERE(&registers);
	if (!EGI_UNWIND_IS_NATIVE)
		return EGI_LIVE_UNKNOWN;
	/* Not so far up that the task would lie between. */
	if ((uintptr_t)stop <= (uintptr_t)frame || !egi_unwind_begin(&unwind, &registers, stop))
		return EGI_LIVE_GONE;
	unwind.may_lock = true;
	return egi_live_walk(&unwind, stop);
}
