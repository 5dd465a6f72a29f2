/* SPDX-License-Identifier: MIT */
/*
 * Text that may reach a terminal: see text.h.
 */
#include "os/text.h"

#include <stdint.h>
#include <string.h>

#define CHARACTER_MAX 4 /* bytes of UTF-8, and of an escape */

/* The least code point of each length: less is an overlong form, which hides what it stands for. */
static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

/* Reads a character of UTF-8. Return: its length; 0 if there is none. */
static size_t character_read(const unsigned char *text, size_t size, uint32_t *ret_code)
{
	size_t length = text[0] < 0x80 ? 1 : text[0] < 0xc0 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
	uint32_t code = length == 1 ? text[0] : text[0] & (0xffu >> (length + 1));

	if (length == 0 || length > size)
		return 0;
	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (code < least[length] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	*ret_code = code;
	return length;
}

/* Whether a terminal shows a character, and in the order in which it stands. */
static bool is_shown(uint32_t code, bool has_lines)
{
	if (code == '\n' || code == '\t')
		return has_lines;
	if (code < 0x20 || (code >= 0x7f && code < 0xa0))
		return false;
	/* The marks, embeddings, overrides and isolates of text from right to left; line and paragraph separators. */
	return code != 0x061c && code != 0x200e && code != 0x200f && !(code >= 0x2028 && code <= 0x202e) &&
	       !(code >= 0x2066 && code <= 0x2069);
}

/* Shows one character, or one byte that is none. Return: the length of that. */
static size_t character_show(const char *text, size_t size, bool has_lines, char *ret_shown,
			     size_t *ret_taken)
{
	unsigned char byte = (unsigned char)text[0];
	uint32_t code;

	*ret_taken = character_read((const unsigned char *)text, size, &code);
	if (*ret_taken > 0 && is_shown(code, has_lines)) {
		memcpy(ret_shown, text, *ret_taken);
		return *ret_taken;
	}
	ret_shown[0] = '\\';
	ret_shown[1] = (char)('0' + (byte >> 6));
	ret_shown[2] = (char)('0' + (byte >> 3 & 7));
	ret_shown[3] = (char)('0' + (byte & 7));
	*ret_taken = 1;
	return 4;
}

size_t egi_text_show(const char *text, size_t size, bool has_lines, char *buffer, size_t room,
		     size_t *ret_taken)
{
	size_t length = 0, taken = 0;

	while (taken < size) {
		char shown[CHARACTER_MAX];
		size_t one, more = character_show(text + taken, size - taken, has_lines, shown, &one);

		if (more > room - length)
			break;
		memcpy(buffer + length, shown, more);
		length += more;
		taken += one;
	}
	*ret_taken = taken;
	return length;
}

const char *egi_text_tail(const char *text, size_t room)
{
	const char *end = text + strlen(text);
	char shown[CHARACTER_MAX];
	size_t length = 0, one;

	/* More bytes than that are never shown in it. */
	if ((size_t)(end - text) > room)
		text = end - room;
	for (const char *at = text; at < end; at += one)
		length += character_show(at, (size_t)(end - at), false, shown, &one);
	for (; length > room; text += one)
		length -= character_show(text, (size_t)(end - text), false, shown, &one);
	return text;
}
