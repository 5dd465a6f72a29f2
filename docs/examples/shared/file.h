/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_FILE_H
#define EXAMPLES_FILE_H

/*
 * Files whose names come from anywhere: paths may be longer than PATH_MAX, and what is at one may be replaced at any time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

/* Instead of an errno: the path names neither a regular file nor, in a walk, a directory. */
#define FILE_NOT_REGULAR (-4096)

/* open(2) for a path of any length. Return: a descriptor or -errno. */
int file_open(const char *path, int flags);

/*
 * Opens a regular file for reading.
 *
 * @follows     if the path is a symbolic link, what it leads to is opened
 * @ret_status  what the file was when it was opened
 * Return: a descriptor, -errno or FILE_NOT_REGULAR.
 */
int file_open_regular(const char *path, bool follows, struct stat *ret_status);

/* Writes all of it. Return: 0 or -errno. */
int file_write(int fd, const void *bytes, size_t length);

/* What an error of these says, as eg_strerror does. */
const char *file_strerror(int error);

#endif
