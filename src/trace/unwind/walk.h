/* SPDX-License-Identifier: MIT */
#ifndef EGI_UNWIND_WALK_H
#define EGI_UNWIND_WALK_H

/*
 * Walking up a stack to the address at which to stop, which a backtrace does: the addresses of the first frames and of the
 * last ones are kept, and those in between counted, so that a stack of any depth takes the same memory.
 *
 * Where step.h knows no way on the walk ends, and says so. On machines that step.h does not know, libgcc's unwinder walks.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/unwind/step.h"

#define EGI_WALK_HEAD 48 /* the innermost frames that are kept */
#define EGI_WALK_TAIL 16 /* the outermost */
#define EGI_WALK_MAX (EGI_WALK_HEAD + EGI_WALK_TAIL)

struct egi_walk {
	uint64_t seen; /* frames, kept or not */
	bool is_cut;   /* there are more beyond the last one, and no way to them */
	uint64_t skip; /* frames still to be left out */
	uintptr_t head[EGI_WALK_HEAD];
	uintptr_t tail[EGI_WALK_TAIL];
};

/*
 * Walks the calling thread's stack. `unwind` needs no beginning; what it has met of modules serves later look-ups.
 *
 * @registers  EGI_UNWIND_HERE, in the function that calls this one: the first frame is that of its caller
 * @skip       leaves out so many frames more
 * @stop       in the frame of the function at which to stop
 */
void egi_walk_here(struct egi_walk *walk, struct egi_unwind *unwind,
		   const struct egi_unwind_registers *registers, unsigned skip, const void *stop);

/*
 * Walks the stack that a signal interrupted. Async-signal-safe, as step.h is. On machines that step.h does not know there
 * are no frames.
 */
void egi_walk_interrupted(struct egi_walk *walk, struct egi_unwind *unwind,
			  const struct egi_unwind_registers *registers, const void *stop);

/* How many addresses were kept, and one of them: inside the instruction at which the frame stands. */
static inline unsigned egi_walk_count(const struct egi_walk *walk)
{
	return walk->seen < EGI_WALK_MAX ? (unsigned)walk->seen : EGI_WALK_MAX;
}

static inline uintptr_t egi_walk_address(const struct egi_walk *walk, unsigned index)
{
	uint64_t first;

	if (index < EGI_WALK_HEAD)
		return walk->head[index];
	first = walk->seen <= EGI_WALK_MAX ? 0 : walk->seen - EGI_WALK_MAX;
	return walk->tail[(first + index - EGI_WALK_HEAD) % EGI_WALK_TAIL];
}

#endif
