/* SPDX-License-Identifier: MIT */
#ifndef EGI_UNWIND_REGISTERED_H
#define EGI_UNWIND_REGISTERED_H

/*
 * Rules from tables that no header of a module leads to, because they were registered with libgcc: a static program
 * registers its own when it starts, and compilers at run time register what they have made.
 *
 * Takes libgcc's lock, and memory, the first time: not for signal handlers.
 */

#include <stdint.h>

#include "trace/unwind/rule.h"

/* Finds the rule at an address; EGI_RULE_NONE where none is registered, or the process has no libgcc. */
struct egi_rule egi_registered_find(uintptr_t lookup);

#endif
