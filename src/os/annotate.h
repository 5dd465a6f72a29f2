/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_ANNOTATE_H
#define EGI_OS_ANNOTATE_H

/*
 * What happens before what, said to tools that look for data races in programs: ThreadSanitizer, when a program that is
 * built with it uses this library, which is not; and valgrind's helgrind. Neither sees the order that the library's atomics
 * make, and both would report what a task writes and its waiter reads.
 *
 *   one thread                          another
 *   writes
 *   egi_annotate_release(at)
 *                                       egi_annotate_acquire(at)
 *                                       reads
 *
 * Without such a tool each is one test of a word that never changes. The paths that every task and every submission takes
 * have not even that: with a tool all tasks are copied (task/copy.h), and say it where copies are made and run, and where a
 * task with deferred calls ends, which a copied one always has.
 *
 * A library that is built with ThreadSanitizer itself is seen by it, and has nothing to say.
 */

#include "os/compiler.h"

struct egi_annotation {
	void (*acquire)(void *at); /* NULL: no tool */
	void (*release)(void *at);
};

extern struct egi_annotation egi_annotation;

/* Once, before the first group is used: looks for helgrind. ThreadSanitizer is there from the beginning or not at all. */
void egi_annotate_begin(void);

static inline bool egi_annotates(void)
{
	return EGI_UNLIKELY(egi_annotation.acquire != NULL);
}

static inline void egi_annotate_acquire(const void *at)
{
	if (egi_annotates())
		egi_annotation.acquire((void *)(uintptr_t)at);
}

static inline void egi_annotate_release(const void *at)
{
	if (egi_annotates())
		egi_annotation.release((void *)(uintptr_t)at);
}

#endif
