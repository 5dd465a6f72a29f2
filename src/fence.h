/* SPDX-License-Identifier: MIT */
#ifndef EGI_FENCE_H
#define EGI_FENCE_H

/*
 * An asymmetric store-load barrier: two threads that each store and then look at what the other stored must not
 * both miss it. One of them does it for every task and takes the light fence, the other rarely and takes the
 * heavy one. Where the kernel offers membarrier(2), heavy interrupts every running thread of the process and
 * light costs nothing; elsewhere both are full fences.
 *
 *   light side                     heavy side
 *   store A                        store B
 *   egi_fence_light()              egi_fence_heavy()
 *   load B                         load A            at least one of the loads sees the other's store
 */

#include "atomic.h"

/* Written once, before any thread of the library exists. */
extern bool egi_fence_is_asymmetric;

/* Chooses the form; called at load time and again in a forked child. */
void egi_fence_start(void);

/* The light fence where membarrier(2) is known to be there. */
static inline void egi_fence_compiler(void)
{
	__asm__ volatile("" ::: "memory");
}

static inline void egi_fence_light(void)
{
	if (EGI_LIKELY(egi_fence_is_asymmetric))
		egi_fence_compiler();
	else
		egi_fence_full();
}

void egi_fence_heavy(void);

#endif
