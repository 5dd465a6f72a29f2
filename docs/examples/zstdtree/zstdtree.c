/* SPDX-License-Identifier: MIT */
/*
 * zstdtree: compresses the files of directory trees, several at a time.
 *
 *     zstdtree.c   this file: the command line, the pipeline and the program's end
 *     pack.c       one file
 *
 * It takes the walk over the trees, files that appear whole, messages, the bar, traces, signals and the command line from
 * ../shared.
 *
 * The job is a pipeline of two stages: a source that walks the trees, and one that compresses files, several at once. It
 * holds few files under way, so memory is bounded whatever the size of the tree. Its context is derived from one that
 * SIGINT and SIGTERM cancel, and is cancelled by the first file that fails.
 *
 * A file's task asks its context between blocks. What it has written by then never had a name (outfile.c), so it does not
 * matter when the program is stopped, nor how.
 *
 * A compressor of zstd's is some megabytes. Each slot makes one for its first file and uses it for those that follow.
 */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include <errgroup.h>

#include "../shared/arguments.h"
#include "../shared/console.h"
#include "../shared/file.h"
#include "../shared/interrupt.h"
#include "../shared/outfile.h"
#include "../shared/progress.h"
#include "../shared/trace.h"
#include "../shared/walk.h"
#include "pack.h"

#define JOBS_MAX 1024

struct job {
	int jobs; /* 0: as many as CPUs */
	char *const *operands;
	struct pack pack;
	struct walk walk;
	const char *trace_path;
	struct trace *trace; /* or NULL */

	_Atomic uint64_t files_done;
	_Atomic uint64_t files_kept; /* there was a compressed file already */
};

/* An item. */
struct file {
	bool is_operand;
	char path[];
};

static int packer_init(eg_ctx *ctx, void *arg, void **ret_data)
{
	struct job *job = arg;

	(void)ctx;
	*ret_data = packer_create(&job->pack);
	return *ret_data != NULL ? 0 : eg_fail(-ENOMEM, "%s", eg_strerror(-ENOMEM));
}

static void packer_finish(void *arg, void *data)
{
	(void)arg;
	packer_destroy(data);
}

static bool is_to_be_packed(const struct walk_file *found)
{
	size_t length = strlen(PACK_SUFFIX);

	if (found->length >= length && strcmp(found->path + found->length - length, PACK_SUFFIX) == 0)
		return false;
	return !outfile_is_temporary(found->path);
}

static int find_file(eg_ctx *ctx, void *arg, void **item)
{
	struct job *job = arg;
	struct walk_file found;
	int result;

	while ((result = walk_next(&job->walk, &found)) > 0 && !is_to_be_packed(&found))
		if (eg_ctx_err(ctx) != 0)
			return eg_ctx_err(ctx);
	if (result > 0) {
		struct file *file = malloc(sizeof(*file) + found.length + 1);

		*item = file;
		if (file != NULL) {
			file->is_operand = found.is_operand;
			memcpy(file->path, found.path, found.length + 1);
			return 1;
		}
		result = -ENOMEM;
	}
	return result < 0 ? eg_fail(result, "%s: %s", found.path, file_strerror(result)) : 0;
}

static int compress_file(eg_ctx *ctx, void *arg, void **item)
{
	struct job *job = arg;
	struct file *file = *item;
	int64_t begin_ns = eg_clock_now_ns();
	int result = pack_file(&job->pack, eg_task_slot_data(), ctx, file->path, file->is_operand);

	if (job->trace != NULL)
		trace_span(job->trace, eg_task_slot(), file->path, begin_ns, eg_clock_now_ns(),
			   result < 0 ? file_strerror(result) : NULL);
	if (result == 0)
		atomic_fetch_add(&job->files_done, 1);
	if (result == PACK_EXISTS)
		atomic_fetch_add(&job->files_kept, 1);
	if (result < 0)
		return result;
	free(file);
	return 0;
}

static void drop_file(void *item, void *arg)
{
	(void)arg;
	free(item);
}

/* Runs the job to its end. Returns 0 or the first error, in *ret_error as well. */
static int job_run(struct job *job, eg_ctx *stop, eg_error **ret_error)
{
	const struct eg_stage stages[] = {
	    {find_file, job, EG_STAGE_SERIAL},
	    {compress_file, job, EG_STAGE_PARALLEL},
	};
	struct eg_group_options group = EG_GROUP_OPTIONS_INIT;
	struct progress progress;
	int result;

	group.limit = job->jobs;
	group.slot_init = packer_init;
	group.slot_finish = packer_finish;
	group.slot_arg = job;
	progress_init(&progress, stop, job->operands, &job->files_done, &job->pack.bytes_read, &group);
	walk_init(&job->walk, job->operands, false);
	result =
	    eg_pipeline(stop, stages, 2, EG_PIPELINE_OPTIONS(.drop = drop_file, .group = &group), ret_error);
	walk_finish(&job->walk);
	/* Of a run that failed, was stopped or found files there, job_report says what there is to say. */
	progress_finish(&progress, result == 0 && atomic_load(&job->files_kept) == 0);
	return result;
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
	/* No file's failure has this code. */
	if (signal != 0 && result == -ECANCELED) {
		console_report("stopped by SIG%s: %s", sigabbrev_np(signal), counts);
		return 128 + signal;
	}
	console_report("%s", eg_error_message(error));
	console_report("%s, the rest not done", counts);
	return EXIT_FAILURE;
}

/* Returns the exit status, which a trace that was not written makes a failure. */
static int trace_finish(const struct job *job, int status)
{
	int error = job->trace != NULL ? trace_close(job->trace) : 0;

	if (error == 0)
		return status;
	console_report("%s: %s", job->trace_path, eg_strerror(error));
	return status != EXIT_SUCCESS ? status : EXIT_FAILURE;
}

static const char zstdtree_help[] =
    "Usage: zstdtree [OPTION]... DIR|FILE...\n"
    "Compress every regular file under each DIR into a file of the same name with .zst added, several at a\n"
    "time. The originals stay.\n"
    "\n"
    "  -f, --force       make .zst files anew that are there already; without it they are left as they are,\n"
    "                    so a run that was stopped can be taken up again\n"
    "  -j, --jobs N      compress N files at a time (default: as many as CPUs)\n"
    "  -l, --level N     zstd's level (default: 3)\n"
    "      --trace FILE  write down when each file was compressed, for timeline(1)\n"
    "      --help        print this\n"
    "      --version     print the version\n"
    "\n"
    "Symbolic links are followed when given as operands, not in directories. Names that end in .zst are\n"
    "passed over. The first file that fails ends the run. A .zst file appears when it is complete: SIGINT,\n"
    "SIGTERM and even SIGKILL leave no part of one.\n"
    "\n"
    "Exit status: 0; 1 when something could not be read, compressed or written; 2 for a wrong command line;\n"
    "128 + N when stopped by signal N.\n";

static void job_parse(struct job *job, int argc, char **argv)
{
	const struct argument known[] = {
	    {"force", 'f', .ret_flag = &job->pack.replaces},
	    {"jobs", 'j', .ret_integer = &job->jobs, .least = 1, .most = JOBS_MAX},
	    {"level", 'l', .ret_integer = &job->pack.level, .least = ZSTD_minCLevel(),
	     .most = ZSTD_maxCLevel()},
	    {"trace", 0, .ret_text = &job->trace_path},
	};

	*job = (struct job){.pack = {.level = ZSTD_CLEVEL_DEFAULT}};
	job->operands = arguments_parse(argc, argv, known, sizeof(known) / sizeof(known[0]), zstdtree_help);
	if (job->operands[0] == NULL)
		arguments_refuse("no directory");
}

int main(int argc, char **argv)
{
	eg_error *error = NULL;
	struct job job;
	eg_ctx *stop;
	int result, status;

	console_init();
	job_parse(&job, argc, argv);
	if (job.trace_path != NULL) {
		result = trace_open(job.trace_path, &job.trace);
		if (result != 0) {
			console_report("%s: %s", job.trace_path, eg_strerror(result));
			return EXIT_FAILURE;
		}
	}
	result = interrupt_derive(NULL, &stop);
	if (result != 0) {
		console_report("cannot start: %s", eg_strerror(result));
		return EXIT_FAILURE;
	}
	result = job_run(&job, stop, &error);
	status = trace_finish(&job, job_report(&job, result, error, stop));
	eg_error_unref(error);
	eg_ctx_unref(stop);
	return status;
}
