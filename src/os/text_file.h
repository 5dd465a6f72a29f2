/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_TEXT_FILE_H
#define EGI_OS_TEXT_FILE_H

/*
 * The kernel's text files, in /proc and /sys: read as far as there is room, or line by line, without memory.
 */

#include "os/compiler.h"

/* Reads a file's beginning, NUL-terminated. Return: its length; 0 if it is not there, cannot be read or is empty. */
size_t egi_text_file_read(const char *path, char *ret_text, size_t size);

struct egi_text_lines {
	int fd;
	bool is_skipping; /* in a line that is longer than the room */
	size_t begin, end;
	char text[2048]; /* a line of mountinfo or cgroup has some 100 bytes, and two paths in it at most */
};

/* Return: false, and nothing to close, if the file is not there. */
bool egi_text_lines_open(struct egi_text_lines *lines, const char *path);
void egi_text_lines_close(struct egi_text_lines *lines);

/* The next line that fits, NUL-terminated and the caller's to change until the next call; NULL at the end. */
char *egi_text_lines_next(struct egi_text_lines *lines);

#endif
