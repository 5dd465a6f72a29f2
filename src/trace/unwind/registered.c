/* SPDX-License-Identifier: MIT */
/*
 * Registered unwind tables: see registered.h.
 *
 * libgcc finds the table, and its rule is made as that of any other. Such tables are trusted: they are part of loaded
 * code, or made by who made the code, and libgcc would follow them as well.
 */
#include "trace/unwind/registered.h"

#include <stddef.h>

struct bases {
	void *text;
	void *data;
	void *function; /* where the function that was found begins */
};

/*
 * libgcc's own look-up, part of its ABI. Weak, so that it is not brought along for this alone: what registers tables
 * has it already.
 */
extern const void *_Unwind_Find_FDE(void *address, struct bases *ret_bases) __attribute__((weak));

struct egi_rule egi_registered_find(uintptr_t lookup)
{
	const struct egi_unwind_memory everything = {0, UINTPTR_MAX};
	struct bases bases = {NULL, NULL, NULL};
	const void *fde = _Unwind_Find_FDE != NULL ? _Unwind_Find_FDE((void *)lookup, &bases) : NULL;

	if (fde == NULL)
		return (struct egi_rule){.kind = EGI_RULE_NONE};
	return egi_rule_of(everything, (uintptr_t)fde, (uintptr_t)bases.function, lookup);
}
