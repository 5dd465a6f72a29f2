/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <errgroup/base.h>
#include <stdio.h>
#include <stdlib.h>

#define RUNS_MIN 11
#define RUNS_MAX 101
#define TIME_MAX INT64_C(2000000000)  /* ns for one line that does not settle */
#define TIME_QUICK INT64_C(300000000) /* the same in a quick run, which takes fewer runs as well */
#define RUNS_QUICK 5
#define SPREAD_MAX 0.02 /* of the median: how far its neighbours may lie when it has settled */

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static double percentile(const double *sorted, size_t count, double part)
{
	return sorted[(size_t)((double)(count - 1) * part + 0.5)];
}

/* The median has settled when the middle fifth of the samples lies close around it. */
static int is_settled(const double *sorted, size_t count)
{
	double median = percentile(sorted, count, 0.5);

	return percentile(sorted, count, 0.6) - percentile(sorted, count, 0.4) <= SPREAD_MAX * median;
}

bool bench_is_quick(void)
{
	return getenv("BENCH_QUICK") != NULL;
}

void bench_report(const struct bench_case *bench, int workers, long tasks)
{
	double samples[RUNS_MAX];
	int64_t end = eg_clock_now_ns() + (bench_is_quick() ? TIME_QUICK : TIME_MAX);
	size_t count = 0, enough = bench_is_quick() ? RUNS_QUICK : RUNS_MIN;

	bench->run(workers, tasks);
	do {
		samples[count++] = bench->run(workers, tasks);
		qsort(samples, count, sizeof(samples[0]), compare);
	} while (count < RUNS_MAX &&
		 (count < enough || (!is_settled(samples, count) && eg_clock_now_ns() < end)));
	printf("{\"case\":\"%s\",\"runtime\":\"errgroup\",\"workers\":%d,\"tasks\":%ld,\"unit\":\"%s\","
	       "\"median\":%.2f,\"p10\":%.2f,\"p90\":%.2f,\"runs\":%zu}\n",
	       bench->name, workers, tasks, bench->unit, percentile(samples, count, 0.5),
	       percentile(samples, count, 0.1), percentile(samples, count, 0.9), count);
	fflush(stdout);
}
