/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_CONSOLE_H
#define EXAMPLES_CONSOLE_H

/*
 * Standard error: messages, and the bar on the last line of a terminal. Texts come from anywhere, so what a terminal would
 * act on rather than show appears as octal escapes.
 *
 * The bar is a line without an end. Whatever else goes to the terminal takes it away first and the next
 * console_bar draws it again. Threads: any, but for the first function.
 */

#include <stdarg.h>

#include <errgroup.h>

/*
 * At the program's begin. Which characters can be shown is the environment's to say; and no file that is opened later is
 * taken for a standard one that was closed.
 */
void console_init(void);

/* Writes a message as one line, with the program's name before it. */
void console_report(const char *format, ...) EG_PRINTF(1, 2);
void console_vreport(const char *format, va_list arguments) EG_PRINTF(1, 0);

/*
 * Writes a line to standard output: as it is, but to a terminal as it can be shown. It goes out at once, unless the program
 * has given stdout a buffer and it is no terminal. Returns 0 or -errno.
 */
int console_print(const char *text);

/* At the program's end: what is in the buffer is written, and standard output closed. Returns 0 or -errno. */
int console_close(void);

/* Between these two the bar is away and nobody else writes here: for what goes to the terminal as it is. */
void console_pause(void);
void console_resume(void);

/* A text as it can be shown, in one line. The caller frees it; NULL without memory. */
char *console_text(const char *text);

/* Draws the bar, or takes it away when text is NULL. */
void console_bar(const char *text);

#endif
