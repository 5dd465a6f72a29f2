/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_BAR_H
#define EXAMPLES_BAR_H

/*
 * A bar on the last line of the terminal, with a text beside it. It is as wide as the terminal is at that moment. Threads:
 * one at a time.
 */

#include <stdbool.h>
#include <stddef.h>

/* Whether standard error is a terminal that a bar can be drawn on. */
bool bar_is_wanted(void);

/*
 * Draws it (console_bar).
 *
 * @text   each byte takes a column
 * @share  how much is done, from 0 to 1; negative: not known, and there is the text alone
 */
void bar_show(const char *text, double share);

/* A time as it is shown: "0:07", "1:02:03". Returns text. */
const char *bar_seconds(char *text, size_t size, double seconds);

#endif
