/* SPDX-License-Identifier: MIT */
#ifndef EGI_UNWIND_RULE_H
#define EGI_UNWIND_RULE_H

/*
 * Unwind tables: how to step from one place in the code to its caller.
 *
 * A compiler describes each function in .eh_frame by a small program (its FDE, with the CIE that it shares
 * with others), whose instructions move through the function's code and say how to find the caller's stack
 * pointer, the CFA, and where the registers were saved. Running it up to one address gives that address's
 * rule. Of all that a table can say, a rule holds what a backtrace needs and what compilers write in
 * practice; at whatever is beyond it, EGI_RULE_NONE, a walk ends.
 *
 * Tables are read within given bounds only, whatever is in them. Takes no memory and no lock, and may be
 * called in a signal handler.
 */

#include <stdint.h>

#include "trace/unwind/cfi.h"
#include "trace/unwind/reader.h"

/* Where the stepper walks stacks. EGI_UNWIND_IS_ELSEWHERE is for a test of what is done on other machines. */
#if defined(EGI_UNWIND_IS_ELSEWHERE)
#define EGI_UNWIND_IS_NATIVE 0
#elif (defined(__x86_64__) || (defined(__aarch64__) && !defined(__AARCH64EB__))) && defined(__LP64__)
#define EGI_UNWIND_IS_NATIVE 1
#else
#define EGI_UNWIND_IS_NATIVE 0
#endif

/* Where the frame that the kernel makes for a signal handler keeps registers, from its stack pointer; 0: not known here. */
#if EGI_UNWIND_IS_NATIVE && defined(__x86_64__)
#define EGI_UNWIND_SIGNAL_FP 120
#define EGI_UNWIND_SIGNAL_SP 160
#define EGI_UNWIND_SIGNAL_PC 168
#else
#define EGI_UNWIND_SIGNAL_FP 0
#define EGI_UNWIND_SIGNAL_SP 0
#define EGI_UNWIND_SIGNAL_PC 0
#endif

/* How a place's CFA is found. */
enum egi_rule_kind {
	EGI_RULE_NONE,     /* no table, or one that says what a rule cannot hold */
	EGI_RULE_END,      /* the outermost frame: it has no return address */
	EGI_RULE_SIGNAL,   /* the registers lie where the kernel put them for a signal handler */
	EGI_RULE_SP,       /* stack pointer + offset; from here on the common ones */
	EGI_RULE_FP,       /* frame pointer + offset */
	EGI_RULE_AT_FP,    /* the word at frame pointer + offset */
	EGI_RULE_BEYOND_SP /* the word at stack pointer + offset, and a word more */
};

/* Where the caller's frame pointer is. */
enum egi_rule_saved {
	EGI_RULE_SAME,     /* still in its register */
	EGI_RULE_AT_CFA,   /* at CFA + offset */
	EGI_RULE_BESIDE_FP /* at frame pointer + offset */
};

/*
 * One word, so that it can be stored and loaded whole. Offsets are in words of 8 bytes, as egi_rule_offset
 * reads them: the CFA's from the register, the return address's from the CFA.
 */
struct egi_rule {
	uint64_t kind : 3;
	uint64_t fp_saved : 2;
	uint64_t ra_is_signed : 1; /* with pointer authentication (aarch64) */
	uint64_t cfa_at : 20;
	uint64_t fp_at : 19;
	uint64_t ra_at : 19; /* 0: in its register (aarch64) */
};

#define EGI_RULE_OFFSET_BIAS (1 << 18)

static inline uintptr_t egi_rule_offset(uint64_t at)
{
	return (uintptr_t)((at - EGI_RULE_OFFSET_BIAS) * 8);
}

_Static_assert(sizeof(struct egi_rule) == 8, "a rule is one word");

/*
 * Finds the rule at an address through a module's .eh_frame_hdr.
 *
 * @memory  what may be read: the segment that holds the tables
 * @header  .eh_frame_hdr, in there
 * @lookup  an address inside the instruction at which the frame stands
 */
struct egi_rule egi_rule_find(struct egi_unwind_memory memory, struct egi_unwind_memory header,
			      uintptr_t lookup);

/*
 * Finds where the function begins and ends that an address is in, by the same table.
 * Return: false, with nothing found, where no function is known.
 */
bool egi_rule_find_extent(struct egi_unwind_memory memory, struct egi_unwind_memory header, uintptr_t lookup,
			  uintptr_t *ret_start, uintptr_t *ret_end);

/* The rule at an address by one FDE, that of a function which begins at `function`. */
struct egi_rule egi_rule_of(struct egi_unwind_memory memory, uintptr_t fde, uintptr_t function,
			    uintptr_t lookup);

#endif
