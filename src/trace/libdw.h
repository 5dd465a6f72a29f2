/* SPDX-License-Identifier: MIT */
#ifndef EGI_TRACE_LIBDW_H
#define EGI_TRACE_LIBDW_H

/*
 * libdw's functions, loaded with dlopen at the first use, so that nothing links to it and a program that prints no backtrace
 * never pays for it. Where it is missing, or was at build time, there is no debug information.
 */

#include <stdbool.h>

/*
 * Loads libdw, the first time. Return: false if it was not there at build time, or cannot be loaded now.
 * Threads: any, which holds no lock of the library's, because the loader has locks of its own.
 */
bool egi_libdw_load(void);

/* In a forked child. */
void egi_libdw_start_child(void);

#ifdef EGI_HAVE_LIBDW

#include <elfutils/libdw.h>
#include <libelf.h>

#include "trace/libdw_memory.h"

#define EGI_LIBDW_FUNCTIONS(X)   \
	X(elf_version)           \
	X(elf_errno)             \
	X(elf_begin)             \
	X(elf_end)               \
	X(dwarf_begin_elf)       \
	X(dwarf_errno)           \
	X(dwarf_new_oom_handler) \
	X(dwarf_end)             \
	X(dwarf_addrdie)         \
	X(dwarf_nextcu)          \
	X(dwarf_offdie)          \
	X(dwarf_haspc)           \
	X(dwarf_child)           \
	X(dwarf_siblingof)       \
	X(dwarf_tag)             \
	X(dwarf_diename)         \
	X(dwarf_attr)            \
	X(dwarf_formudata)       \
	X(dwarf_formstring)      \
	X(dwarf_getsrc_die)      \
	X(dwarf_lineno)          \
	X(dwarf_linesrc)         \
	X(dwarf_getsrcfiles)     \
	X(dwarf_filesrc)

#define EGI_LIBDW_MEMBER(name) __typeof__(name) *name;

struct egi_libdw {
	EGI_LIBDW_FUNCTIONS(EGI_LIBDW_MEMBER)
	bool can_be_led; /* its calls of malloc, which are these */
	struct egi_libdw_calls calls;
};

/* Takes what was loaded into use. For one thread at a time. Return: NULL when nothing was. */
const struct egi_libdw *egi_libdw_take(void);

#endif

#endif
