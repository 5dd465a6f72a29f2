/* SPDX-License-Identifier: MIT */
#ifndef TIMELINE_JSON_H
#define TIMELINE_JSON_H

/*
 * JSON, read piece by piece from a file of any size: the caller asks for what it expects next. Once something has failed,
 * everything fails, and the message is that of the first failure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <errgroup.h>

/* Longer strings are cut, at a character of UTF-8. */
#define JSON_LENGTH_MAX 400

struct json {
	int fd;
	const char *name; /* of the file, for messages */
	uint64_t line;
	bool has_failed;
	char message[256];
	/* What was read last: a string without its quotes and escapes, or a number or a word as it stands there. */
	char text[JSON_LENGTH_MAX + 8];
	size_t next, length;
	unsigned char buffer[64 * 1024];
};

void json_init(struct json *json, int fd, const char *name);

/* The next character that is no blank; -1 at the end, or if something has failed. */
int json_peek(struct json *json);

/* Passes it by, if it is this one. */
bool json_take(struct json *json, int character);

/* The same, and if it is another one that is a failure. */
bool json_expect(struct json *json, int character);

/* A string. */
bool json_string(struct json *json);

/* A string, a number, true, false or null. */
bool json_scalar(struct json *json);

/* Any value, which is not kept. */
bool json_skip(struct json *json);

/* For loops over what is in an object or array, once it is open: whether there is a member, with its key in json->text. */
bool json_member(struct json *json, bool *is_first);

/* The input is wrong at this line. Returns false. */
bool json_fail(struct json *json, const char *format, ...) EG_PRINTF(2, 3);

#endif
