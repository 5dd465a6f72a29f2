/* SPDX-License-Identifier: MIT */
#ifndef EGI_TRACE_LIBDW_ROOM_H
#define EGI_TRACE_LIBDW_ROOM_H

/*
 * Whether there is room for libdw, which takes its memory and its stack without asking.
 */

#include <stdbool.h>
#include <stdint.h>

/* Whether there is memory for a look-up, and for so much more. */
bool egi_libdw_has_memory(uint64_t more);

/* Whether the calling thread's stack has room for one. */
bool egi_libdw_has_stack(void);

#endif
