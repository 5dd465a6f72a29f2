/* SPDX-License-Identifier: MIT */
#ifndef EGI_SYMBOLIZE_H
#define EGI_SYMBOLIZE_H

/*
 * Names for a backtrace: functions, files and lines, looked up when a backtrace is printed.
 *
 * Names come from the module files on disk: from their debug information, through libdw where that can be loaded,
 * or else from their symbol tables. A file whose build id is not the captured one is not used. Module, offset and
 * build id are always there, for `eu-addr2line -e FILE OFFSET` to resolve later. Whatever fails, be it memory or a
 * file, costs names and nothing else. Nothing is kept from one call to the next but libdw itself.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backtrace.h"

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
typedef void egi_text_fn(void *arg, const char *text, size_t size);

/*
 * Calls `fn` for each frame, innermost first, inlined calls as symbols of their own, and once in the place of the
 * frames left out, if any. A NULL backtrace has no frames.
 *
 * Ownership: the strings are valid during the call. Threads: any; look-ups take a process-wide mutex, which is not
 * held while `fn` runs.
 */
void egi_symbolize(const struct egi_backtrace *backtrace, egi_symbol_fn *fn, void *arg);

/*
 * Writes the backtrace as text, through `fn`, line by line, without buffering it: two lines a frame,
 *
 *     parse_part(...)
 *             src/parse.c:88 (batch+0x1070, build-id 6991dc81)
 *
 * with a tab before the second. Lines end in a newline, are at most EGI_SYMBOLIZE_LINE_MAX bytes long, and hold no
 * control characters but these. Threads: as egi_symbolize.
 */
void egi_symbolize_format(const struct egi_backtrace *backtrace, egi_text_fn *fn, void *arg);

#define EGI_SYMBOLIZE_LINE_MAX 1024

/* For the fork handlers: hold the mutex across fork, so that the child does not inherit it held by another thread. */
void egi_symbolize_lock(void);
void egi_symbolize_unlock(void);

/* For tests: whether debug information is used at all; without it names come from the symbol tables. */
void egi_symbolize_use_debuginfo(bool use);

#endif
