/* SPDX-License-Identifier: MIT */
/*
 * UTF-8, a character at a time. The number of ones that the first byte begins with is the number of bytes, and each that
 * follows brings six bits.
 */

#include "utf8.h"

#include <stdbool.h>

static bool is_character(uint32_t number)
{
	return number <= 0x10ffff && !(number >= 0xd800 && number <= 0xdfff);
}

size_t utf8_decode(const char *bytes, size_t length, uint32_t *ret_character)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *next = (const unsigned char *)bytes;
	uint32_t character = next[0];
	size_t size = 1;

	*ret_character = character;
	if (character < 0x80)
		return 1;
	*ret_character = UTF8_REPLACEMENT;
	if (character >= 0xc0 && character < 0xe0)
		size = 2;
	else if (character >= 0xe0 && character < 0xf0)
		size = 3;
	else if (character >= 0xf0 && character < 0xf8)
		size = 4;
	if (size == 1 || size > length)
		return 1;
	character &= 0x7fU >> size;
	for (size_t i = 1; i < size; i++) {
		if ((next[i] & 0xc0) != 0x80)
			return 1;
		character = character << 6 | (next[i] & 0x3f);
	}
	if (character < least[size] || !is_character(character))
		return 1;
	*ret_character = character;
	return size;
}

size_t utf8_encode(uint32_t character, char *bytes)
{
	static const unsigned char first[] = {0, 0, 0xc0, 0xe0, 0xf0};
	size_t size;

	if (!is_character(character))
		character = UTF8_REPLACEMENT;
	if (character < 0x80) {
		bytes[0] = (char)character;
		return 1;
	}
	size = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
	for (size_t i = size - 1; i > 0; i--) {
		bytes[i] = (char)(0x80 | (character & 0x3f));
		character >>= 6;
	}
	bytes[0] = (char)(first[size] | character);
	return size;
}
