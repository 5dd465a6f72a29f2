/* SPDX-License-Identifier: MIT */
#include "json_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

void json_text_put(struct json_text *text, const char *format, ...)
{
	size_t room = JSON_TEXT_MAX - text->length;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(text->bytes + text->length, room, format, arguments);
	va_end(arguments);
	if (length > 0)
		text->length += (size_t)length < room ? (size_t)length : room - 1;
}

/* A character as it is within quotes. Returns the length. */
static size_t escape(uint32_t character, char *bytes)
{
	static const char letters[] = "\bb\tt\nn\ff\rr\"\"\\\\";

	for (const char *letter = letters; *letter != '\0'; letter += 2) {
		if (character == (unsigned char)letter[0]) {
			bytes[0] = '\\';
			bytes[1] = letter[1];
			return 2;
		}
	}
	if (character < ' ' || character == 0x7f)
		return (size_t)sprintf(bytes, "\\u%04x", (unsigned)character);
	return utf8_encode(character, bytes);
}

void json_text_put_string(struct json_text *text, const char *string)
{
	size_t room = JSON_TEXT_MAX - text->length;
	char *end = text->bytes + text->length, *last;
	size_t left = strlen(string);

	if (room > JSON_STRING_MAX)
		room = JSON_STRING_MAX;
	last = end + room - sizeof("\\u0000...\"");
	*end++ = '"';
	while (left > 0 && end < last) {
		uint32_t character;
		size_t length = utf8_decode(string, left, &character);

		end += escape(character, end);
		string += length;
		left -= length;
	}
	end = stpcpy(end, left > 0 ? "...\"" : "\"");
	text->length = (size_t)(end - text->bytes);
}
