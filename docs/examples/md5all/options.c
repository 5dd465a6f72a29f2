/* SPDX-License-Identifier: MIT */
/*
 * The command line of md5all.
 */

#include "options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <errgroup.h>

#include "../shared/arguments.h"

static const char options_help[] =
    "Usage: md5all [OPTION]... [DIR|FILE]...\n"
    "Print the MD5 digests of all regular files under each DIR (default: .), several files at a time.\n"
    "The output is what md5sum prints and \"md5sum -c\" checks.\n"
    "\n"
    "  -j, --jobs N          read N files at a time (default: as many as CPUs)\n"
    "  -k, --keep-order      print in the order of the walk: a directory's files sorted by name, then\n"
    "                        its subdirectories; without it, lines come as files are finished\n"
    "      --halt WHEN       after the first error: never stop (the default), start no further file\n"
    "                        (soon), or stop those being read as well (now)\n"
    "  -a, --algorithm NAME  another digest that OpenSSL knows, as sha256\n"
    "      --help            print this\n"
    "      --version         print the version\n"
    "\n"
    "Symbolic links are followed when given as operands, not in directories. Devices, sockets and FIFOs are\n"
    "skipped. SIGINT and SIGTERM stop the program after the lines that are done, a second one at once.\n"
    "\n"
    "Exit status: 0; 1 when a file or directory could not be read or the output not be written; 2 for a\n"
    "wrong command line; 128 + N when stopped by signal N.\n";

static enum halt halt_parse(const char *text)
{
	if (strcmp(text, "now") == 0)
		return HALT_NOW;
	if (strcmp(text, "soon") == 0)
		return HALT_SOON;
	if (strcmp(text, "never") != 0)
		arguments_refuse("--halt takes now, soon or never, not '%s'", text);
	return HALT_NEVER;
}

void options_parse(struct options *options, int argc, char **argv)
{
	enum { OPTION_HALT = 256, OPTION_HELP, OPTION_VERSION };
	static const struct option known[] = {
	    {"algorithm", required_argument, NULL, 'a'},
	    {"jobs", required_argument, NULL, 'j'},
	    {"keep-order", no_argument, NULL, 'k'},
	    {"halt", required_argument, NULL, OPTION_HALT},
	    {"help", no_argument, NULL, OPTION_HELP},
	    {"version", no_argument, NULL, OPTION_VERSION},
	    {NULL, 0, NULL, 0},
	};
	static char current_directory[] = ".";
	static char *const default_operands[] = {current_directory, NULL};
	char *const *operand;
	char version[64];
	int option;

	*options = (struct options){.halt = HALT_NEVER, .algorithm = "MD5"};
	opterr = 0;
	while ((option = getopt_long(argc, argv, "a:j:k", known, NULL)) != -1) {
		switch (option) {
		case 'a':
			options->algorithm = optarg;
			break;
		case 'j':
			options->jobs = arguments_integer("jobs", optarg, 1, JOBS_MAX);
			break;
		case 'k':
			options->keep_order = true;
			break;
		case OPTION_HALT:
			options->halt = halt_parse(optarg);
			break;
		case OPTION_HELP:
			arguments_answer(options_help);
		case OPTION_VERSION:
			snprintf(version, sizeof(version), "md5all (liberrgroup %s)\n", eg_version_string());
			arguments_answer(version);
		default:
			arguments_refuse_option(argv);
		}
	}

	options->operands = optind < argc ? argv + optind : default_operands;
	for (operand = options->operands; *operand != NULL; operand++) {
		/* md5sum -c would take the name for its standard input. */
		if (strcmp(*operand, "-") == 0)
			arguments_refuse("standard input has no digest here; a file of that name is ./-");
	}
}
