/* SPDX-License-Identifier: MIT */
#ifndef ZSTDTREE_OPTIONS_H
#define ZSTDTREE_OPTIONS_H

/*
 * The command line of zstdtree.
 */

#include <stdbool.h>

#define JOBS_MAX 1024

struct options {
	int jobs; /* 0: as many as CPUs */
	int level;
	bool replaces;
	char *const *operands; /* ends with NULL */
};

/* Ends the program, after a message, for a wrong command line, and for --help. */
void options_parse(struct options *options, int argc, char **argv);

#endif
