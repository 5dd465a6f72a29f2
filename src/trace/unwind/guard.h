/* SPDX-License-Identifier: MIT */
#ifndef EGI_UNWIND_GUARD_H
#define EGI_UNWIND_GUARD_H

/*
 * Keeps libgcc's unwinder away from broken stacks.
 *
 * The unwinder reads code at a return address for which it knows no unwind table, to see whether a signal
 * handler was called there. If the return address is wild, because the stack was overwritten, that read
 * faults. So before each step the guard works out, from the same unwind tables, where the return address lies
 * that the unwinder will take, and looks at it first. Where it cannot, because the table says it by a larger
 * computation than compilers write, the walk ends.
 *
 * Takes no memory and no lock.
 */

#include <stdbool.h>
#include <stdint.h>
#include <unwind.h>

enum egi_guard_verdict {
	EGI_GUARD_GO,   /* safe */
	EGI_GUARD_STOP, /* the frame ends above the limit */
	EGI_GUARD_END,  /* its extent makes no sense or is not known: do not step out of it */
	EGI_GUARD_LAST /* the return address is known, in ret_return, but nothing can be unwound from there */
};

/*
 * Whether the unwinder can be called at all. libgcc's aborts where it has no unwind table for its own code: in a static
 * program without .eh_frame_hdr (such as gcc -static-pie makes with some linkers).
 */
bool egi_unwind_guard_is_usable(void);

/* Carried from one frame to the next: the unwind table of the frame to come. Starts as all zero. */
struct egi_unwind_guard {
	uintptr_t lookup;
	const void *table;
	uintptr_t function;
};

/*
 * Judges the step out of a frame.
 *
 * @lookup  an address inside the instruction at which the frame stands
 * @limit   an address on the stack, above which no frame to step out of may end; 0: no limit
 */
enum egi_guard_verdict egi_unwind_guard_judge(struct egi_unwind_guard *guard, struct _Unwind_Context *context,
					      uintptr_t lookup, uintptr_t limit, uintptr_t *ret_return);

#endif
