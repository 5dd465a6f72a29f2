/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_TEXT_H
#define EGI_OS_TEXT_H

/*
 * Text that may reach a terminal. Messages and names come from anywhere: from files, from the network, from whoever named
 * a function. What a terminal would act on rather than show is written as an octal escape for each of its bytes, as in
 * \033: control characters of both kinds (below 32, and 128 to 159 as UTF-8), what makes text run from right to left,
 * line separators, and bytes that are not UTF-8, among which are the controls of 8-bit terminals.
 */

#include <stdbool.h>
#include <stddef.h>

/*
 * Writes as much of a text, to be shown, as fits in a buffer, in whole characters and escapes.
 *
 * @has_lines  newlines and tabs are the text's own, and stay
 * @ret_taken  how much of the text that was
 *
 * Return: how much was written; no more than `room`, and no NUL.
 */
size_t egi_text_show(const char *text, size_t size, bool has_lines, char *buffer, size_t room,
		     size_t *ret_taken);

/* Skips as much of a text as has to be left out so that what remains is shown in `room`. */
const char *egi_text_tail(const char *text, size_t room);

#endif
