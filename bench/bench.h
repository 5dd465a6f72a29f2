/* SPDX-License-Identifier: MIT */
#ifndef BENCH_H
#define BENCH_H

/*
 * Measuring: a run is repeated until its median has settled or a bound is reached, and reported as one line of JSON.
 */

#include <stdbool.h>
#include <stddef.h>

/* One run of a case with its parameters. Returns the figure in the case's unit. */
typedef double bench_run(int workers, long tasks);

struct bench_case {
	const char *name;
	const char *unit;
	bench_run *run;
};

/*
 * Measures one case and writes the median, the tenth and the ninetieth percentile and the number of runs to standard
 * output. The first run is a warm-up and does not count.
 */
void bench_report(const struct bench_case *bench, int workers, long tasks);

/* Whether BENCH_QUICK is set: a rough figure soon. Cases leave out what takes long. */
bool bench_is_quick(void);

#endif
