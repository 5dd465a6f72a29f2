/* SPDX-License-Identifier: MIT */
/*
 * zstdtree: compresses the files of directory trees, several at a time.
 *
 *     zstdtree.c   this file: the groups, their tasks and the program's end
 *     options.c    the command line
 *     pack.c       one file
 *
 * and in ../shared walk.c, file.c, outfile.c, console.c, progress.c, interrupt.c and arguments.c.
 *
 * Two groups. One has a single task, which walks the trees; the other has a task for every file. The second has a bound on
 * its backlog, so the walk waits when it is far enough ahead and memory stays bounded whatever the size of the tree.
 *
 *     stop            cancelled by SIGINT and SIGTERM
 *       files.ctx     ... and by the first file that fails
 *         walk.ctx    ... and by the end of the walk
 *
 * A file's task asks its context between blocks. What it has written by then never had a name (outfile.c), so it does not
 * matter when the program is stopped, nor how.
 *
 * A compressor of zstd's is some megabytes. Each slot of the group of files has one, which its tasks use one after the
 * other.
 */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include <errgroup.h>

#include "../shared/console.h"
#include "../shared/file.h"
#include "../shared/interrupt.h"
#include "../shared/outfile.h"
#include "../shared/progress.h"
#include "../shared/walk.h"
#include "options.h"
#include "pack.h"

#define SUFFIX ".zst"
#define BACKLOG_PER_SLOT 16

/* What a failed task returns. Its errno is in the message. */
#define TASK_FAILED 1

struct job {
	const struct options *options;
	struct pack pack;
	struct packer *packers; /* one for each slot */
	int slots;
	eg_group files;
	eg_group walk;

	_Atomic uint64_t files_done;
	_Atomic uint64_t files_kept; /* there was a compressed file already */
};

/* The argument of a file's task, copied into the group. */
struct job_file {
	struct job *job;
	bool is_operand;
	char path[];
};

static int fail_path(const char *path, int error)
{
	const char *text = error == PACK_ZSTD_FAILED ? "zstd cannot compress it" : file_strerror(error);

	return eg_fail(TASK_FAILED, "%s: %s", path, text);
}

static int file_task(eg_ctx *ctx, void *arg)
{
	struct job_file *file = arg;
	struct job *job = file->job;
	const char *path;
	char *target;
	int error;

	if (asprintf(&target, "%s" SUFFIX, file->path) < 0)
		return fail_path(file->path, -ENOMEM);
	error = pack_file(&job->pack, &job->packers[eg_task_slot()], ctx, file->path, file->is_operand,
			  target, &path);
	if (error == PACK_EXISTS) {
		atomic_fetch_add(&job->files_kept, 1);
		error = 0;
	} else if (error == 0) {
		atomic_fetch_add(&job->files_done, 1);
	} else if (error != eg_ctx_err(ctx)) {
		error = fail_path(path, error);
	}
	free(target);
	return error;
}

static bool is_to_be_packed(const struct walk_file *found)
{
	size_t length = strlen(SUFFIX);

	if (found->length >= length && strcmp(found->path + found->length - length, SUFFIX) == 0)
		return false;
	return !outfile_is_temporary(found->path);
}

static int job_submit(struct job *job, const struct walk_file *found)
{
	size_t size = sizeof(struct job_file) + found->length + 1;
	struct job_file *file = malloc(size);
	int error;

	if (file == NULL)
		return -ENOMEM;
	file->job = job;
	file->is_operand = found->is_operand;
	memcpy(file->path, found->path, found->length + 1);
	error = eg_group_go_copy(&job->files, file_task, file, size);
	free(file);
	return error;
}

static int walk_task(eg_ctx *ctx, void *arg)
{
	struct job *job = arg;
	struct walk_file found;
	struct walk walk;
	int result = 1;

	walk_init(&walk, job->options->operands, false);
	while (eg_ctx_err(ctx) == 0 && (result = walk_next(&walk, &found)) != 0) {
		int error = result < 0 ? result : 0;

		if (error == 0 && is_to_be_packed(&found))
			error = job_submit(job, &found);
		if (error == 0)
			continue;
		/* If the group of files is over, what ended it says why. */
		if (error != -ECANCELED) {
			eg_group_cancel(&job->files, NULL);
			error = fail_path(found.path, error);
		}
		walk_finish(&walk);
		return error;
	}
	walk_finish(&walk);
	return result == 0 ? 0 : -ECANCELED;
}

static int job_init(struct job *job, const struct options *options, eg_ctx *stop)
{
	struct eg_group_options files = EG_GROUP_OPTIONS_INIT;
	int error;

	*job = (struct job){
	    .options = options,
	    .pack = {.level = options->level, .replaces = options->replaces},
	};
	files.limit = options->jobs > 0 ? options->jobs : EG_LIMIT_CPUS;
	files.backlog = (options->jobs > 0 ? options->jobs : get_nprocs()) * BACKLOG_PER_SLOT;
	files.flags = EG_GROUP_SKIP_UNSTARTED;
	error = eg_group_init(&job->files, stop, &files);
	if (error != 0)
		return error;
	job->slots = eg_group_slots(&job->files);
	job->packers = calloc((size_t)job->slots, sizeof(*job->packers));
	if (job->packers == NULL)
		return -ENOMEM;
	return eg_group_init(&job->walk, eg_group_ctx(&job->files), NULL);
}

static void job_finish(struct job *job)
{
	eg_group_destroy(&job->walk);
	eg_group_destroy(&job->files);
	for (int i = 0; i < job->slots; i++)
		packer_finish(&job->packers[i]);
	free(job->packers);
}

/*
 * Runs the job to its end. Returns 0, TASK_FAILED, or -ECANCELED when it was stopped; *ret_error says why, and is the
 * groups'.
 */
static int job_run(struct job *job, eg_ctx *stop, eg_error **ret_error)
{
	struct progress progress;
	int walk_result, files_result;

	walk_result = eg_group_go(&job->walk, walk_task, job);
	if (walk_result != 0)
		return walk_result;
	progress_init(&progress, stop, job->options->operands, &job->files_done, &job->pack.bytes_read);
	walk_result = progress_wait(&progress, &job->walk);
	files_result = progress_wait(&progress, &job->files);
	/* Of a run that failed, was stopped or found files there, job_report says what there is to say. */
	progress_finish(&progress,
			walk_result == 0 && files_result == 0 && atomic_load(&job->files_kept) == 0);
	/* A walk that was only cut short has no reason of its own. */
	if (walk_result == TASK_FAILED || files_result == 0) {
		*ret_error = eg_group_error(&job->walk);
		return walk_result;
	}
	*ret_error = eg_group_error(&job->files);
	return files_result;
}

static int job_report(struct job *job, int result, eg_error *error, eg_ctx *stop)
{
	uint64_t done = atomic_load(&job->files_done), kept = atomic_load(&job->files_kept);
	int signal = interrupt_signal(stop);
	char counts[64];

	snprintf(counts, sizeof(counts), "%" PRIu64 " files done, %" PRIu64 " there already", done, kept);
	if (result == 0) {
		if (kept > 0)
			console_report("%s", counts);
		return EXIT_SUCCESS;
	}
	if (signal != 0 && result != TASK_FAILED) {
		console_report("stopped by SIG%s: %s", sigabbrev_np(signal), counts);
		return 128 + signal;
	}
	console_report("%s", error != NULL ? eg_error_message(error) : eg_strerror(result));
	console_report("%s, the rest not done", counts);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	struct options options;
	eg_error *error = NULL;
	struct job job;
	eg_ctx *stop;
	int result, status;

	console_init();
	options_parse(&options, argc, argv);
	result = interrupt_derive(NULL, &stop);
	if (result == 0)
		result = job_init(&job, &options, stop);
	if (result != 0) {
		console_report("cannot start: %s", eg_strerror(result));
		return EXIT_FAILURE;
	}
	result = job_run(&job, stop, &error);
	status = job_report(&job, result, error, stop);
	job_finish(&job);
	eg_ctx_unref(stop);
	return status;
}
