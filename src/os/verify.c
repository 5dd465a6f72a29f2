/* SPDX-License-Identifier: MIT */
/*
 * The last words: written by one system call, without a lock or memory, as anything may be broken by then.
 */
#include "os/verify.h"

#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

volatile bool egi_is_dying;

void egi_die(const char *text)
{
	char prefix[] = "liberrgroup: ", newline[] = "\n";
	struct iovec line[] = {
	    {prefix, sizeof(prefix) - 1},
	    {(void *)(uintptr_t)text, strlen(text)},
	    {newline, 1},
	};

	egi_is_dying = true;
	/* Nothing is left to do about a standard error that cannot be written. */
	if (writev(STDERR_FILENO, line, 3) < 0)
		abort();
	abort();
}
