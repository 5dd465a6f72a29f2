/* SPDX-License-Identifier: MIT */
/*
 * Whether a task's worker is still there: see live.h.
 *
 * The functions that call tasks lie together, in a section of their own, whose bounds the linker tells. So they are known in
 * programs that have the library in them, too, and compilers do not spread them over several places. A walk that stops at a
 * frame in there has arrived. Whether it is the right one need not be asked: the frame is the one that `stop` lies in, and no
 * function of the program's is in that section.
 */
#include "task/live.h"

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
	enum egi_unwind_result result;

	egi_unwind_set_stop(unwind, stop);
	if (unwind->at.sp >= unwind->stop)
		return EGI_LIVE_GONE;
	do
		result = egi_unwind_step(unwind);
	while (result == EGI_UNWIND_STEPPED);
	if (result == EGI_UNWIND_STOPPED)
		return live_judge(unwind);
	/* Where a fault landed there is no caller; what lies above was seen before that. */
	return result == EGI_UNWIND_ENDED && live_judge(unwind) == EGI_LIVE ? EGI_LIVE : EGI_LIVE_UNKNOWN;
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
