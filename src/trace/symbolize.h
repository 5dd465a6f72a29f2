/* SPDX-License-Identifier: MIT */
#ifndef EGI_TRACE_SYMBOLIZE_H
#define EGI_TRACE_SYMBOLIZE_H

/*
 * Names for a backtrace: functions, files and lines, looked up when somebody asks for them.
 *
 * Names come from the module files on disk: from their debug information, through libdw where that can be
 * loaded, or else from their symbol tables. A file whose build id is not the captured one is not used.
 * Module, offset and build id are always there, for `eu-addr2line -e FILE OFFSET` to resolve later. Whatever
 * fails, be it memory or a file, costs names and nothing else. Nothing is kept from one call to the next but
 * libdw itself.
 *
 * Separate debug files are used when the environment names a folder of them, and only by build id, as
 * FOLDER/.build-id/ab/cdef.debug, which is how distributions and debuggers lay them out. Nothing is searched
 * for.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/trace.h"

struct egi_symbol {
	const char *function;    /* NULL: not known */
	const char *file;        /* as the compiler was given it; NULL: not known */
	int line;                /* valid with a file */
	bool inlined;            /* inlined into the function of the next symbol, which has the same offset */
	const char *module;      /* the module's file name without directories; NULL: not in any module */
	const char *module_path; /* the same with directories */
	uint64_t offset;         /* virtual address in the module's file, inside the calling instruction */
	const char *build_id;    /* hexadecimal; "" when the module has none */
	uint64_t elided;         /* not 0: this stands for so many frames left out, and all else is empty */
};

typedef void egi_symbol_fn(void *arg, const struct egi_symbol *symbol);

/*
 * Calls `fn` for each frame, innermost first, inlined calls as symbols of their own, and once in the place of
 * the frames left out, if any. A NULL backtrace has no frames.
 *
 * Ownership: the strings are valid during the call. Threads: any; look-ups take a process-wide mutex, which
 * is not held while `fn` runs, nor while the loader is called. The caller may hold no lock of the library's.
 */
void egi_symbolize(const struct egi_backtrace *backtrace, egi_symbol_fn *fn, void *arg);

/* Reads the environment, once, when the library is first used: later, other threads might change it. */
void egi_symbolize_start(void);

#define EGI_SYMBOLIZE_DEBUG_VARIABLE "ERRGROUP_DEBUG_DIR"

/* In a forked child, which has lost the thread that looked names up. */
void egi_symbolize_start_child(void);

/* For tests: whether debug information is used at all; without it names come from the symbol tables. */
void egi_symbolize_use_debuginfo(bool use);

#endif
