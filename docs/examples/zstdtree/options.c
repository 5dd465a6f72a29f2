/* SPDX-License-Identifier: MIT */
#include "options.h"

#include <getopt.h>

#include <zstd.h>

#include "../shared/arguments.h"

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
			options->jobs = arguments_integer("jobs", optarg, 1, JOBS_MAX);
			break;
		case 'l':
			options->level =
			    arguments_integer("level", optarg, ZSTD_minCLevel(), ZSTD_maxCLevel());
			break;
		case OPTION_HELP:
			arguments_answer(options_help);
		default:
			arguments_refuse_option(argv);
		}
	}
	if (optind == argc)
		arguments_refuse("no directory");
	options->operands = argv + optind;
}
