/* SPDX-License-Identifier: MIT */

/*
 * Judging a step of the unwinder: see unwind_guard.h.
 *
 * Tables that libgcc found belong to loaded code, or to code that was registered with it, and are trusted as
 * the unwinder trusts them.
 */

#include "unwind_guard.h"

#include <stdbool.h>
#include <stddef.h>

#include "unwind_program.h"
#include "unwind_table.h"

#if EGI_UNWIND_IS_NATIVE

#define MINIMAL_ADDRESS 4096

struct dwarf_eh_bases {
	void *tbase;
	void *dbase;
	void *func; /* where the function that was found begins */
};

/*
 * libgcc's own look-up, part of its ABI; weak, because other unwinders lack it, and then there is no guard.
 */
extern const void *_Unwind_Find_FDE(void *pc, struct dwarf_eh_bases *ret_bases) __attribute__((weak));

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

static struct egi_unwind_rule guard_find_rule(struct egi_unwind_guard *guard, uintptr_t lookup)
{
	const struct egi_unwind_memory everything = {0, UINTPTR_MAX};

	if (!guard_find_table(guard, lookup))
		return (struct egi_unwind_rule){.kind = EGI_RULE_FOREIGN};
	return egi_unwind_table_run(everything, (uintptr_t)guard->table, guard->function, lookup);
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

enum egi_guard_verdict egi_unwind_guard_judge(struct egi_unwind_guard *guard, struct _Unwind_Context *context,
					      uintptr_t lookup, uintptr_t limit, uintptr_t *ret_return)
{
	uintptr_t low = (uintptr_t)_Unwind_GetCFA(context), fp, cfa, address;
	struct egi_unwind_rule rule;

	if (_Unwind_Find_FDE == NULL)
		return EGI_GUARD_GO;
	rule = guard_find_rule(guard, lookup);
	if (rule.kind != EGI_RULE_SP && rule.kind != EGI_RULE_FP && rule.kind != EGI_RULE_AT_FP)
		return EGI_GUARD_GO;
	fp = (uintptr_t)_Unwind_GetGR(context, EGI_REGISTER_FP);
	cfa = (rule.kind == EGI_RULE_SP ? low : fp) + egi_unwind_offset(rule.cfa_at);
	if (rule.kind == EGI_RULE_AT_FP && !stack_read(cfa, low, limit, &cfa))
		return EGI_GUARD_END;
	if (cfa < low || cfa % sizeof(uintptr_t) != 0)
		return EGI_GUARD_END;
	if (limit != 0 && cfa > limit)
		return EGI_GUARD_STOP;
	if (rule.ra_at == 0)
		address = (uintptr_t)_Unwind_GetGR(context, EGI_REGISTER_RA);
	else if (!stack_read(cfa + egi_unwind_offset(rule.ra_at), low, limit, &address))
		return EGI_GUARD_END;
	if (rule.ra_at == 0 || rule.ra_is_signed)
		address = egi_unwind_strip(address);
	/*
	 * A function may have no frame as long as its return address is in a register, but leads elsewhere.
	 */
	if (cfa == low && (rule.ra_at != 0 || address - 1 == lookup))
		return EGI_GUARD_END;
	if (address == 0)
		return EGI_GUARD_GO; /* the unwinder takes it for the end of the stack */
	if (address >= MINIMAL_ADDRESS && guard_find_table(guard, address - 1))
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
