/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_JSON_TEXT_H
#define EXAMPLES_JSON_TEXT_H

/*
 * JSON put together in a fixed piece of memory, as a line of a log or an event of a trace: no allocation, and no failure.
 */

#include <stddef.h>
#include <stdint.h>

#include <errgroup.h>

/* The most bytes that a string takes, quotes and all. */
#define JSON_STRING_MAX ((size_t)2000)

/* Two strings, and what is around them. */
#define JSON_TEXT_MAX (2 * JSON_STRING_MAX + 512)

struct json_text {
	size_t length; /* 0 at the begin */
	char bytes[JSON_TEXT_MAX];
};

/* As printf. What has no room is cut: numbers and names of fields are to be within the room besides the strings. */
void json_text_put(struct json_text *text, const char *format, ...) EG_PRINTF(2, 3);

/*
 * A string that may hold anything, with its quotes. Bytes that are no UTF-8 are replaced; what takes more than
 * JSON_STRING_MAX is cut, and ends in "...".
 */
void json_text_put_string(struct json_text *text, const char *string);

#endif
