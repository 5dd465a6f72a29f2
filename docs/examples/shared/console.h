/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_CONSOLE_H
#define EXAMPLES_CONSOLE_H

/*
 * Standard error: messages, and the bar on the last line of a terminal.
 *
 * The bar is a line without an end. Whatever else goes to the terminal takes it away first and the next
 * console_bar draws it again. Threads: any.
 */

#include <errgroup.h>

/* Writes a message as one line, with the program's name before it. */
void console_report(const char *format, ...) EG_PRINTF(1, 2);

/* Writes "PATH: text"; bytes of the path that a terminal might act on appear as octal escapes. */
void console_report_path(const char *path, const char *text);

/* Draws the bar, or takes it away when text is NULL. */
void console_bar(const char *text);

/* Between these two the bar is away and nobody else writes. For standard output when it is a terminal. */
void console_pause(void);
void console_resume(void);

#endif
