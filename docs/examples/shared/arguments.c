/* SPDX-License-Identifier: MIT */
/*
 * Command lines: the ends that reading one may come to. Messages go through console.c, as a wrong argument may hold anything.
 */

#include "arguments.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "console.h"

void arguments_answer(const char *text)
{
	if (fputs(text, stdout) == EOF || fflush(stdout) != 0) {
		console_report("standard output: %s", eg_strerror(-errno));
		exit(EXIT_FAILURE);
	}
	exit(EXIT_SUCCESS);
}

void arguments_refuse(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	console_vreport(format, arguments);
	va_end(arguments);
	fprintf(stderr, "Try '%s --help'.\n", program_invocation_short_name);
	exit(2);
}

void arguments_refuse_option(char *const *argv)
{
	/* getopt_long tells a letter, or the number of a long option, or nothing of what it does not know. */
	if (optopt > ' ' && optopt < 127)
		arguments_refuse("option -%c is not known, or lacks its argument", optopt);
	arguments_refuse("option %s is not known, or lacks its argument, or takes none", argv[optind - 1]);
}

int arguments_integer(const char *name, const char *text, int least, int most)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || number < least || number > most)
		arguments_refuse("--%s takes a whole number from %d to %d, not '%s'", name, least, most,
				 text);
	return (int)number;
}

double arguments_number(const char *name, const char *text, double least, double most)
{
	char *end;
	double number = strtod(text, &end);

	/* What is no number at all compares with nothing. */
	if (end == text || *end != '\0' || !(number >= least && number <= most))
		arguments_refuse("--%s takes a number from %g to %g, not '%s'", name, least, most, text);
	return number;
}
