/* SPDX-License-Identifier: MIT */
#ifndef EGI_FPENV_H
#define EGI_FPENV_H

/*
 * How the calling thread computes with floating point: rounding, and which exceptions trap. A function gives it back
 * as it found it; a task that is unwound does not come to that, so it is put back for the next one.
 */

#include <stdint.h>

struct egi_fpenv {
	uint32_t mxcsr;
	uint16_t x87;
};

#define EGI_FPENV_FLAGS 0x3fu /* of mxcsr: what has happened, which is nobody's to keep */

static inline void egi_fpenv_save(struct egi_fpenv *ret_env)
{
#if defined(__x86_64__)
	__asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(ret_env->mxcsr), "=m"(ret_env->x87));
	ret_env->mxcsr &= ~EGI_FPENV_FLAGS;
#else
	(void)ret_env;
#endif
}

static inline void egi_fpenv_restore(const struct egi_fpenv *env)
{
#if defined(__x86_64__)
	__asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(env->mxcsr), "m"(env->x87));
#else
	(void)env;
#endif
}

#endif
