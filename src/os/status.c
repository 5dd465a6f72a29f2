/* SPDX-License-Identifier: MIT */
/*
 * Reading /proc/PID/status. The file is read whole, once, so that what its lines say is of one moment.
 */
#include "os/status.h"

#include <string.h>

#include "os/text_file.h"

#define BLANKS " \t"

static bool status_read(const char *path, struct egi_status *ret_status)
{
	ret_status->length = egi_text_file_read(path, ret_status->text, sizeof(ret_status->text));
	return ret_status->length > 0;
}

/* "self" is the process, of which the kernel shows the main thread, even after that has ended. */
bool egi_status_read_main(struct egi_status *ret_status)
{
	return status_read("/proc/self/status", ret_status);
}

bool egi_status_read_own(struct egi_status *ret_status)
{
	return status_read("/proc/thread-self/status", ret_status);
}

const char *egi_status_find(const struct egi_status *status, const char *name, size_t *ret_length)
{
	const char *line = status->text, *end = status->text + status->length, *line_end;
	size_t name_length = strlen(name);

	for (; line < end; line = line_end + 1) {
		line_end = memchr(line, '\n', (size_t)(end - line));
		if (!line_end)
			return NULL;
		if ((size_t)(line_end - line) <= name_length || memcmp(line, name, name_length) != 0 ||
		    line[name_length] != ':')
			continue;
		line += name_length + 1;
		while (line < line_end && strchr(BLANKS, *line))
			line++;
		while (line < line_end && strchr(BLANKS, line_end[-1]))
			line_end--;
		*ret_length = (size_t)(line_end - line);
		return line;
	}
	return NULL;
}

bool egi_status_differ(const struct egi_status *a, const struct egi_status *b, const char *name)
{
	size_t a_length, b_length;
	const char *a_value = egi_status_find(a, name, &a_length);
	const char *b_value = egi_status_find(b, name, &b_length);

	return a_value && b_value && (a_length != b_length || memcmp(a_value, b_value, a_length) != 0);
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

int egi_status_numbers(const struct egi_status *status, const char *name, int base, uint64_t *ret_numbers,
		       int max)
{
	size_t length;
	const char *at = egi_status_find(status, name, &length), *end;
	int count = 0;

	if (!at)
		return -1;
	end = at + length;
	while (at < end && count < max) {
		uint64_t number = 0;

		while (at < end && strchr(BLANKS, *at))
			at++;
		if (at == end || digit_of(*at) >= base)
			break;
		for (; at < end && digit_of(*at) < base; at++)
			number = number * (uint64_t)base + (uint64_t)digit_of(*at);
		ret_numbers[count++] = number;
	}
	return count;
}
