/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_FPENV_H
#define EGI_OS_FPENV_H

/*
 * How the calling thread computes with floating point: rounding, which exceptions trap, what becomes of denormal
 * numbers. A function gives it back as it found it; a task that is unwound does not come to that, so it is put back for
 * the next one.
 *
 * Flushing denormal numbers to zero is apart from the rest: a program built with -ffast-math has it switched on for its
 * main thread before main begins, and for all that come after by inheritance. It is the process's then.
 */

#include <stdint.h>

#if defined(__x86_64__)

struct egi_fpenv {
	uint32_t mxcsr;
	uint16_t x87;
};

#define EGI_FPENV_FLAGS 0x3fu   /* of mxcsr: what has happened, which is nobody's to keep */
#define EGI_FPENV_FLUSH 0x8040u /* of mxcsr: denormal results, denormal operands */
#define EGI_FPENV_DEFAULT_MXCSR 0x1f80u
#define EGI_FPENV_DEFAULT_X87 0x37fu

static inline void egi_fpenv_save(struct egi_fpenv *ret_env)
{
	__asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(ret_env->mxcsr), "=m"(ret_env->x87));
	ret_env->mxcsr &= ~EGI_FPENV_FLAGS;
}

static inline void egi_fpenv_restore(const struct egi_fpenv *env)
{
	__asm__ volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(env->mxcsr), "m"(env->x87));
}

static inline uint64_t egi_fpenv_flush(void)
{
	struct egi_fpenv env = {0};

	egi_fpenv_save(&env);
	return env.mxcsr & EGI_FPENV_FLUSH;
}

/* As a program begins, but for denormal numbers. */
static inline void egi_fpenv_begin(uint64_t flush)
{
	struct egi_fpenv env = {EGI_FPENV_DEFAULT_MXCSR | (uint32_t)flush, EGI_FPENV_DEFAULT_X87};

	egi_fpenv_restore(&env);
}

#elif defined(__aarch64__)

struct egi_fpenv {
	uint64_t fpcr;
};

#define EGI_FPENV_FLUSH (UINT64_C(1) << 24 | UINT64_C(1) << 19) /* FZ, and FZ16 of half precision */

static inline void egi_fpenv_save(struct egi_fpenv *ret_env)
{
	__asm__ volatile("mrs %0, fpcr" : "=r"(ret_env->fpcr));
}

static inline void egi_fpenv_restore(const struct egi_fpenv *env)
{
	__asm__ volatile("msr fpcr, %0" : : "r"(env->fpcr));
}

static inline uint64_t egi_fpenv_flush(void)
{
	struct egi_fpenv env;

	egi_fpenv_save(&env);
	return env.fpcr & EGI_FPENV_FLUSH;
}

static inline void egi_fpenv_begin(uint64_t flush)
{
	struct egi_fpenv env = {flush};

	egi_fpenv_restore(&env);
}

#else

#include <fenv.h>

struct egi_fpenv {
	fenv_t env;
};

static inline void egi_fpenv_save(struct egi_fpenv *ret_env)
{
	(void)fegetenv(&ret_env->env);
}

static inline void egi_fpenv_restore(const struct egi_fpenv *env)
{
	(void)fesetenv(&env->env);
}

/* C does not speak of it. */
static inline uint64_t egi_fpenv_flush(void)
{
	return 0;
}

static inline void egi_fpenv_begin(uint64_t flush)
{
	(void)flush;
	(void)fesetenv(FE_DFL_ENV);
}

#endif

#endif
