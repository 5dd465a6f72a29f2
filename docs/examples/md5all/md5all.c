/* SPDX-License-Identifier: MIT */
/*
 * md5all: the digests of directory trees, several files at a time.
 *
 *     md5all.c     this file: the job, its tasks and the program's end
 *     options.c    the command line
 *     digest.c     one file's digest
 *     output.c     standard output: whole lines, in order when asked for
 *
 * and in ../shared, with other examples:
 *
 *     walk.c       the iterator over the files of the trees
 *     file.c       opening one, and writing
 *     console.c    standard error: messages and the bar
 *     progress.c   what the bar says
 *     interrupt.c  SIGINT and SIGTERM
 *     arguments.c  what command lines have in common
 *
 * One group does the work. Its first task walks the trees and submits a task for every file. The walk is
 * much faster than the reading, and submitting from inside a group never blocks, so the walk has to hold
 * itself back: when enough files are under way it parks, that is, its task ends. The file task that brings
 * their number down to a half submits the walk again. So memory is bounded whatever the size of the tree, no
 * worker sleeps while it waits for another, and all of it works with one worker, too.
 *
 *     walk task:  files under way < high?  -> take a file from the walk, submit its task, again
 *                                  else    -> walk_is_parked = true, end
 *     file task:  digest, print            -> files under way == low and walk_is_parked? submit the walk task
 *
 * Two contexts say when to stop. `stop` is cancelled by signals and by a failure to write. The group's own
 * is derived from it, and cancelled by the first error as well, unless --halt never asked for a group that
 * cancels nothing. The group skips tasks not yet started once its context is cancelled; a file being read
 * looks at the group's context for --halt now and at `stop` otherwise.
 *
 * What digesting a file takes, a state of OpenSSL's and a buffer, each slot of the group has once.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <errgroup.h>

#include "../shared/console.h"
#include "../shared/file.h"
#include "../shared/interrupt.h"
#include "../shared/progress.h"
#include "../shared/walk.h"
#include "digest.h"
#include "options.h"
#include "output.h"

/*
 * Files under way at most, for each file being read and in all. In order, files ahead of a slow one count
 * until it is done, so there have to be more of them for the others to have work meanwhile.
 */
#define JOB_HIGH_PER_WORKER 4
#define JOB_HIGH 1024
#define JOB_HIGH_ORDERED 16384

/* What a failed task returns. Its errno is in the message. */
#define TASK_FAILED 1

struct job {
	const struct options *options;
	eg_group group;
	eg_ctx *stop;
	struct digest digest;
	struct digest_station *stations; /* one for each slot */
	int slots;
	struct output output;

	struct walk walk; /* the walk task's, and there is one at a time */

	pthread_mutex_t lock; /* protects the next five */
	bool walk_is_parked;
	uint64_t submitted;
	uint64_t retired;
	uint64_t high;
	uint64_t low;

	_Atomic uint64_t files_done;
	_Atomic uint64_t failures;
};

/* The argument of a file's task, copied into the group. */
struct job_file {
	struct job *job;
	uint64_t index; /* in the order of the walk */
	bool is_operand;
	char path[];
};

static int walk_task(eg_ctx *ctx, void *arg);

/*
 * Reports a path that could not be dealt with. Returns what the task is to return.
 */
static int job_fail(struct job *job, const char *path, int error)
{
	atomic_fetch_add(&job->failures, 1);
	console_report("%s: %s", path, file_strerror(error));
	return eg_fail(TASK_FAILED, "%s: %s", path, file_strerror(error));
}

/*
 * Files are no longer under way: lets the walk go on if it has been waiting for that.
 */
static int job_retire(struct job *job, uint64_t count, eg_ctx *ctx)
{
	bool resume = false;

	pthread_mutex_lock(&job->lock);
	job->retired += count;
	if (job->walk_is_parked && job->submitted - job->retired <= job->low) {
		job->walk_is_parked = false;
		resume = true;
	}
	pthread_mutex_unlock(&job->lock);

	/* Without the memory for another task, this one does the work. */
	if (resume && eg_group_go(&job->group, walk_task, job) != 0)
		return walk_task(ctx, job);
	return 0;
}

/*
 * The task of one file.
 */
static int file_task(eg_ctx *ctx, void *arg)
{
	struct job_file *file = arg;
	struct job *job = file->job;
	const eg_ctx *watch = job->options->halt == HALT_NOW ? ctx : job->stop;
	unsigned char value[EVP_MAX_MD_SIZE];
	uint64_t retired;
	int result = 0;
	int walk_result;
	int read_error;
	int put_error;

	read_error = digest_file(&job->digest, &job->stations[eg_task_slot()], file->path, file->is_operand,
				 watch, value);
	put_error = output_put(&job->output, file->index, read_error == 0 ? value : NULL, job->digest.length,
			       file->path, &retired);
	if (read_error < 0) {
		result = job_fail(job, file->path, read_error);
	} else if (put_error == -ENOMEM) {
		result = job_fail(job, file->path, put_error);
	} else if (put_error != 0) {
		/* Nothing that is still to come could be printed. main says so, once. */
		eg_error *cause = eg_error_create(put_error, "standard output: %s", eg_strerror(put_error));

		eg_ctx_cancel(job->stop, cause);
		eg_error_unref(cause);
		result = eg_fail(TASK_FAILED, "standard output: %s", eg_strerror(put_error));
	} else if (read_error == 0) {
		atomic_fetch_add(&job->files_done, 1);
	}

	walk_result = job_retire(job, retired, ctx);
	return result != 0 ? result : walk_result;
}

static int job_submit(struct job *job, const struct walk_file *found, eg_ctx *ctx)
{
	size_t size = sizeof(struct job_file) + found->length + 1;
	struct job_file *file = malloc(size);
	int result;

	if (file == NULL)
		return job_fail(job, found->path, -ENOMEM);
	file->job = job;
	file->is_operand = found->is_operand;
	memcpy(file->path, found->path, found->length + 1);
	pthread_mutex_lock(&job->lock);
	file->index = job->submitted++;
	pthread_mutex_unlock(&job->lock);

	/* Without the memory for another task, this one does the work. */
	result = eg_group_go_copy(&job->group, file_task, file, size);
	if (result == -ENOMEM)
		result = file_task(ctx, file);
	free(file);
	return result;
}

static bool job_must_park(struct job *job)
{
	bool park;

	pthread_mutex_lock(&job->lock);
	park = job->submitted - job->retired >= job->high;
	job->walk_is_parked = park;
	pthread_mutex_unlock(&job->lock);
	return park;
}

/*
 * The task that walks. Once parked, the next one may be running before this one has returned, so nothing of
 * the walk is touched after that.
 */
static int walk_task(eg_ctx *ctx, void *arg)
{
	struct job *job = arg;
	int first = 0;

	while (eg_ctx_err(ctx) == 0 && !job_must_park(job)) {
		struct walk_file found;
		int result;

		result = walk_next(&job->walk, &found);
		if (result == 0)
			break;
		if (result > 0)
			result = job_submit(job, &found, ctx);
		else
			result = job_fail(job, found.path, result);
		if (first == 0)
			first = result;
		/* The group learns of an error when a task ends with it, and not before. */
		if (first != 0 && job->options->halt != HALT_NEVER)
			break;
	}
	return first;
}

static int job_init(struct job *job, const struct options *options, eg_ctx *stop)
{
	struct eg_group_options group_options = EG_GROUP_OPTIONS_INIT;
	int error;

	*job = (struct job){.options = options, .stop = stop};
	job->high = options->keep_order ? JOB_HIGH_ORDERED : JOB_HIGH;
	job->high += (uint64_t)options->jobs * JOB_HIGH_PER_WORKER;
	job->low = job->high / 2;
	pthread_mutex_init(&job->lock, NULL);

	if (digest_init(&job->digest, options->algorithm) != 0) {
		console_report("OpenSSL has no digest '%s'", options->algorithm);
		exit(2);
	}
	error = output_init(&job->output, options->keep_order ? job->high : 0);
	if (error != 0)
		return error;
	walk_init(&job->walk, options->operands, options->keep_order);

	group_options.limit = options->jobs > 0 ? options->jobs : EG_LIMIT_CPUS;
	group_options.flags = EG_GROUP_SKIP_UNSTARTED;
	if (options->halt == HALT_NEVER)
		group_options.flags |= EG_GROUP_NO_CANCEL;
	error = eg_group_init(&job->group, stop, &group_options);
	if (error != 0)
		return error;
	job->slots = eg_group_slots(&job->group);
	job->stations = calloc((size_t)job->slots, sizeof(*job->stations));
	return job->stations != NULL ? 0 : -ENOMEM;
}

/*
 * Runs the job to its end. Returns the group's result: 0, or what the first failed task returned.
 */
static int job_run(struct job *job)
{
	struct progress progress;
	int result;

	result = eg_group_go(&job->group, walk_task, job);
	if (result != 0)
		return result;
	progress_init(&progress, job->stop, job->options->operands, &job->files_done,
		      &job->digest.bytes_read);
	result = progress_wait(&progress, &job->group);
	/* Of a run that failed, or was stopped, job_report says what there is to say. */
	progress_finish(&progress, result == 0 && eg_ctx_err(job->stop) == 0);
	return result;
}

/*
 * Says what is not in the output, and returns the exit status.
 */
static int job_report(struct job *job, int result, int output_error, int signal)
{
	eg_error *error = eg_group_error(&job->group);
	uint64_t failures = atomic_load(&job->failures);
	uint64_t done = atomic_load(&job->files_done);
	int status = EXIT_SUCCESS;

	if (output_error != 0) {
		console_report("standard output: %s", eg_strerror(output_error));
		status = EXIT_FAILURE;
	}
	if (signal != 0) {
		console_report("stopped by SIG%s: %" PRIu64 " files done, %" PRIu64 " failed",
			       sigabbrev_np(signal), done, failures);
		status = 128 + signal;
	} else if (failures != 0) {
		console_report("%" PRIu64 " files done, %" PRIu64 " failed%s", done, failures,
			       job->options->halt == HALT_NEVER ? "" : ", the rest not done");
		status = EXIT_FAILURE;
	} else if (result != 0 && output_error == 0) {
		/* None of the failures that the tasks know of. */
		console_report("%s", eg_strerror(result));
		if (error != NULL)
			eg_error_print(error, stderr);
		status = EXIT_FAILURE;
	}
	return status;
}

int main(int argc, char **argv)
{
	struct options options;
	int output_error;
	struct job job;
	eg_ctx *stop;
	int signal_seen;
	int result;
	int status;

	console_init();
	options_parse(&options, argc, argv);

	interrupt_hold_pipe();
	result = interrupt_derive(NULL, &stop);
	if (result == 0)
		result = job_init(&job, &options, stop);
	if (result != 0) {
		console_report("cannot start: %s", eg_strerror(result));
		return EXIT_FAILURE;
	}

	result = job_run(&job);
	output_error = output_finish(&job.output);
	interrupt_end_by_pipe(output_error);
	signal_seen = interrupt_signal(stop);
	status = job_report(&job, result, output_error, signal_seen);

	eg_group_destroy(&job.group);
	eg_ctx_unref(stop);
	walk_finish(&job.walk);
	for (int i = 0; i < job.slots; i++)
		digest_station_finish(&job.stations[i]);
	free(job.stations);
	digest_finish(&job.digest);
	pthread_mutex_destroy(&job.lock);
	return status;
}
