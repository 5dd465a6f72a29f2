/* SPDX-License-Identifier: MIT */
#ifndef EGI_TRACE_SYMBOLIZE_H
#define EGI_TRACE_SYMBOLIZE_H

/*
 * Looking up the names of a backtrace's frames: functions, files and lines.
 *
 * Names come from the module files on disk: from their debug information, through libdw where that can be
 * loaded, or else from their symbol tables. A file whose build id is not the captured one is not used. Whatever
 * fails, be it memory or a file, costs names and nothing else. Nothing is kept from one call to the next but
 * libdw itself.
 *
 * Separate debug files are used when the environment names a folder of them, and only by build id, as
 * FOLDER/.build-id/ab/cdef.debug, which is how distributions and debuggers lay them out. Nothing is searched
 * for.
 */

#include <stdbool.h>

#include "trace/debuginfo.h"
#include "trace/trace.h"

typedef void egi_symbolize_fn(void *arg, unsigned index, const struct egi_source_frame *source);

/*
 * Calls `fn` for each frame of the backtrace by its index, innermost first, and for inlined calls several times with the
 * same one: the function itself comes last. A NULL backtrace has no frames.
 *
 * Ownership: the strings are valid during the call. Threads: any; look-ups take a process-wide mutex, which
 * is not held while `fn` runs, nor while the loader is called. The caller may hold no lock of the library's.
 */
void egi_symbolize(const struct egi_trace *trace, egi_symbolize_fn *fn, void *arg);

/* Reads the environment, once, when the library is first used: later, other threads might change it. */
void egi_symbolize_start(void);

#define EGI_SYMBOLIZE_DEBUG_VARIABLE "ERRGROUP_DEBUG_DIR"

/* In a forked child, which has lost the thread that looked names up. */
void egi_symbolize_start_child(void);

/* For tests: whether debug information is used at all; without it names come from the symbol tables. */
void egi_symbolize_use_debuginfo(bool use);

#endif
