/* SPDX-License-Identifier: MIT */
#ifndef EGI_UNWIND_CACHE_H
#define EGI_UNWIND_CACHE_H

/*
 * The unwind rules of places seen before: a table of fixed size for the process, which any number of threads
 * and signal handlers read and write without a lock and without waiting for one another.
 *
 * A key stands for an address and for the module it was in. When that module is gone and another is at the
 * address, the key is another, so nothing has to be cleared.
 */

#include <stdbool.h>
#include <stdint.h>

#include "trace/unwind/rule.h"

/*
 * One to one in the address, and spread over all bits: two keys alike are as good as impossible.
 *
 * @module  a number that stands for the contents and the place of the module
 */
static inline uint64_t egi_rule_cache_key(uint64_t module, uintptr_t address)
{
	return (module ^ address) * UINT64_C(0x9e3779b97f4a7c15);
}

/* Return: false, with ret_rule untouched, when the rule is not there. */
bool egi_rule_cache_find(uint64_t key, struct egi_rule *ret_rule);

/* Enters a rule, possibly in the place of another. */
void egi_rule_cache_enter(uint64_t key, struct egi_rule rule);

#endif
