/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_SIZED_H
#define EGI_OS_SIZED_H

/*
 * Structures of the program's that begin with their size and only ever get more fields, of which zero is the default. One of a
 * newer header is served as long as it does not use what is new. There are no older headers.
 */

#include "os/compiler.h"

/* No version will have more; a larger size is a mistake, and is neither read nor written. */
#define EGI_SIZED_MAX 4096

/* Whether all that is behind the known fields is zero, and the size one that can be. */
static inline bool egi_sized_is_known(const void *given, size_t given_size, size_t known_size)
{
	const unsigned char *bytes = given;

	if (given_size < known_size || given_size > EGI_SIZED_MAX)
		return false;
	for (size_t i = known_size; i < given_size; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

#endif
