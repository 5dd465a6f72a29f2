/* SPDX-License-Identifier: MIT */
#ifndef EGI_UNWIND_STEP_H
#define EGI_UNWIND_STEP_H

/*
 * Stepping up a stack, from a frame to its caller, on x86-64 and aarch64: quickly, and within bounds.
 *
 * Each step looks up the rule of the place where the frame stands (cache.h, or the first time
 * rule.h) and reads two words of the stack by it. Nothing is read but between the frame's stack
 * pointer and the address at which to stop, which lies on the same stack, and the stack pointer only rises;
 * so a stack that was overwritten ends the walk, or sends it astray for some frames, and does no harm.
 *
 * Takes no memory and no lock (without glibc 2.35, the loader's), and may be called in a signal handler; but see
 * `may_lock`.
 */

#include <stdbool.h>
#include <stdint.h>
#include <ucontext.h>

#include "trace/unwind/module.h"
#include "trace/unwind/rule.h"

struct egi_unwind_registers {
	uintptr_t pc, sp, fp;
	uintptr_t ra; /* the link register, where the machine has one */
};

/* Stores the registers at the place where it stands; on other machines only where the frame is, for walk.h. */
#if EGI_UNWIND_IS_NATIVE && defined(__x86_64__)
#define EGI_UNWIND_HERE(registers)                                                             \
	__asm__ volatile("leaq 0(%%rip), %%rax\n\tmovq %%rax, %0\n\t"                          \
			 "movq %%rsp, %1\n\tmovq %%rbp, %2"                                    \
			 : "=m"((registers)->pc), "=m"((registers)->sp), "=m"((registers)->fp) \
			 :                                                                     \
			 : "rax")
#elif EGI_UNWIND_IS_NATIVE
#define EGI_UNWIND_HERE(registers)                                                              \
	__asm__ volatile("adr x9, .\n\tstr x9, %0\n\tmov x9, sp\n\tstr x9, %1\n\t"              \
			 "str x29, %2\n\tstr x30, %3"                                           \
			 : "=m"((registers)->pc), "=m"((registers)->sp), "=m"((registers)->fp), \
			   "=m"((registers)->ra)                                                \
			 :                                                                      \
			 : "x9")
#else
#define EGI_UNWIND_HERE(registers) ((registers)->sp = (uintptr_t)__builtin_frame_address(0))
#endif

/* Kept of those met. A stack leads through a few: the program, the C library, a plugin. More cost a look-up each. */
#define EGI_UNWIND_MODULES_MAX 16

struct egi_unwind_module {
	struct egi_module_view view;
	uint64_t key; /* for egi_rule_cache_key; 0: one whose rules cannot be cached */
};

struct egi_unwind {
	struct egi_unwind_registers at; /* the frame's, and before its function goes on */
	bool is_exact;                  /* pc is an instruction that was interrupted, no return address */
	bool may_lock; /* tables that were registered are asked for (registered.h); not so at the beginning */
	uintptr_t stop;                         /* rounded down to a word */
	const struct egi_unwind_module *module; /* the last one met; frames of one tend to lie together */
	unsigned module_count;                  /* met so far; the latest of them are kept, in turn */
	struct egi_unwind_module modules[EGI_UNWIND_MODULES_MAX];
};

/*
 * Begins at registers, those of a frame on the stack that `stop` lies on, or the ones a signal interrupted
 * there.
 * Return: false, with nowhere to step, when the machine is not one of those above, or `stop` is no higher than the stack
 * pointer.
 */
bool egi_unwind_begin(struct egi_unwind *unwind, const struct egi_unwind_registers *registers,
		      const void *stop);

/* Lets a walk go on to an address further up on the same stack. */
static inline void egi_unwind_set_stop(struct egi_unwind *unwind, const void *stop)
{
	unwind->stop = (uintptr_t)stop / sizeof(uintptr_t) * sizeof(uintptr_t);
}

/* The registers that a signal handler was given. */
struct egi_unwind_registers egi_unwind_interrupted(const ucontext_t *context);

/* An address inside the instruction at which the frame stands. */
static inline uintptr_t egi_unwind_lookup(const struct egi_unwind *unwind)
{
	/* A return address is one past its call, which may be the last instruction of the function. */
	return unwind->is_exact ? unwind->at.pc : unwind->at.pc - 1;
}

enum egi_unwind_result {
	EGI_UNWIND_STEPPED, /* this is the caller's frame now */
	EGI_UNWIND_STOPPED, /* not stepped: the frame ends above `stop` */
	EGI_UNWIND_ENDED,   /* not stepped: the outermost frame */
	EGI_UNWIND_CUT      /* not stepped: no rule is known, or what it says of the stack makes no sense */
};

enum egi_unwind_result egi_unwind_step(struct egi_unwind *unwind);

/*
 * Steps out of a jump to nowhere, which a call through a wild pointer is: an interrupted frame whose address
 * is in no module, and which has done nothing yet to its stack.
 * Return: false, not stepped, for any other frame.
 */
bool egi_unwind_return(struct egi_unwind *unwind);

/* The module that an address is in; NULL for none. Lives until the next step, or look. */
const struct egi_module_view *egi_unwind_view_at(struct egi_unwind *unwind, uintptr_t address);

/* The module that the frame's code is in, likewise. */
static inline const struct egi_module_view *egi_unwind_view(struct egi_unwind *unwind)
{
	return egi_unwind_view_at(unwind, egi_unwind_lookup(unwind));
}

/*
 * Finds where the function begins and ends that an address in a module is in, by the module's unwind table.
 * Return: false, with nothing found, where that says nothing of the address.
 */
bool egi_unwind_find_function(const struct egi_module_view *view, uintptr_t address, uintptr_t *ret_start,
			      uintptr_t *ret_end);

#endif
