/* SPDX-License-Identifier: MIT */

/*
 * Judging a step of the unwinder: see task/guarded_call.h.
 *
 * Tables that libgcc found belong to loaded code, or to code that was registered with it, and are trusted as
 * the unwinder trusts them.
 */

#include "trace/unwind/guard.h"

#include <stddef.h>

#include "trace/unwind/cfi.h"
#include "trace/unwind/rule.h"

struct dwarf_eh_bases {
	void *tbase;
	void *dbase;
	void *func; /* where the function that was found begins */
};

/*
 * libgcc's own look-up, part of its ABI; weak, because other unwinders lack it, and then there is no guard.
 */
extern const void *_Unwind_Find_FDE(void *pc, struct dwarf_eh_bases *ret_bases) __attribute__((weak));

bool egi_unwind_guard_is_usable(void)
{
	struct dwarf_eh_bases bases = {NULL, NULL, NULL};
	uintptr_t inside = (uintptr_t)_Unwind_Backtrace + 1;

	return _Unwind_Find_FDE == NULL || _Unwind_Find_FDE((void *)inside, &bases) != NULL;
}

#if EGI_UNWIND_IS_NATIVE

#define MINIMAL_ADDRESS 4096 /* there is no code below */

/* Finds the unwind table for an address, which is slow, unless it is the one found last. */
static bool guard_find_table(struct egi_unwind_guard *guard, uintptr_t lookup)
{
	struct dwarf_eh_bases bases = {NULL, NULL, NULL};

	if (guard->lookup != lookup) {
		guard->lookup = lookup;
		guard->table = _Unwind_Find_FDE((void *)lookup, &bases);
		guard->function = (uintptr_t)bases.func;
	}
	return guard->table != NULL;
}

/* Reads a word of the stack, unless it cannot be one. */
static __attribute__((no_sanitize_address)) bool stack_read(uintptr_t address, uintptr_t low, uintptr_t limit,
							    uintptr_t *ret_word)
{
	if (address < low || address % sizeof(uintptr_t) != 0 || (limit != 0 && address >= limit))
		return false;
	*ret_word = *(const uintptr_t *)address;
	return true;
}

/* The registers that functions keep for their callers; libgcc knows the values of no others. */
static bool register_is_kept(uint64_t number)
{
#if defined(__x86_64__)
	return number == 3 || number == EGI_REGISTER_FP || (number >= 12 && number <= 15);
#else
	return number >= 19 && number <= EGI_REGISTER_FP;
#endif
}

/* Finds the frame's high end. Return: false when it makes no sense, or cannot be known. */
static bool frame_find_cfa(struct _Unwind_Context *context, const struct egi_unwind_state *state,
			   uintptr_t low, uintptr_t limit, uintptr_t *ret_cfa)
{
	uintptr_t cfa = low;

	if (state->cfa == EGI_CFA_OTHER)
		return false;
	if (state->cfa_register != EGI_REGISTER_SP) {
		if (!register_is_kept(state->cfa_register))
			return false;
		cfa = (uintptr_t)_Unwind_GetGR(context, (int)state->cfa_register);
	}
	cfa += (uintptr_t)state->cfa_offset;
	if (state->cfa == EGI_CFA_WORD && !stack_read(cfa, low, limit, &cfa))
		return false;
	*ret_cfa = cfa;
	return cfa >= low && cfa % sizeof(uintptr_t) == 0;
}

/* Finds the return address. Return: false when it makes no sense, or cannot be known. */
static bool frame_find_return(struct _Unwind_Context *context, const struct egi_unwind_state *state,
			      uintptr_t low, uintptr_t cfa, uintptr_t limit, uintptr_t *ret_return)
{
	bool is_found;

	switch (state->ra.kind) {
	case EGI_PLACE_SAME:
		if (!EGI_RA_HAS_REGISTER)
			return false;
		*ret_return = egi_unwind_strip((uintptr_t)_Unwind_GetGR(context, EGI_REGISTER_RA));
		return true;
	case EGI_PLACE_CFA:
		is_found = stack_read(cfa + (uintptr_t)state->ra.offset, low, limit, ret_return);
		break;
	case EGI_PLACE_SP:
		is_found = stack_read(low + (uintptr_t)state->ra.offset, low, limit, ret_return);
		break;
	default:
		return false;
	}
	if (is_found && state->ra_is_signed)
		*ret_return = egi_unwind_strip(*ret_return);
	return is_found;
}

enum egi_guard_verdict egi_unwind_guard_judge(struct egi_unwind_guard *guard, struct _Unwind_Context *context,
					      uintptr_t lookup, uintptr_t limit, uintptr_t *ret_return)
{
	const struct egi_unwind_memory everything = {0, UINTPTR_MAX};
	uintptr_t low = (uintptr_t)_Unwind_GetCFA(context), cfa, address;
	struct egi_unwind_program program;

	if (_Unwind_Find_FDE == NULL || !guard_find_table(guard, lookup))
		return EGI_GUARD_GO;
	if (!egi_unwind_table_run(everything, (uintptr_t)guard->table, guard->function, lookup, &program))
		return EGI_GUARD_END;
	if (program.state.ra.kind == EGI_PLACE_UNDEFINED)
		return EGI_GUARD_GO; /* the outermost frame */
	if (!frame_find_cfa(context, &program.state, low, limit, &cfa))
		return EGI_GUARD_END;
	if (limit != 0 && cfa > limit)
		return EGI_GUARD_STOP;
	if (!frame_find_return(context, &program.state, low, cfa, limit, &address))
		return EGI_GUARD_END;
	/* Only a function whose return address is in a register may have no frame, and it leads elsewhere. */
	if (cfa == low && (program.state.ra.kind != EGI_PLACE_SAME || address - 1 == lookup))
		return EGI_GUARD_END;
	if (address == 0)
		return EGI_GUARD_GO; /* the unwinder takes it for the end of the stack */
	/* What a signal interrupted is at its next instruction, not after a call. */
	if (program.is_signal_frame)
		address++;
	if (address > MINIMAL_ADDRESS && guard_find_table(guard, address - 1))
		return EGI_GUARD_GO;
	*ret_return = address;
	return EGI_GUARD_LAST;
}

#else

enum egi_guard_verdict egi_unwind_guard_judge(struct egi_unwind_guard *guard, struct _Unwind_Context *context,
					      uintptr_t lookup, uintptr_t limit, uintptr_t *ret_return)
{
	(void)guard;
	(void)context;
	(void)lookup;
	(void)limit;
	(void)ret_return;
	return EGI_GUARD_GO;
}

#endif
