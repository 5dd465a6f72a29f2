/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_STATUS_H
#define EGI_OS_STATUS_H

/*
 * What the kernel says of a thread in /proc: lines of a name, a colon and a value. One file tells the ids, the
 * capabilities and the blocked signals of the main thread, which no system call tells of another thread.
 */

#include "os/compiler.h"

struct egi_status {
	size_t length;
	/*
	 * The file has about 1,500 bytes, and eleven for each group. Directories of users give one of them 1,015 at most; of more,
	 * and of what follows them, nothing is seen.
	 */
	char text[16384];
};

/* Reads that of the main thread, or of the calling one. Return: false without /proc. */
bool egi_status_read_main(struct egi_status *ret_status);
bool egi_status_read_own(struct egi_status *ret_status);

/* A line's value, without the blanks around it. Return: NULL if there is no such line, or it is cut. */
const char *egi_status_find(const struct egi_status *status, const char *name, size_t *ret_length);

/* Whether both have that line, with different values. */
bool egi_status_differ(const struct egi_status *a, const struct egi_status *b, const char *name);

/* Reads numbers off a line, as many as there are and fit. Return: how many, or -1 if there is no such line. */
int egi_status_numbers(const struct egi_status *status, const char *name, int base, uint64_t *ret_numbers,
		       int max);

#endif
