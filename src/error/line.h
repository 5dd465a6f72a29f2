/* SPDX-License-Identifier: MIT */
#ifndef EGI_ERROR_LINE_H
#define EGI_ERROR_LINE_H

/*
 * An error as one line, for whoever uses the program.
 */

#include "error/error.h"

/* No line is longer, with its NUL. */
#define EGI_LINE_SIZE 4096

/* Makes the line, without a newline. Return: its length. */
size_t egi_line_make(const eg_error *error, char ret_line[EGI_LINE_SIZE]);

/* Writes a line, with what goes before it and a newline. False if the stream failed. */
bool egi_line_write(FILE *stream, const char *before, const char *line);

#endif
