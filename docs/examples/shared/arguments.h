/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_ARGUMENTS_H
#define EXAMPLES_ARGUMENTS_H

/*
 * Command lines: which options a program knows is a table, and a wrong one ends the program. Threads: one, at the
 * program's begin.
 */

#include <stdbool.h>
#include <stddef.h>

#include <errgroup.h>

/* An option, and where its value goes: one of the ret_ is set, and untouched where the option is not given. */
struct argument {
	const char *name; /* the long one */
	int letter;       /* the short one, or 0 */

	bool *ret_flag; /* true */
	const char **ret_text;
	int *ret_integer; /* from least to most */
	double *ret_number;
	double least, most;
	unsigned *ret_choice;   /* which of the choices */
	const char *choices[4]; /* those that are NULL cannot be chosen */
};

/*
 * Reads the options that the table knows, and --help and --version, which it answers. Returns what is left, the operands,
 * ended by NULL. Ends the program with 2 where a word is none of these, or a value is none of the option's.
 *
 * @known  `count` options, at most 24
 * @help   what --help says
 */
char *const *arguments_parse(int argc, char **argv, const struct argument *known, size_t count,
			     const char *help);

/* The same for programs that run another: the options end at the first operand, and all that follows is left. */
char *const *arguments_parse_leading(int argc, char **argv, const struct argument *known, size_t count,
				     const char *help);

/* Ends the program with 2, after a message and the advice to ask for help. */
void arguments_refuse(const char *format, ...) EG_PRINTF(1, 2) EG_NORETURN;

#endif
