/* SPDX-License-Identifier: MIT */
#ifndef EGI_LIMIT_PRESSURE_H
#define EGI_LIMIT_PRESSURE_H

/*
 * Whether tasks on this machine wait for memory or storage more than they should, by the kernel's own count (PSI).
 */

#include <stdint.h>

#include "os/compiler.h"

struct egi_pressure {
	int64_t looked_ns; /* 0: not yet */
	uint64_t memory,
	    io; /* microseconds for which some waited for memory, and for which all did for storage */
	bool is_high;
};

/* Looks, if the last look is not just over. False where the kernel does not count. Threads: one at a time. */
bool egi_pressure_is_high(struct egi_pressure *pressure, int64_t now_ns);

#endif
