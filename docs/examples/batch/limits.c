/* SPDX-License-Identifier: MIT */
/*
 * The library has the limits. What is to be found out here is what the process can have: jobs take descriptors. More of
 * these than the soft limit are asked for only where the jobs would not have enough, as they inherit it.
 */

#include "limits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "../shared/arguments.h"
#include "../shared/console.h"

#define JOBS_MAX 4096

/* A limit that tunes itself looks for the best up to so many times the CPUs. */
#define TUNED_MAX 16

/*
 * Descriptors: two pipes, the program's, its context's, and two files; and what the process has besides.
 * Output that waits to be passed on may be in files, too.
 */
#define JOB_DESCRIPTORS 10
#define OTHER_DESCRIPTORS 64

/* How many jobs there are descriptors for, of those that are wanted. */
static int jobs_possible(int wanted)
{
	rlim_t needed = (rlim_t)wanted * JOB_DESCRIPTORS + OTHER_DESCRIPTORS;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur >= needed)
		return wanted;
	files.rlim_cur = files.rlim_max < needed ? files.rlim_max : needed;
	setrlimit(RLIMIT_NOFILE, &files);
	if (files.rlim_cur >= needed)
		return wanted;
	return files.rlim_cur > OTHER_DESCRIPTORS + JOB_DESCRIPTORS
		   ? (int)((files.rlim_cur - OTHER_DESCRIPTORS) / JOB_DESCRIPTORS)
		   : 1;
}

/* As many as CPUs that the process may use. */
static int cpus(void)
{
	eg_limit *limit;
	int count = 1;

	if (eg_limit_create(EG_LIMIT_CPUS, &limit) == 0) {
		count = eg_limit_now(limit);
		eg_limit_unref(limit);
	}
	return count;
}

static int limits_from_make(struct limits *limits)
{
	int error = eg_limit_from_jobserver(&limits->shared);

	if (error == 0) {
		limits->jobs = 0; /* what make says */
		return 0;
	}
	if (error != -ENOENT) {
		console_report("make's jobserver cannot be used: %s; one job at a time (does the recipe's "
			       "line begin with +?)",
			       eg_strerror(error));
		limits->jobs = 1;
		return 0;
	}
	limits->jobs = cpus();
	return 0;
}

/* Looked for from the CPUs on, since most jobs compute. */
static int limits_tuned(struct limits *limits)
{
	int start = cpus(), error;

	limits->jobs = jobs_possible(TUNED_MAX * start);
	error = eg_limit_create_tuned(1, limits->jobs, &limits->shared);
	if (error == 0 && start <= limits->jobs)
		error = eg_limit_set(limits->shared, start);
	return error;
}

int limits_init(struct limits *limits, const char *text)
{
	char *end;
	long jobs;

	*limits = (struct limits){.jobs = 1};
	if (text == NULL)
		return limits_from_make(limits);
	if (strcmp(text, "auto") == 0)
		return limits_tuned(limits);
	errno = 0;
	jobs = strtol(text, &end, 10);
	if (end == text || *end != '\0' || errno != 0 || jobs < 0 || jobs > JOBS_MAX)
		arguments_refuse("--jobs takes a number from 0 to %d, or auto, not '%s'", JOBS_MAX, text);
	limits->jobs = jobs_possible(jobs > 0 ? (int)jobs : JOBS_MAX);
	if (limits->jobs < jobs)
		console_report("there are descriptors for %d jobs at a time only", limits->jobs);
	return 0;
}

void limits_finish(struct limits *limits)
{
	eg_limit_unref(limits->shared);
}
