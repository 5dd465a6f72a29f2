/* SPDX-License-Identifier: MIT */
#ifndef EGI_FAULT_LIBC_H
#define EGI_FAULT_LIBC_H

/*
 * Whose code a frame is, and which functions of the C library a fault may be recovered in.
 *
 * Most of the C library holds locks or is half done at one time or another, and nothing tells when. So recovery is
 * allowed where that is known not to be: functions that only read and write what they are given, sorting, and the way
 * from abort and assert to the signal. What counts is the function that the program called, whatever that calls in
 * turn, unless it is the allocator.
 */

#include <stdbool.h>
#include <stdint.h>

#include "trace/unwind/module.h"

enum egi_code {
	EGI_CODE_USER, /* the program's, or of a library that is not one of these */
	EGI_CODE_LIBC, /* of the C library, its loader, or what has taken their functions' places */
	EGI_CODE_OWN   /* this library's. Where it is linked into the program: EGI_CODE_USER */
};

enum egi_libc_function {
	EGI_LIBC_OTHER,
	EGI_LIBC_LEAF,   /* holds no lock */
	EGI_LIBC_ABORT,  /* has released its lock when it raises the signal */
	EGI_LIBC_ASSERT, /* the same */
	EGI_LIBC_HEAP    /* the allocator */
};

/*
 * Learns where things are in this process: before anything else here. Calls the loader, so no lock may be held.
 * Return: 0; -ENOTSUP where there is no C library of its own; -ENOMEM.
 */
int egi_libc_learn(void);

/* Async-signal-safe. */
enum egi_code egi_libc_code(const struct egi_module_view *view);
enum egi_libc_function egi_libc_function(const struct egi_module_view *view, uintptr_t address);

/*
 * What the latest failed assert of the process said, or NULL. It may be another thread's, and may be gone at any
 * moment: to be read in a guarded call.
 */
const char *egi_libc_abort_message(void);

#endif
