/* SPDX-License-Identifier: MIT */
/*
 * Reading the kernel's text files without memory: into room of the caller's, whole, or by a window in which each line that fits is
 * found. A line that does not fit is passed over to its end, and is not taken for several.
 */
#include "os/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static int file_open(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Until there is no more, or no room. Signals may interrupt a thread of the program here. */
static size_t file_read(int fd, char *at, size_t size)
{
	size_t length = 0;
	ssize_t got;

	while (length < size) {
		got = read(fd, at + length, size - length);
		if (got == 0 || (got < 0 && errno != EINTR))
			break;
		if (got > 0)
			length += (size_t)got;
	}
	return length;
}

size_t egi_text_file_read(const char *path, char *ret_text, size_t size)
{
	int fd = file_open(path);
	size_t length;

	if (fd < 0)
		return 0;
	length = file_read(fd, ret_text, size - 1);
	close(fd);
	ret_text[length] = '\0';
	return length;
}

bool egi_text_lines_open(struct egi_text_lines *lines, const char *path)
{
	lines->fd = file_open(path);
	lines->is_skipping = false;
	lines->begin = lines->end = 0;
	return lines->fd >= 0;
}

void egi_text_lines_close(struct egi_text_lines *lines)
{
	close(lines->fd);
}

/* Makes room and reads on. Return: false at the end of the file. */
static bool lines_fill(struct egi_text_lines *lines)
{
	size_t kept = lines->end - lines->begin, got;

	if (kept == sizeof(lines->text)) {
		lines->is_skipping = true;
		kept = 0;
	}
	memmove(lines->text, lines->text + lines->begin, kept);
	got = file_read(lines->fd, lines->text + kept, sizeof(lines->text) - kept);
	lines->begin = 0;
	lines->end = kept + got;
	return got > 0;
}

char *egi_text_lines_next(struct egi_text_lines *lines)
{
	for (;;) {
		char *line = lines->text + lines->begin;
		char *line_end = memchr(line, '\n', lines->end - lines->begin);
		bool is_whole = !lines->is_skipping;

		if (!line_end && !lines_fill(lines))
			return NULL;
		if (!line_end)
			continue;
		*line_end = '\0';
		lines->begin = (size_t)(line_end + 1 - lines->text);
		lines->is_skipping = false;
		if (is_whole)
			return line;
	}
}
