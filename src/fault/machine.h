/* SPDX-License-Identifier: MIT */
#ifndef EGI_FAULT_MACHINE_H
#define EGI_FAULT_MACHINE_H

/*
 * What recovery from faults needs to know of the machine: where the interrupted thread stands, and how to have it go on
 * elsewhere when the signal handler returns.
 */

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include "os/fpenv.h"

#if defined(__x86_64__) && defined(__LP64__) && defined(__GLIBC__)
#define EGI_FAULT_HAS_MACHINE 1

#define EGI_RED_ZONE 128             /* what a function may use below its stack pointer */
#define EGI_EFLAGS_DIRECTION 0x400   /* clear when a function is called */
#define EGI_EFLAGS_ALIGNMENT 0x40000 /* so that our own code does not trap */

static inline uintptr_t egi_machine_pc(const ucontext_t *context)
{
	return (uintptr_t)context->uc_mcontext.gregs[REG_RIP];
}

static inline uintptr_t egi_machine_sp(const ucontext_t *context)
{
	return (uintptr_t)context->uc_mcontext.gregs[REG_RSP];
}

/* Whether it was interrupted on the alternate stack that was in place then. */
static inline bool egi_machine_is_on_alternate_stack(const ucontext_t *context)
{
	return egi_machine_sp(context) - (uintptr_t)context->uc_stack.ss_sp < context->uc_stack.ss_size;
}

/* Whether calls keep their return addresses on a second stack, which a changed context does not fit. */
static inline bool egi_machine_has_shadow_stack(void)
{
	uint64_t pointer = 0;

	/* rdsspq; nothing on processors that do not know it */
	__asm__ volatile(".byte 0xf3, 0x48, 0x0f, 0x1e, 0xc8" : "+a"(pointer));
	return pointer != 0;
}

/*
 * Has the interrupted thread call fn(arg), which does not return, when the handler does.
 *
 * @sp   below it the stack is free, and there
 * @env  how fn is to compute, or NULL: as the interrupted code
 */
static inline void egi_machine_call(ucontext_t *context, void (*fn)(void *arg), void *arg, uintptr_t sp,
				    const struct egi_fpenv *env)
{
	greg_t *registers = context->uc_mcontext.gregs;
	fpregset_t floats = context->uc_mcontext.fpregs;

	/* As a call leaves it: aligned before the return address, which is where backtraces end. */
	sp = sp / 16 * 16 - sizeof(uintptr_t);
	*(uintptr_t *)sp = 0;
	registers[REG_RSP] = (greg_t)sp;
	registers[REG_RBP] = 0;
	registers[REG_RIP] = (greg_t)(uintptr_t)fn;
	registers[REG_RDI] = (greg_t)(uintptr_t)arg;
	registers[REG_EFL] &= ~(greg_t)(EGI_EFLAGS_DIRECTION | EGI_EFLAGS_ALIGNMENT);
	if (!floats)
		return;
	/* The x87 stack is empty when a function is called. */
	floats->swd = 0;
	floats->ftw = 0;
	floats->mxcsr &= ~EGI_FPENV_FLAGS;
	if (env) {
		floats->cwd = env->x87;
		floats->mxcsr = env->mxcsr;
	}
}

/* What a thread was doing, as far as the instruction that faulted and a core file need it. */
struct egi_machine_state {
	gregset_t registers;
	struct _libc_fpstate floats;
	bool has_floats;
};

static inline void egi_machine_save(const ucontext_t *context, struct egi_machine_state *ret_state)
{
	memcpy(ret_state->registers, context->uc_mcontext.gregs, sizeof(ret_state->registers));
	ret_state->has_floats = context->uc_mcontext.fpregs != NULL;
	if (ret_state->has_floats)
		ret_state->floats = *context->uc_mcontext.fpregs;
}

static inline void egi_machine_restore(ucontext_t *context, const struct egi_machine_state *state)
{
	memcpy(context->uc_mcontext.gregs, state->registers, sizeof(state->registers));
	/* Up to where the kernel keeps notes of its own. */
	if (state->has_floats && context->uc_mcontext.fpregs)
		memcpy(context->uc_mcontext.fpregs, &state->floats,
		       offsetof(struct _libc_fpstate, __glibc_reserved1));
}

#else
#define EGI_FAULT_HAS_MACHINE 0
#endif

#endif
