/* SPDX-License-Identifier: MIT */
/*
 * fetchall: many downloads, several at a time; the first that fails ends the others.
 *
 *     fetchall.c   this file: the command line, the group and its tasks
 *     names.c      the file names that belong to URLs
 *     transfer.c   one download, with libcurl
 *
 * and in ../shared outfile.c, which keeps parts of files from being seen, file.c, console.c, interrupt.c and arguments.c.
 *
 * A task is one URL. It waits in libcurl's poll, where the descriptor of the group's context wakes it. The context is
 * derived from one that signals cancel, or a deadline when there is one, and the group cancels it at the first error. So
 * whatever ends the program reaches the transfers in flight in the same way.
 *
 * Connections outlive transfers: each slot of the group has a line with connections that the next task in that slot goes
 * on with.
 */

#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/arguments.h"
#include "../shared/console.h"
#include "../shared/interrupt.h"
#include "../shared/outfile.h"
#include "names.h"
#include "transfer.h"

#define JOBS_DEFAULT 8
#define JOBS_MAX 1024

struct job {
	int jobs;
	double timeout_seconds; /* 0: none */
	const char *directory;

	struct line *lines; /* one for each slot */
	_Atomic unsigned done;
	_Atomic int output_error; /* standard output's, once it has failed */
};

/* The argument of a task. */
struct fetch {
	struct job *job;
	const char *url;
	char *path; /* where to */
};

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
    "\n"
    "Files that are there already are replaced. SIGINT and SIGTERM give up, a second one at once.\n"
    "\n"
    "Exit status: 0; 1 when a URL could not be fetched; 2 for a wrong command line; 128 + N when stopped by\n"
    "signal N.\n";

static void options_parse(int argc, char **argv, struct job *job)
{
	enum { OPTION_HELP = 256 };
	static const struct option known[] = {
	    {"directory", required_argument, NULL, 'd'},
	    {"jobs", required_argument, NULL, 'j'},
	    {"timeout", required_argument, NULL, 't'},
	    {"help", no_argument, NULL, OPTION_HELP},
	    {NULL, 0, NULL, 0},
	};
	int option;

	*job = (struct job){.jobs = JOBS_DEFAULT, .directory = "."};
	opterr = 0;
	while ((option = getopt_long(argc, argv, "d:j:t:", known, NULL)) != -1) {
		switch (option) {
		case 'd':
			job->directory = optarg;
			break;
		case 'j':
			job->jobs = arguments_integer("jobs", optarg, 1, JOBS_MAX);
			break;
		case 't':
			job->timeout_seconds = arguments_number("timeout", optarg, 0.001, 1e8);
			break;
		case OPTION_HELP:
			arguments_answer(fetchall_help);
		default:
			arguments_refuse_option(argv);
		}
	}
	if (optind == argc)
		arguments_refuse("no URL");
}

static int fetch_task(eg_ctx *ctx, void *arg)
{
	struct fetch *fetch = arg;
	struct job *job = fetch->job;
	struct outfile out;
	int error;

	error = outfile_open(&out, fetch->path, 0666);
	if (error != 0)
		return eg_fail(error, "%s: %s", fetch->path, eg_strerror(error));
	error = transfer_run(&job->lines[eg_task_slot()], ctx, fetch->url, out.fd);
	if (error != 0) {
		outfile_abandon(&out);
		return error;
	}
	error = outfile_commit(&out, true);
	if (error != 0)
		return eg_fail(error, "%s: %s", fetch->path, eg_strerror(error));
	atomic_fetch_add(&job->done, 1);
	error = console_print(fetch->path);
	if (error != 0) {
		atomic_store(&job->output_error, error);
		return eg_fail(error, "standard output: %s", eg_strerror(error));
	}
	return 0;
}

/*
 * Fetches everything. Returns what ended the group, 0 or a code, and the error that says it, to give back with
 * eg_error_unref.
 */
static int job_run(struct job *job, struct fetch *fetches, size_t count, eg_ctx *ctx, eg_error **ret_error)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group;
	int error, result;

	options.limit = job->jobs;
	options.flags = EG_GROUP_SKIP_UNSTARTED;
	error = eg_group_init(&group, ctx, &options);
	if (error != 0)
		return error;
	for (size_t i = 0; i < count && error == 0; i++)
		error = eg_group_go(&group, fetch_task, &fetches[i]);
	if (error != 0)
		eg_group_cancel(&group, NULL);
	result = eg_group_wait(&group);
	if (error == 0) {
		error = result;
		*ret_error = eg_error_ref(eg_group_error(&group));
	}
	eg_group_destroy(&group);
	return error;
}

/* Says what went wrong, and returns the exit status. */
static int job_report(struct job *job, size_t count, int result, eg_error *error, eg_ctx *stop)
{
	unsigned done = atomic_load(&job->done);
	/* No failure of a transfer has these codes. */
	bool is_stopped = result == -ECANCELED || result == -ETIMEDOUT;
	int signal = interrupt_signal(stop);

	if (result == 0)
		return EXIT_SUCCESS;
	if (is_stopped && signal != 0) {
		console_report("stopped by SIG%s: %u of %zu fetched", sigabbrev_np(signal), done, count);
		return 128 + signal;
	}
	if (is_stopped && eg_ctx_err(stop) == -ETIMEDOUT)
		console_report("not done in %g seconds: %u of %zu fetched", job->timeout_seconds, done,
			       count);
	else
		console_report("%s; %u of %zu fetched",
			       error != NULL ? eg_error_message(error) : eg_strerror(result), done, count);
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

int main(int argc, char **argv)
{
	struct fetch *fetches;
	eg_error *error = NULL;
	eg_ctx *stop;
	struct job job;
	char **paths;
	size_t count;
	int result, status;

	console_init();
	options_parse(argc, argv, &job);
	count = (size_t)(argc - optind);
	interrupt_hold_pipe();
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		console_report("cannot start libcurl");
		return EXIT_FAILURE;
	}
	result = names_make(job.directory, argv + optind, count, &paths);
	fetches = calloc(count, sizeof(*fetches));
	job.lines = calloc((size_t)job.jobs, sizeof(*job.lines));
	if (fetches == NULL || job.lines == NULL)
		result = -ENOMEM;
	if (result == 0)
		result = stop_derive(&job, &stop);
	if (result != 0) {
		console_report("cannot start: %s", eg_strerror(result));
		return EXIT_FAILURE;
	}

	for (size_t i = 0; i < count; i++)
		fetches[i] = (struct fetch){&job, argv[optind + (int)i], paths[i]};
	result = job_run(&job, fetches, count, stop, &error);
	interrupt_end_by_pipe(atomic_load(&job.output_error));
	status = job_report(&job, count, result, error, stop);

	eg_error_unref(error);
	eg_ctx_unref(stop);
	for (int i = 0; i < job.jobs; i++)
		line_close(&job.lines[i]);
	names_free(paths, count);
	free(job.lines);
	free(fetches);
	curl_global_cleanup();
	return status;
}
