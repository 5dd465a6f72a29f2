/* SPDX-License-Identifier: MIT */
#ifndef MD5ALL_OPTIONS_H
#define MD5ALL_OPTIONS_H

/*
 * The command line.
 */

#include <stdbool.h>

/* What happens after the first error, as in GNU parallel. */
enum halt {
	HALT_NEVER, /* everything else is still done */
	HALT_SOON,  /* no further file is started, running ones are finished */
	HALT_NOW    /* running ones stop as well */
};

#define JOBS_MAX 4096

struct options {
	int jobs; /* files at once; 0: as many as CPUs */
	enum halt halt;
	bool keep_order;
	const char *algorithm;
	char *const *operands; /* at least one, ends with NULL */
};

/* Reads the command line. Ends the program for --help, --version (0) and for mistakes (2). */
void options_parse(struct options *options, int argc, char **argv);

#endif
