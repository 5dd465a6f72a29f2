/* SPDX-License-Identifier: MIT */
/*
 * A reader without a tree. What the caller does not want is passed by, checked as far as its brackets and strings go, so memory
 * is a buffer whatever the size of the file.
 */

#include "json.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../shared/utf8.h"

#define DEPTH_MAX 200

void json_init(struct json *json, int fd, const char *name)
{
	*json = (struct json){.fd = fd, .name = name, .line = 1};
}

static void vfail(struct json *json, const char *place, const char *format, va_list arguments)
{
	char what[128];

	if (json->has_failed)
		return;
	json->has_failed = true;
	vsnprintf(what, sizeof(what), format, arguments);
	snprintf(json->message, sizeof(json->message), "%.80s%s: %s", json->name, place, what);
}

static bool fail_read(struct json *json, const char *format, ...) EG_PRINTF(2, 3);

static bool fail_read(struct json *json, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfail(json, "", format, arguments);
	va_end(arguments);
	return false;
}

bool json_fail(struct json *json, const char *format, ...)
{
	va_list arguments;
	char place[32];

	snprintf(place, sizeof(place), ":%ju", (uintmax_t)json->line);
	va_start(arguments, format);
	vfail(json, place, format, arguments);
	va_end(arguments);
	return false;
}

static bool fill(struct json *json)
{
	ssize_t length;

	do
		length = read(json->fd, json->buffer, sizeof(json->buffer));
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return fail_read(json, "%s", eg_strerror(-errno));
	json->next = 0;
	json->length = (size_t)length;
	return length > 0;
}

/* The next byte, or -1. */
static int look(struct json *json)
{
	if (json->has_failed || (json->next == json->length && !fill(json)))
		return -1;
	return json->buffer[json->next];
}

static int get(struct json *json)
{
	int byte = look(json);

	if (byte >= 0)
		json->next++;
	if (byte == '\n')
		json->line++;
	return byte;
}

int json_peek(struct json *json)
{
	int byte;

	while ((byte = look(json)) == ' ' || byte == '\t' || byte == '\r' || byte == '\n')
		get(json);
	return byte;
}

bool json_take(struct json *json, int character)
{
	if (json_peek(json) != character)
		return false;
	get(json);
	return true;
}

/* What is there instead of what should be. */
static bool fail_instead(struct json *json, const char *wanted)
{
	int found = json_peek(json);

	if (found < 0)
		return json_fail(json, "%s expected, and the file ends", wanted);
	if (found <= ' ' || found > '~')
		return json_fail(json, "%s expected, not the byte 0x%02x", wanted, (unsigned)found);
	return json_fail(json, "%s expected, not '%c'", wanted, found);
}

bool json_expect(struct json *json, int character)
{
	const char wanted[] = {'\'', (char)character, '\'', '\0'};

	return json_take(json, character) || fail_instead(json, wanted);
}

/* Strings are cut where a character begins. */
static void append(struct json *json, size_t *length, const char *bytes, size_t count)
{
	if (*length + count > JSON_LENGTH_MAX) {
		*length = SIZE_MAX / 2; /* and nothing fits any more */
		return;
	}
	memcpy(json->text + *length, bytes, count);
	*length += count;
	json->text[*length] = '\0';
}

static bool hex4(struct json *json, uint32_t *ret_number)
{
	uint32_t number = 0;

	for (int i = 0; i < 4; i++) {
		static const char digits[] = "0123456789abcdef";
		int byte = get(json);
		const char *digit = byte > 0 ? strchr(digits, byte | 0x20) : NULL;

		if (digit == NULL || *digit == '\0')
			return json_fail(json, "\\u without four digits");
		number = number << 4 | (uint32_t)(digit - digits);
	}
	*ret_number = number;
	return true;
}

/* Behind \u. Half a pair of surrogates is no character, and is written as the replacement. */
static bool string_unicode(struct json *json, size_t *length)
{
	uint32_t character, low;
	char bytes[UTF8_MAX];

	if (!hex4(json, &character))
		return false;
	if (character >= 0xd800 && character < 0xdc00 && look(json) == '\\') {
		get(json);
		if (get(json) != 'u')
			return json_fail(json, "half of a character in a string");
		if (!hex4(json, &low))
			return false;
		if (low >= 0xdc00 && low < 0xe000)
			character = 0x10000 + ((character - 0xd800) << 10) + (low - 0xdc00);
	}
	append(json, length, bytes, utf8_encode(character != 0 ? character : UTF8_REPLACEMENT, bytes));
	return true;
}

static bool string_escape(struct json *json, size_t *length)
{
	static const char letters[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
	int letter = get(json);

	if (letter == 'u')
		return string_unicode(json, length);
	for (const char *known = letters; *known != '\0'; known += 2) {
		if (letter == *known) {
			append(json, length, known + 1, 1);
			return true;
		}
	}
	return json_fail(json, "a backslash in a string with something else than an escape");
}

/* Up to where the next character of the text begins, when it is cut. */
static void end_at_character(char *text)
{
	size_t length = strlen(text), begin = length;

	if (length + UTF8_MAX < JSON_LENGTH_MAX)
		return;
	while (begin > 0 && begin + UTF8_MAX > length && ((unsigned char)text[begin - 1] & 0xc0) == 0x80)
		begin--;
	if (begin > 0 && (unsigned char)text[begin - 1] >= 0xc0) {
		uint32_t character;

		if (utf8_decode(text + begin - 1, length - begin + 1, &character) != length - begin + 1)
			text[begin - 1] = '\0';
	}
}

bool json_string(struct json *json)
{
	size_t length = 0;

	if (json_peek(json) != '"')
		return fail_instead(json, "a string");
	get(json);
	json->text[0] = '\0';
	for (;;) {
		int byte = look(json);
		char one = (char)byte;

		if (byte < 0 || byte == '\n')
			return json_fail(json, "a string without an end");
		get(json);
		if (byte == '"')
			break;
		if (byte == '\\' ? !string_escape(json, &length) : false)
			return false;
		if (byte != '\\' && byte != 0)
			append(json, &length, &one, 1);
	}
	end_at_character(json->text);
	return true;
}

/* A number, or a word: what they consist of; what they mean is for who asks. */
static bool word(struct json *json)
{
	size_t length = 0;
	int byte;

	json_peek(json);
	json->text[0] = '\0';
	while ((byte = look(json)) == '+' || byte == '-' || byte == '.' || (byte >= '0' && byte <= '9') ||
	       ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z')) {
		char one = (char)byte;

		append(json, &length, &one, 1);
		get(json);
	}
	if (json->text[0] == '\0')
		return fail_instead(json, "a value");
	if (json->text[0] == '-' || (json->text[0] >= '0' && json->text[0] <= '9') ||
	    strcmp(json->text, "true") == 0 || strcmp(json->text, "false") == 0 ||
	    strcmp(json->text, "null") == 0)
		return true;
	return json_fail(json, "'%.20s' is no value", json->text);
}

bool json_scalar(struct json *json)
{
	return json_peek(json) == '"' ? json_string(json) : word(json);
}

bool json_member(struct json *json, bool *is_first)
{
	if (json_take(json, '}') || json->has_failed)
		return false;
	if (!*is_first && !json_expect(json, ','))
		return false;
	*is_first = false;
	return json_string(json) && json_expect(json, ':');
}

static bool skip_deep(struct json *json, int depth)
{
	bool is_first = true;

	if (depth > DEPTH_MAX)
		return json_fail(json, "objects and arrays more than %d within each other", DEPTH_MAX);
	if (json_take(json, '{')) {
		while (json_member(json, &is_first))
			skip_deep(json, depth + 1);
		return !json->has_failed;
	}
	if (!json_take(json, '['))
		return json_scalar(json);
	if (json_take(json, ']'))
		return true;
	do {
		if (!skip_deep(json, depth + 1))
			return false;
	} while (json_take(json, ','));
	return json_expect(json, ']');
}

bool json_skip(struct json *json)
{
	return skip_deep(json, 0);
}
