/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_UTF8_H
#define EXAMPLES_UTF8_H

/*
 * UTF-8, whatever the locale is. Threads: any.
 */

#include <stddef.h>
#include <stdint.h>

/* Stands for a byte that is no part of a character. */
#define UTF8_REPLACEMENT 0xfffd

/* The most bytes of a character. */
#define UTF8_MAX 4

/*
 * Reads the character that the bytes begin with; `length` is not 0. Returns how many bytes it takes: 1, with
 * UTF8_REPLACEMENT, where they are no UTF-8; which forms that are too long, surrogates and numbers beyond U+10FFFF are not.
 */
size_t utf8_decode(const char *bytes, size_t length, uint32_t *ret_character);

/* Writes a character; one that is none as UTF8_REPLACEMENT. Returns how many bytes it took, at most UTF8_MAX. */
size_t utf8_encode(uint32_t character, char *bytes);

#endif
