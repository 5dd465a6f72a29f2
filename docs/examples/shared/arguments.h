/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_ARGUMENTS_H
#define EXAMPLES_ARGUMENTS_H

/*
 * What is alike in every program's command line: how help is given, how numbers are read, and how a wrong one ends the
 * program. Threads: one, at the program's begin.
 */

#include <errgroup.h>

/* Writes a text, help or a version, to standard output and ends the program: with 0, or 1 if it could not be written. */
void arguments_answer(const char *text) EG_NORETURN;

/* Ends the program with 2, after a message and the advice to ask for help. */
void arguments_refuse(const char *format, ...) EG_PRINTF(1, 2) EG_NORETURN;

/* The same for what getopt_long has refused, with its own messages turned off (opterr). */
void arguments_refuse_option(char *const *argv) EG_NORETURN;

/* The value of an option, given by its long name. Anything but a whole number, or any number, from least to most is refused. */
int arguments_integer(const char *name, const char *text, int least, int most);
double arguments_number(const char *name, const char *text, double least, double most);

#endif
