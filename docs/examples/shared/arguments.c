/* SPDX-License-Identifier: MIT */
/*
 * Command lines, read by getopt_long. Messages go through console.c, as a wrong argument may hold anything.
 */

#include "arguments.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console.h"

#define KNOWN_MAX 24

/* What getopt_long returns for a long option: its place in the table from here on, past all letters. */
#define PLACE_FIRST 256

void arguments_refuse(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	console_vreport(format, arguments);
	va_end(arguments);
	fprintf(stderr, "Try '%s --help'.\n", program_invocation_short_name);
	exit(2);
}

/* Writes a text to standard output and ends the program: with 0, or 1 if it could not be written. */
EG_NORETURN static void answer(const char *text)
{
	if (fputs(text, stdout) == EOF || fflush(stdout) != 0) {
		console_report("standard output: %s", eg_strerror(-errno));
		exit(EXIT_FAILURE);
	}
	exit(EXIT_SUCCESS);
}

EG_NORETURN static void answer_version(void)
{
	char text[64];

	snprintf(text, sizeof(text), "%s (liberrgroup %s)\n", program_invocation_short_name,
		 eg_version_string());
	answer(text);
}

static void set_integer(const struct argument *argument, const char *text)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || (double)number < argument->least ||
	    (double)number > argument->most)
		arguments_refuse("--%s takes a whole number from %.0f to %.0f, not '%s'", argument->name,
				 argument->least, argument->most, text);
	*argument->ret_integer = (int)number;
}

static void set_number(const struct argument *argument, const char *text)
{
	char *end;
	double number = strtod(text, &end);

	/* What is no number at all compares with nothing. */
	if (end == text || *end != '\0' || !(number >= argument->least && number <= argument->most))
		arguments_refuse("--%s takes a number from %g to %g, not '%s'", argument->name,
				 argument->least, argument->most, text);
	*argument->ret_number = number;
}

static void set_choice(const struct argument *argument, const char *text)
{
	const size_t count = sizeof(argument->choices) / sizeof(argument->choices[0]);
	char known[128] = "";

	for (unsigned i = 0; i < count; i++) {
		const char *choice = argument->choices[i];

		if (choice != NULL && strcmp(choice, text) == 0) {
			*argument->ret_choice = i;
			return;
		}
		if (choice != NULL)
			snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s",
				 known[0] != '\0' ? ", " : "", choice);
	}
	arguments_refuse("--%s takes one of %s, not '%s'", argument->name, known, text);
}

static void set(const struct argument *argument, const char *text)
{
	if (argument->ret_flag != NULL)
		*argument->ret_flag = true;
	else if (argument->ret_text != NULL)
		*argument->ret_text = text;
	else if (argument->ret_integer != NULL)
		set_integer(argument, text);
	else if (argument->ret_number != NULL)
		set_number(argument, text);
	else
		set_choice(argument, text);
}

/* @prefix  what tells getopt_long where to stop: "+", at the first operand; "", nowhere */
static char *const *parse(int argc, char **argv, const struct argument *known, size_t count, const char *help,
			  const char *prefix)
{
	struct option options[KNOWN_MAX + 3] = {{0}};
	char letters[2 * KNOWN_MAX + 2], *end = stpcpy(letters, prefix);
	int found;

	for (size_t i = 0; i < count && i < KNOWN_MAX; i++) {
		int takes = known[i].ret_flag != NULL ? no_argument : required_argument;

		options[i] = (struct option){known[i].name, takes, NULL, PLACE_FIRST + (int)i};
		if (known[i].letter != 0)
			end += sprintf(end, "%c%s", known[i].letter, takes == no_argument ? "" : ":");
	}
	*end = '\0';
	options[count] = (struct option){"help", no_argument, NULL, PLACE_FIRST + (int)count};
	options[count + 1] = (struct option){"version", no_argument, NULL, PLACE_FIRST + (int)count + 1};

	opterr = 0;
	while ((found = getopt_long(argc, argv, letters, options, NULL)) != -1) {
		size_t place = (size_t)(found - PLACE_FIRST);

		/* It tells a letter, or the number of a long option, or nothing of what it does not know. */
		if (found == '?' && optopt > ' ' && optopt < 127)
			arguments_refuse("option -%c is not known, or lacks its argument", optopt);
		if (found == '?')
			arguments_refuse("option %s is not known, or lacks its argument, or takes none",
					 argv[optind - 1]);
		for (size_t i = 0; found < PLACE_FIRST && i < count; i++)
			if (known[i].letter == found)
				place = i;
		if (place == count)
			answer(help);
		if (place == count + 1)
			answer_version();
		set(&known[place], optarg);
	}
	return argv + optind;
}

char *const *arguments_parse(int argc, char **argv, const struct argument *known, size_t count,
			     const char *help)
{
	return parse(argc, argv, known, count, help, "");
}

char *const *arguments_parse_leading(int argc, char **argv, const struct argument *known, size_t count,
				     const char *help)
{
	return parse(argc, argv, known, count, help, "+");
}
