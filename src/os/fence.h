/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_FENCE_H
#define EGI_OS_FENCE_H

/*
 * An asymmetric store-load barrier: two threads that each store and then look at what the other stored must not
 * both miss it. One of them does it for every task and takes the light fence, the other rarely and takes the
 * heavy one. Where the kernel offers membarrier(2), heavy interrupts every running thread of the process and
 * light costs nothing; elsewhere both are full fences. It may cease to offer it at any time (fence.c).
 *
 *   light side                     heavy side
 *   store A                        store B
 *   egi_fence_light()              egi_fence_heavy()
 *   load B                         load A            at least one of the loads sees the other's store
 */

#include "os/atomic.h"

/* Whether light fences cost nothing: 1 or 0, and once 0 so for good, in this process. */
extern EGI_HIDDEN uint32_t egi_fence_is_asymmetric;

/* How many threads wait, for 20 ms each, because the kernel has refused a heavy fence for the first time. */
extern EGI_HIDDEN uint32_t egi_fence_settling;

static inline bool egi_fence_is_settling(void)
{
	return egi_load_relaxed_u32(&egi_fence_settling) != 0;
}

/* Chooses the form; when the library begins, and again in a forked child. */
void egi_fence_start(void);

/* The light fence where membarrier(2) was there at some time before; its partner is egi_fence_heaviest. */
static inline void egi_fence_compiler(void)
{
	__asm__ volatile("" ::: "memory");
}

static inline void egi_fence_light(void)
{
	if (EGI_LIKELY(egi_load_relaxed_u32(&egi_fence_is_asymmetric) != 0))
		egi_fence_compiler();
	else
		egi_fence_full();
}

/* Return: never before the fence is made, which may take milliseconds, once, when membarrier(2) ceases to be offered. */
void egi_fence_heavy(void);

/*
 * A heavy fence for those, too, who took egi_fence_compiler because they were told that they may. To be made after they
 * are told no more. It takes milliseconds where membarrier(2) has ceased to be offered.
 */
void egi_fence_heaviest(void);

#endif
