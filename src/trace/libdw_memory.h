/* SPDX-License-Identifier: MIT */
#ifndef EGI_TRACE_LIBDW_MEMORY_H
#define EGI_TRACE_LIBDW_MEMORY_H

/*
 * Memory for libdw, which does not survive that there is none: its tables of abbreviations are used unchecked, or grow
 * under an assert. What it offers, a handler for some of its allocations, does not reach these.
 *
 * So its calls of malloc and the like are led here, once, through the table that a shared object calls others by. While
 * a look-up runs, one that fails leaves the look-up instead of returning to libdw. For everything else they are what they
 * were: on other threads, at other times, and for a program that uses libdw itself.
 *
 * Threads: leading is for one at a time; the other functions are any thread's.
 */

#include <stdbool.h>
#include <stdint.h>

#define EGI_LIBDW_CALLS 5

/* What has to be known of a library to lead its calls. */
struct egi_libdw_calls {
	uintptr_t base;
	void *functions[EGI_LIBDW_CALLS]; /* what it would have called */
};

/* For a library from dlopen. Calls the loader, so no lock may be held. Return: false where it cannot be done. */
bool egi_libdw_memory_learn(void *library, struct egi_libdw_calls *ret_calls);

/* Leads the calls, once. Return: false where that cannot be done: nothing is led then. */
bool egi_libdw_memory_lead(const struct egi_libdw_calls *calls);

/*
 * Calls fn(arg). Return: false when it was left for want of memory: what it worked on must not be used again, nor given
 * back.
 */
bool egi_libdw_memory_run(void (*fn)(void *arg), void *arg);

/* Leaves what the innermost egi_libdw_memory_run has called. */
void egi_libdw_memory_leave(void) __attribute__((noreturn));

#endif
