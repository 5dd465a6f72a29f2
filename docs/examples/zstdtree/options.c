/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include <zstd.h>

#include "../shared/console.h"

static const char options_help[] =
    "Usage: zstdtree [OPTION]... DIR|FILE...\n"
    "Compress every regular file under each DIR into a file of the same name with .zst added, several at a\n"
    "time. The originals stay.\n"
    "\n"
    "  -f, --force       make .zst files anew that are there already; without it they are left as they are, "
    "so\n"
    "                    a run that was stopped can be taken up again\n"
    "  -j, --jobs N      compress N files at a time (default: as many as CPUs)\n"
    "  -l, --level N     zstd's level (default: 3)\n"
    "      --help        print this\n"
    "\n"
    "Symbolic links are followed when given as operands, not in directories. Names that end in .zst are "
    "passed\n"
    "over. The first file that fails ends the run. A .zst file appears when it is complete: SIGINT, SIGTERM "
    "and\n"
    "even SIGKILL leave no part of one.\n"
    "\n"
    "Exit status: 0; 1 when something could not be read, compressed or written; 2 for a wrong command line;\n"
    "128 + N when stopped by signal N.\n";

static void fail_usage(void)
{
	fputs("Try 'zstdtree --help'.\n", stderr);
	exit(2);
}

static int number_parse(const char *text, const char *name, int least, int most)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || number < least || number > most) {
		console_report("--%s takes a number from %d to %d, not '%s'", name, least, most, text);
		fail_usage();
	}
	return (int)number;
}

void options_parse(struct options *options, int argc, char **argv)
{
	enum { OPTION_HELP = 256 };
	static const struct option known[] = {
	    {"force", no_argument, NULL, 'f'},
	    {"jobs", required_argument, NULL, 'j'},
	    {"level", required_argument, NULL, 'l'},
	    {"help", no_argument, NULL, OPTION_HELP},
	    {NULL, 0, NULL, 0},
	};
	int option;

	*options = (struct options){.level = ZSTD_CLEVEL_DEFAULT};
	opterr = 0;
	while ((option = getopt_long(argc, argv, "fj:l:", known, NULL)) != -1) {
		switch (option) {
		case 'f':
			options->replaces = true;
			break;
		case 'j':
			options->jobs = number_parse(optarg, "jobs", 1, JOBS_MAX);
			break;
		case 'l':
			options->level = number_parse(optarg, "level", ZSTD_minCLevel(), ZSTD_maxCLevel());
			break;
		case OPTION_HELP:
			fputs(options_help, stdout);
			exit(fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
		default:
			console_report_option(argv);
			fail_usage();
		}
	}
	if (optind == argc) {
		console_report("no directory");
		fail_usage();
	}
	options->operands = argv + optind;
}
