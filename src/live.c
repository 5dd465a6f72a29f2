/* SPDX-License-Identifier: MIT */
#include "live.h"

#include "base.h"

/* By its module only: compilers spread a function over several places. */
static enum egi_live live_judge(struct egi_unwind *unwind)
{
	const struct egi_module_view *view = egi_unwind_view(unwind);

	if (!view || (uintptr_t)egi_live_look - view->start >= view->end - view->start)
		return EGI_LIVE_GONE;
	return view->shown.program ? EGI_LIVE_UNKNOWN : EGI_LIVE;
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
	return egi_live_walk(&unwind, stop);
}
