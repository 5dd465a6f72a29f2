/* SPDX-License-Identifier: MIT */
#ifndef EGI_TRACE_DEBUGINFO_H
#define EGI_TRACE_DEBUGINFO_H

/*
 * Function, file and line of an address, inlined calls included, from a module's DWARF. libdw does the reading; where it is
 * missing no module has debug information. Only the module's own file is read: nothing is searched for, nothing is
 * fetched.
 *
 * Threads: one at a time, by symbolize.c's mutex.
 */

#include <stdbool.h>
#include <stdint.h>

struct egi_debuginfo;

struct egi_source_frame {
	const char *function; /* NULL when not known */
	const char *file;     /* NULL when not known */
	int line;
	bool inlined; /* inlined into the function of the next source frame */
};

/*
 * Opens the debug information of a module's file. Ownership: `fd` is borrowed, and stays open until the close.
 * Return: NULL when there is none, libdw is not loaded or memory ran out.
 */
struct egi_debuginfo *egi_debuginfo_open(int fd, uint64_t file_size);

/* Closes it. NULL is fine. */
void egi_debuginfo_close(struct egi_debuginfo *debuginfo);

/*
 * Finds what stands at an address of the file: the innermost inlined function first, the real function last.
 * Strings live until the close. Return: how many source frames were stored, at most `max`; 0 when nothing is known.
 */
unsigned egi_debuginfo_find(struct egi_debuginfo *debuginfo, uint64_t address,
			    struct egi_source_frame *ret_frames, unsigned max);

#endif
