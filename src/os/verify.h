/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_VERIFY_H
#define EGI_OS_VERIFY_H

/*
 * The two ways to insist. EGI_VERIFY is checked in every build and is for what a caller or the system can break
 * and nobody can report; EGI_ASSERT is for our own invariants and is gone from release builds.
 */

#include "os/compiler.h"

#define EGI_VERIFY(condition, text)             \
	do {                                    \
		if (EGI_UNLIKELY(!(condition))) \
			egi_die(text);          \
	} while (0)

#ifdef NDEBUG
#define EGI_ASSERT(condition) ((void)sizeof(condition))
#else
#define EGI_ASSERT(condition) EGI_VERIFY(condition, "internal: " #condition)
#endif

/* Writes "liberrgroup: <text>" as one line to standard error and aborts. Async-signal-safe. */
void egi_die(const char *text) __attribute__((noreturn, cold));

/* It has been called: this is no fault to recover from. */
extern volatile bool egi_is_dying;

#endif
