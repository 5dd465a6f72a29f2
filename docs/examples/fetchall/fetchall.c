/* SPDX-License-Identifier: MIT */
/*
 * fetchall: many downloads, several at a time; the first that fails ends the others.
 *
 *     fetchall.c   this file: the command line, the loop over the URLs and the program's end
 *     names.c      the file names that belong to URLs
 *     transfer.c   one download, with libcurl
 *
 * It takes files that appear whole, messages, signals and the command line from ../shared.
 *
 * The job is a loop over the URLs. A task waits in libcurl's poll, where the descriptor of its context wakes it. That context
 * is derived from one that signals cancel, or a deadline when there is one, and the first error cancels it. So whatever ends
 * the program reaches the transfers in flight in the same way.
 *
 * Connections outlive transfers: each slot has a line with connections that the next task in that slot goes on with.
 */

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errgroup.h>

#include "../shared/arguments.h"
#include "../shared/console.h"
#include "../shared/interrupt.h"
#include "../shared/outfile.h"
#include "names.h"
#include "transfer.h"

#define JOBS_MAX 1024

struct job {
	int jobs;
	double timeout_seconds; /* 0: none */
	const char *directory;
	char *const *urls;
	char **paths; /* where to, for each */
	size_t count;

	_Atomic unsigned done;
	_Atomic int output_error; /* standard output's, once it has failed */
};

static int fail_path(const char *path, int error)
{
	return eg_fail(error, "%s: %s", path, eg_strerror(error));
}

static int fetch(eg_ctx *ctx, void *arg, size_t index)
{
	struct job *job = arg;
	const char *path = job->paths[index];
	struct outfile out;
	int error;

	error = outfile_open(&out, path, 0666);
	if (error != 0)
		return fail_path(path, error);
	error = transfer_run(eg_task_slot_data(), ctx, job->urls[index], out.fd);
	if (error != 0) {
		outfile_abandon(&out);
		return error;
	}
	error = outfile_commit(&out, true);
	if (error != 0)
		return fail_path(path, error);
	atomic_fetch_add(&job->done, 1);
	error = console_print(path);
	if (error == 0)
		return 0;
	atomic_store(&job->output_error, error);
	return fail_path("standard output", error);
}

/* Says what went wrong, and returns the exit status. */
static int job_report(struct job *job, int result, eg_error *error, eg_ctx *stop)
{
	unsigned done = atomic_load(&job->done);
	/* No failure of a transfer has these codes. */
	bool is_stopped = result == -ECANCELED || result == -ETIMEDOUT;
	int signal = interrupt_signal(stop);

	if (result == 0)
		return EXIT_SUCCESS;
	if (is_stopped && signal != 0) {
		console_report("stopped by SIG%s: %u of %zu fetched", sigabbrev_np(signal), done, job->count);
		return 128 + signal;
	}
	if (is_stopped && eg_ctx_err(stop) == -ETIMEDOUT)
		console_report("not done in %g seconds: %u of %zu fetched", job->timeout_seconds, done,
			       job->count);
	else
		console_report("%s; %u of %zu fetched",
			       error != NULL ? eg_error_message(error) : eg_strerror(result), done,
			       job->count);
	return EXIT_FAILURE;
}

static int stop_derive(const struct job *job, eg_ctx **ret_stop)
{
	eg_ctx *signals;
	int error;

	error = interrupt_derive(NULL, &signals);
	if (error != 0 || job->timeout_seconds <= 0) {
		if (error == 0)
			*ret_stop = signals;
		return error;
	}
	error = eg_ctx_with_timeout(signals, (int64_t)(job->timeout_seconds * 1e9), ret_stop);
	eg_ctx_unref(signals);
	return error;
}

static const char fetchall_help[] =
    "Usage: fetchall [OPTION]... URL...\n"
    "Fetch every URL into a file of its last part's name, several at a time, and print the names of the "
    "files\n"
    "as they are complete. After the first failure the rest is given up. No file appears before it is "
    "complete.\n"
    "\n"
    "  -j, --jobs N            fetch N at a time (default: 8)\n"
    "  -d, --directory DIR     put the files there (default: .)\n"
    "  -t, --timeout SECONDS   give up what is not done by then\n"
    "      --help              print this\n"
    "      --version           print the version\n"
    "\n"
    "Files that are there already are replaced. SIGINT and SIGTERM give up, a second one at once.\n"
    "\n"
    "Exit status: 0; 1 when a URL could not be fetched; 2 for a wrong command line; 128 + N when stopped by\n"
    "signal N.\n";

static void job_parse(struct job *job, int argc, char **argv)
{
	const struct argument known[] = {
	    {"directory", 'd', .ret_text = &job->directory},
	    {"jobs", 'j', .ret_integer = &job->jobs, .least = 1, .most = JOBS_MAX},
	    {"timeout", 't', .ret_number = &job->timeout_seconds, .least = 0.001, .most = 1e8},
	};

	*job = (struct job){.jobs = 8, .directory = "."};
	job->urls = arguments_parse(argc, argv, known, sizeof(known) / sizeof(known[0]), fetchall_help);
	while (job->urls[job->count] != NULL)
		job->count++;
	if (job->count == 0)
		arguments_refuse("no URL");
}

int main(int argc, char **argv)
{
	eg_error *error = NULL;
	struct job job;
	eg_ctx *stop;
	int result, status;

	console_init();
	job_parse(&job, argc, argv);
	interrupt_hold_pipe();
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		console_report("cannot start libcurl");
		return EXIT_FAILURE;
	}
	result = names_make(job.directory, job.urls, job.count, &job.paths);
	if (result == 0)
		result = stop_derive(&job, &stop);
	if (result != 0) {
		console_report("cannot start: %s", eg_strerror(result));
		return EXIT_FAILURE;
	}

	result = eg_for(
	    stop, job.count, fetch, &job,
	    EG_GROUP_OPTIONS(.limit = job.jobs, .slot_init = line_init, .slot_finish = line_finish), &error);
	interrupt_end_by_pipe(atomic_load(&job.output_error));
	status = job_report(&job, result, error, stop);

	eg_error_unref(error);
	eg_ctx_unref(stop);
	names_free(job.paths, job.count);
	curl_global_cleanup();
	return status;
}
