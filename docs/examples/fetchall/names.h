/* SPDX-License-Identifier: MIT */
#ifndef FETCHALL_NAMES_H
#define FETCHALL_NAMES_H

/*
 * The files that URLs are fetched into: the last part of each URL's path, as it stands there, in a directory.
 */

#include <stddef.h>

/*
 * Ends the program, as a wrong command line does, if a URL is none, or gives no name, or two give the same.
 *
 * Return: 0 and as many paths, to give back with names_free; or -ENOMEM.
 */
int names_make(const char *directory, char *const *urls, size_t count, char ***ret_paths);

void names_free(char **paths, size_t count);

#endif
