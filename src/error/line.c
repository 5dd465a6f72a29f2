/* SPDX-License-Identifier: MIT */
/*
 * What went wrong, and why, in the words of messages: that of the error, then those of its causes, as far as each adds
 * something, and in the end the name of the last one's code, if it is an errno and nobody has said it:
 *
 *     cannot load the settings: cannot open /etc/x: No such file or directory
 *
 * Where a task ran, and how it came there, is for the other form (print.c).
 */
#include "error/line.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "os/exception.h"
#include "os/text.h"

#define CAUSES_MAX 64
#define CUT "..."

struct line {
	char *text;
	size_t length;
};

/* A message as it stands in a line: what separates lines is a space, and nothing acts on a terminal. */
static void piece_make(const char *message, char ret_piece[EGI_LINE_SIZE])
{
	static const char breaks[] = "\n\r\t ";
	size_t length = 0, taken;

	for (message += strspn(message, breaks); *message; message += strspn(message, breaks)) {
		size_t size = strcspn(message, breaks);

		if (length > 0 && length < EGI_LINE_SIZE - 1)
			ret_piece[length++] = ' ';
		length += egi_text_show(message, size, false, ret_piece + length, EGI_LINE_SIZE - 1 - length,
					&taken);
		if (taken < size)
			break;
		message += size;
	}
	ret_piece[length] = '\0';
}

/* The line is full: it ends with a whole character, and says so. */
static void line_cut(struct line *line)
{
	line->length = EGI_LINE_SIZE - 1 - strlen(CUT);
	while (((unsigned char)line->text[line->length] & 0xc0) == 0x80)
		line->length--;
	memcpy(line->text + line->length, CUT, sizeof(CUT));
	line->length += strlen(CUT);
}

/* Adds what is not there already. */
static void line_add(struct line *line, const char *piece)
{
	size_t size = strlen(piece), room;

	if (size == 0 || strstr(line->text, piece))
		return;
	if (line->length > 0 && line->length + 2 < EGI_LINE_SIZE) {
		memcpy(line->text + line->length, ": ", 3);
		line->length += 2;
	}
	room = EGI_LINE_SIZE - 1 - line->length;
	size = size < room ? size : room;
	memcpy(line->text + line->length, piece, size);
	line->length += size;
	line->text[line->length] = '\0';
	if (size == room)
		line_cut(line);
}

static bool is_errno(const eg_error *error)
{
	int code = eg_error_code(error);

	return eg_error_kind(error) == EG_ERROR_RETURNED && code < 0 && code > -4096 &&
	       error != egi_error_deadline();
}

size_t egi_line_make(const eg_error *error, char ret_line[EGI_LINE_SIZE])
{
	struct line line = {ret_line, 0};
	char piece[EGI_LINE_SIZE];

	ret_line[0] = '\0';
	for (int i = 0; error && i < CAUSES_MAX && line.length < EGI_LINE_SIZE - 16; i++) {
		const eg_error *cause = eg_error_cause(error);
		const char *message = eg_error_message(error);

		if (eg_error_kind(error) == EG_ERROR_RETURNED && strcmp(message, "unknown code") == 0)
			snprintf(piece, sizeof(piece), "failed with code %d", eg_error_code(error));
		else
			piece_make(message, piece);
		line_add(&line, piece);
		if (!cause && is_errno(error))
			line_add(&line, eg_strerror(eg_error_code(error)));
		error = cause;
	}
	return line.length;
}

bool egi_line_write(FILE *stream, const char *before, const char *line)
{
	int written;

	/* The stream may be one of the program's own, by fopencookie. */
	EGI_CALL_PROGRAM(written = fprintf(stream, "%s%s\n", before, line));
	return written >= 0;
}

int eg_error_print_line(const eg_error *error, FILE *stream)
{
	char line[EGI_LINE_SIZE];
	bool written = true;
	int cancelable;

	if (!stream)
		return -EINVAL;
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	if (error) {
		egi_line_make(error, line);
		written = egi_line_write(stream, "", line);
	}
	pthread_setcancelstate(cancelable, NULL);
	return written ? 0 : -EIO;
}

size_t eg_error_format_line(const eg_error *error, char *buffer, size_t size)
{
	char line[EGI_LINE_SIZE];
	size_t length = egi_line_make(error, line);

	if (buffer && size > 0) {
		size_t kept = length < size ? length : size - 1;

		memcpy(buffer, line, kept);
		buffer[kept] = '\0';
	}
	return length;
}
