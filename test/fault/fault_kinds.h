/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_TEST_FAULT_KINDS_H
#define ERRGROUP_TEST_FAULT_KINDS_H

/*
 * Faults to be had, one of each kind, in functions that compilers can neither see through nor do away with.
 */

#include <stdbool.h>
#include <stddef.h>

enum fault_mode_needed { NEEDS_GO, NEEDS_ALL, NEEDS_STACK };

struct fault_kind {
	const char *name;
	void (*fn)(void);
	const char *message; /* what the error's begins with */
	int signal;
	enum fault_mode_needed mode;
};

extern const struct fault_kind fault_kinds[];
extern const size_t fault_kinds_count;

const struct fault_kind *fault_kind_find(const char *name);

#endif
