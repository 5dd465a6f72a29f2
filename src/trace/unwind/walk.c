/* SPDX-License-Identifier: MIT */
/*
 * Walking up a stack: see walk.h.
 *
 * The last addresses are kept in a ring, since which frames are the last ones is known at the end.
 */
#include "trace/unwind/walk.h"

#include "os/compiler.h"

/* The arrays are left as they are: clearing them would cost as much as the walk of a shallow stack. */
static void walk_begin(struct egi_walk *walk, unsigned skip)
{
	walk->seen = 0;
	walk->is_cut = false;
	walk->skip = skip;
}

static inline void walk_add(struct egi_walk *walk, uintptr_t address)
{
	if (EGI_UNLIKELY(walk->skip > 0)) {
		walk->skip--;
		return;
	}
	if (walk->seen < EGI_WALK_HEAD)
		walk->head[walk->seen] = address;
	else
		walk->tail[(walk->seen - EGI_WALK_HEAD) % EGI_WALK_TAIL] = address;
	walk->seen++;
}

#if EGI_UNWIND_IS_NATIVE

static void walk_run(struct egi_walk *walk, struct egi_unwind *unwind)
{
	for (;;) {
		uintptr_t address = egi_unwind_lookup(unwind);

		switch (egi_unwind_step(unwind)) {
		case EGI_UNWIND_STEPPED:
			walk_add(walk, address);
			break;
		case EGI_UNWIND_STOPPED:
			return;
		case EGI_UNWIND_ENDED:
			walk_add(walk, address);
			return;
		case EGI_UNWIND_CUT:
			walk_add(walk, address);
			/* If it is a jump to nowhere, the caller's return address is still there. */
			walk->is_cut = !egi_unwind_return(unwind);
			if (walk->is_cut)
				return;
			break;
		}
	}
}

void egi_walk_here(struct egi_walk *walk, struct egi_unwind *unwind,
		   const struct egi_unwind_registers *registers, unsigned skip, const void *stop)
{
	walk_begin(walk, skip);
	walk->skip++; /* the frame at the registers */
	if (egi_unwind_begin(unwind, registers, stop)) {
		unwind->may_lock = true;
		walk_run(walk, unwind);
	} else {
		walk->is_cut = true;
	}
}

void egi_walk_interrupted(struct egi_walk *walk, struct egi_unwind *unwind,
			  const struct egi_unwind_registers *registers, const void *stop)
{
	walk_begin(walk, 0);
	if (egi_unwind_begin(unwind, registers, stop))
		walk_run(walk, unwind);
	else
		walk->is_cut = true;
}

#else

#include <unwind.h>

/* Part of libgcc's ABI; weak, because other unwinders lack it. */
extern const void *_Unwind_Find_FDE(void *address, uintptr_t *ret_bases) __attribute__((weak));

/* libgcc's unwinder aborts where it has no table for its own code: in a static program without .eh_frame_hdr. */
static bool unwinder_is_usable(void)
{
	uintptr_t bases[3], inside = (uintptr_t)_Unwind_Backtrace + 1;

	return _Unwind_Find_FDE == NULL || _Unwind_Find_FDE((void *)inside, bases) != NULL;
}

struct visit {
	struct egi_walk *walk;
	uintptr_t inner, stop;
	uintptr_t pending;     /* the latest frame's address, which is added once its extent is known */
	uintptr_t pending_low; /* and the low end of that frame; 0: there is none */
};

/*
 * _Unwind_GetCFA gives, in spite of its name, a frame's low end: the stack pointer in that function where it made its call.
 * Its high end is the low end of the next one, so a frame waits as pending until then. It is kept if it ends at the stop or
 * before; the frame that the one to stop at has called ends exactly where that begins.
 */
static _Unwind_Reason_Code visit_frame(struct _Unwind_Context *context, void *arg)
{
	struct visit *visit = arg;
	uintptr_t low = (uintptr_t)_Unwind_GetCFA(context);
	int is_exact = 0;
	uintptr_t pc = (uintptr_t)_Unwind_GetIPInfo(context, &is_exact);

	if (visit->pending_low != 0) {
		if (low > visit->stop) {
			visit->walk->is_cut = false;
			return _URC_END_OF_STACK;
		}
		walk_add(visit->walk, visit->pending);
		/* What does not move up goes round in circles over a broken stack. */
		if (low < visit->pending_low || pc == 0) {
			visit->pending_low = 0;
			return _URC_END_OF_STACK;
		}
	}
	if (low > visit->inner) {
		visit->pending = is_exact ? pc : pc - 1;
		visit->pending_low = low;
	}
	return _URC_NO_REASON;
}

void egi_walk_here(struct egi_walk *walk, struct egi_unwind *unwind,
		   const struct egi_unwind_registers *registers, unsigned skip, const void *stop)
{
	struct visit visit = {.walk = walk, .inner = registers->sp, .stop = (uintptr_t)stop};

	egi_unwind_begin(unwind, registers, stop); /* false: it only serves look-ups of modules */
	walk_begin(walk, skip);
	walk->is_cut = true; /* unless the stop is reached */
	if (unwinder_is_usable())
		_Unwind_Backtrace(visit_frame, &visit);
	/* At the end of the stack nothing is known of the last frame's high end. */
	if (walk->is_cut && visit.pending_low != 0 && visit.pending_low <= visit.stop)
		walk_add(walk, visit.pending);
}

void egi_walk_interrupted(struct egi_walk *walk, struct egi_unwind *unwind,
			  const struct egi_unwind_registers *registers, const void *stop)
{
	egi_unwind_begin(unwind, registers, stop); /* false: it only serves look-ups of modules */
	walk_begin(walk, 0);
	walk->is_cut = true;
}

#endif
