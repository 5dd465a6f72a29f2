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

/* A character that an escape stands for. A NUL would end the text. */
static void append_character(struct json *json, size_t *length, uint32_t character)
{
	char bytes[UTF8_MAX];

	append(json, length, bytes, utf8_encode(character != 0 ? character : UTF8_REPLACEMENT, bytes));
}

/*
 * Behind \u. Characters beyond U+FFFF are pairs: the first is kept in *high until the second comes; what has no other is no
 * character, and is replaced.
 */
static bool string_unicode(struct json *json, size_t *length, uint32_t *high)
{
	uint32_t unit = 0;

	if (!hex4(json, &unit))
		return false;
	if (*high != 0 && unit >= 0xdc00 && unit < 0xe000)
		unit = 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00);
	else if (*high != 0)
		append_character(json, length, UTF8_REPLACEMENT);
	*high = unit >= 0xd800 && unit < 0xdc00 ? unit : 0;
	if (*high == 0)
		append_character(json, length, unit);
	return true;
}

static bool string_letter(struct json *json, size_t *length, int letter)
{
	static const char letters[] = "\"\"\\\\//b\bf\fn\nr\rt\t";

	for (const char *known = letters; *known != '\0'; known += 2) {
		if (letter == *known) {
			append(json, length, known + 1, 1);
			return true;
		}
	}
	return json_fail(json, "a backslash in a string with something else than an escape");
}

/* What was cut ends where a character does. */
static void end_at_character(char *text)
{
	size_t length = strlen(text), begin = length;
	uint32_t character;

	while (begin > 0 && length - begin < UTF8_MAX - 1 && ((unsigned char)text[begin - 1] & 0xc0) == 0x80)
		begin--;
	if (begin == 0 || (unsigned char)text[begin - 1] < 0xc0)
		return;
	begin--;
	utf8_decode(text + begin, length - begin, &character);
	if (character == UTF8_REPLACEMENT)
		text[begin] = '\0';
}

/* One character of a string, or an escape. Returns false at the end, or if something is wrong. */
static bool string_next(struct json *json, size_t *length, uint32_t *high)
{
	int byte = look(json);
	char one = (char)byte;
	bool is_escape = byte == '\\';

	if (byte < 0 || byte == '\n')
		return json_fail(json, "a string without an end");
	get(json);
	if (is_escape)
		byte = get(json);
	if (is_escape && byte == 'u')
		return string_unicode(json, length, high);
	if (*high != 0)
		append_character(json, length, UTF8_REPLACEMENT);
	*high = 0;
	if (is_escape)
		return string_letter(json, length, byte);
	if (byte != '"' && byte != 0)
		append(json, length, &one, 1);
	return byte != '"';
}

bool json_string(struct json *json)
{
	size_t length = 0;
	uint32_t high = 0;

	if (json_peek(json) != '"')
		return fail_instead(json, "a string");
	get(json);
	json->text[0] = '\0';
	while (string_next(json, &length, &high))
		;
	if (length > JSON_LENGTH_MAX)
		end_at_character(json->text);
	return !json->has_failed;
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
