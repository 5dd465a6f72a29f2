/* SPDX-License-Identifier: MIT */
/*
 * md5all: the digests of directory trees, several files at a time.
 *
 * It takes the walk over the trees, opening files, messages and lines of output, the bar, signals and the command line from
 * ../shared, as other examples do.
 *
 * The job is a pipeline of three stages:
 *
 *     find_file      serial               the next file of the trees
 *     digest_file    parallel             opens and reads it, with what its slot has for that
 *     print_file     serial, or in order  one line of standard output
 *
 * So memory is bounded whatever the size of the tree, and no worker waits for another. What --halt says is the group's
 * option of that name. Files that are given up under way come to drop_file; the lines of those that are done are good, and
 * are printed there.
 *
 * The context `stop` is cancelled by signals, and by a failure to write: nothing that is still to come could be printed.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include <errgroup.h>

#include "../shared/arguments.h"
#include "../shared/console.h"
#include "../shared/file.h"
#include "../shared/interrupt.h"
#include "../shared/progress.h"
#include "../shared/walk.h"

#define JOBS_MAX 4096
#define READ_SIZE (128 * 1024) /* on the stack */

/* In order, files ahead of a slow one wait for it. There have to be many for the others to have work meanwhile. */
#define WINDOW_ORDERED 16384

struct job {
	int jobs;      /* files at once; 0: as many as CPUs */
	unsigned halt; /* of enum eg_halt: what the first error does, as in GNU parallel */
	bool keeps_order;
	const char *algorithm_name;
	char *const *operands;

	EVP_MD *algorithm;
	eg_ctx *stop;
	struct walk walk;
	int output_error; /* the first that writing gave; the printing stage's, and one thread's at a time as that is */

	_Atomic uint64_t files_done;
	_Atomic uint64_t bytes_read;
	_Atomic uint64_t failures;
};

/* An item. */
struct file {
	bool is_operand;
	unsigned length; /* of the digest; 0: there is none yet */
	unsigned char digest[EVP_MAX_MD_SIZE];
	char path[];
};

/* What digesting a file takes and may leave to the next: each slot has one. */
static int state_init(eg_ctx *ctx, void *arg, void **ret_data)
{
	(void)ctx;
	(void)arg;
	*ret_data = EVP_MD_CTX_new();
	return *ret_data != NULL ? 0 : -ENOMEM;
}

static void state_finish(void *arg, void *data)
{
	(void)arg;
	EVP_MD_CTX_free(data);
}

/* Reports a path that could not be dealt with, and returns the error. */
static int job_fail(struct job *job, const char *path, int error)
{
	atomic_fetch_add(&job->failures, 1);
	console_report("%s: %s", path, file_strerror(error));
	return error;
}

static int find_file(eg_ctx *ctx, void *arg, void **item)
{
	struct job *job = arg;
	struct walk_file found;
	int result;

	while (eg_ctx_err(ctx) == 0 && (result = walk_next(&job->walk, &found)) != 0) {
		struct file *file = result > 0 ? malloc(sizeof(*file) + found.length + 1) : NULL;

		if (file != NULL) {
			file->is_operand = found.is_operand;
			file->length = 0;
			memcpy(file->path, found.path, found.length + 1);
			*item = file;
			return 1;
		}
		result = job_fail(job, found.path, result > 0 ? -ENOMEM : result);
		if (job->halt != EG_HALT_NEVER)
			return result;
	}
	return eg_ctx_err(ctx);
}

/* Looks at the context between blocks, a matter of microseconds. */
static int digest_contents(EVP_MD_CTX *state, struct job *job, eg_ctx *ctx, int fd, struct file *file)
{
	unsigned char block[READ_SIZE];
	ssize_t got;

	if (EVP_DigestInit_ex(state, job->algorithm, NULL) != 1)
		return -ENOMEM;
	do {
		if (eg_ctx_err(ctx) != 0)
			return eg_ctx_err(ctx);
		got = read(fd, block, sizeof(block));
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0 && EVP_DigestUpdate(state, block, (size_t)got) != 1)
			return -EIO;
		if (got > 0)
			atomic_fetch_add_explicit(&job->bytes_read, (uint64_t)got, memory_order_relaxed);
	} while (got != 0);
	return EVP_DigestFinal_ex(state, file->digest, &file->length) == 1 ? 0 : -EIO;
}

static int digest_file(eg_ctx *ctx, void *arg, void **item)
{
	struct job *job = arg;
	struct file *file = *item;
	struct stat status;
	int fd = file_open_regular(file->path, file->is_operand, &status);
	int error = fd < 0 ? fd : 0;

	if (error == 0) {
		if (status.st_size > READ_SIZE)
			posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
		error = digest_contents(eg_task_slot_data(), job, ctx, fd, file);
		close(fd);
	}
	if (error != 0 && error != eg_ctx_err(ctx))
		job_fail(job, file->path, error);
	return error;
}

/*
 * The line of a file in md5sum's form: digest, two spaces, name. A name with a newline, a carriage return or a backslash has
 * those escaped, and the line then begins with a backslash. The caller frees it; NULL without memory.
 */
static char *line_create(const struct file *file)
{
	static const char digits[] = "0123456789abcdef", escaped[] = "\\\n\r", letters[] = "\\nr";
	char *line = malloc(2 * (size_t)file->length + 2 * strlen(file->path) + 4);
	char *end = line;

	if (line == NULL)
		return NULL;
	if (strpbrk(file->path, escaped) != NULL)
		*end++ = '\\';
	for (unsigned i = 0; i < file->length; i++) {
		*end++ = digits[file->digest[i] >> 4];
		*end++ = digits[file->digest[i] & 15];
	}
	*end++ = ' ';
	*end++ = ' ';
	for (const char *path = file->path; *path != '\0'; path++) {
		const char *at = strchr(escaped, *path);

		if (at != NULL)
			*end++ = '\\';
		*end++ = at != NULL ? letters[at - escaped] : *path;
	}
	*end = '\0';
	return line;
}

/* The line of a file that has its digest. After the first that could not be written there are no more. */
static void job_print(struct job *job, const struct file *file)
{
	char *line = job->output_error == 0 ? line_create(file) : NULL;

	if (line != NULL)
		job->output_error = console_print(line);
	else if (job->output_error == 0)
		job_fail(job, file->path, -ENOMEM);
	if (job->output_error != 0)
		eg_ctx_cancel(job->stop, NULL); /* main says why */
	else if (line != NULL)
		atomic_fetch_add(&job->files_done, 1);
	free(line);
}

static int print_file(eg_ctx *ctx, void *arg, void **item)
{
	(void)ctx;
	job_print(arg, *item);
	free(*item);
	return 0;
}

static void drop_file(void *item, void *arg)
{
	struct file *file = item;

	if (file->length > 0)
		job_print(arg, file);
	free(file);
}

/* Runs the job to its end. Returns 0 or the first error, in *ret_error as well. */
static int job_run(struct job *job, eg_error **ret_error)
{
	const struct eg_stage stages[] = {
	    {find_file, job, EG_STAGE_SERIAL},
	    {digest_file, job, EG_STAGE_PARALLEL},
	    {print_file, job, job->keeps_order ? EG_STAGE_IN_ORDER : EG_STAGE_SERIAL},
	};
	struct eg_group_options group = EG_GROUP_OPTIONS_INIT;
	struct progress progress;
	int result;

	group.limit = job->jobs;
	group.halt = job->halt;
	group.slot_init = state_init;
	group.slot_finish = state_finish;
	progress_init(&progress, job->stop, job->operands, &job->files_done, &job->bytes_read, &group);
	result = eg_pipeline(job->stop, stages, 3,
			     EG_PIPELINE_OPTIONS(.window = job->keeps_order ? WINDOW_ORDERED : 0,
						 .drop = drop_file, .drop_arg = job, .group = &group),
			     ret_error);
	/* Of a run that failed, or was stopped, job_report says what there is to say. */
	progress_finish(&progress,
			result == 0 && atomic_load(&job->failures) == 0 && eg_ctx_err(job->stop) == 0);
	return result;
}

/* Says what is not in the output, and returns the exit status. */
static int job_report(struct job *job, int result, eg_error *error)
{
	uint64_t failures = atomic_load(&job->failures), done = atomic_load(&job->files_done);
	int signal = interrupt_signal(job->stop);

	if (job->output_error != 0)
		console_report("standard output: %s", eg_strerror(job->output_error));
	if (signal != 0)
		console_report("stopped by SIG%s: %" PRIu64 " files done, %" PRIu64 " failed",
			       sigabbrev_np(signal), done, failures);
	else if (failures != 0)
		console_report("%" PRIu64 " files done, %" PRIu64 " failed%s", done, failures,
			       job->halt == EG_HALT_NEVER ? "" : ", the rest not done");
	else if (result != 0 && job->output_error == 0) /* none of the failures that the stages know of */
		eg_error_print(error, stderr);
	else if (job->output_error == 0)
		return EXIT_SUCCESS;
	return signal != 0 ? 128 + signal : EXIT_FAILURE;
}

static const char md5all_help[] =
    "Usage: md5all [OPTION]... [DIR|FILE]...\n"
    "Print the MD5 digests of all regular files under each DIR (default: .), several files at a time.\n"
    "The output is what md5sum prints and \"md5sum -c\" checks.\n"
    "\n"
    "  -j, --jobs N          read N files at a time (default: as many as CPUs)\n"
    "  -k, --keep-order      print in the order of the walk: a directory's files sorted by name, then\n"
    "                        its subdirectories; without it, lines come as files are finished\n"
    "      --halt WHEN       after the first error: never stop (the default), start no further file\n"
    "                        (soon), or stop those being read as well (now)\n"
    "  -a, --algorithm NAME  another digest that OpenSSL knows, as sha256\n"
    "      --help            print this\n"
    "      --version         print the version\n"
    "\n"
    "Symbolic links are followed when given as operands, not in directories. Devices, sockets and FIFOs are\n"
    "skipped. SIGINT and SIGTERM stop the program after the lines that are done, a second one at once.\n"
    "\n"
    "Exit status: 0; 1 when a file or directory could not be read or the output not be written; 2 for a\n"
    "wrong command line; 128 + N when stopped by signal N.\n";

static void job_parse(struct job *job, int argc, char **argv)
{
	static char *const here[] = {".", NULL};
	const struct argument known[] = {
	    {"algorithm", 'a', .ret_text = &job->algorithm_name},
	    {"jobs", 'j', .ret_integer = &job->jobs, .least = 1, .most = JOBS_MAX},
	    {"keep-order", 'k', .ret_flag = &job->keeps_order},
	    {"halt", 0, .ret_choice = &job->halt,
	     .choices = {[EG_HALT_NOW] = "now", [EG_HALT_SOON] = "soon", [EG_HALT_NEVER] = "never"}},
	};

	*job = (struct job){.halt = EG_HALT_NEVER, .algorithm_name = "MD5"};
	job->operands = arguments_parse(argc, argv, known, sizeof(known) / sizeof(known[0]), md5all_help);
	if (job->operands[0] == NULL)
		job->operands = here;
	/* md5sum -c would take the name for its standard input. */
	for (size_t i = 0; job->operands[i] != NULL; i++)
		if (strcmp(job->operands[i], "-") == 0)
			arguments_refuse("standard input has no digest here; a file of that name is ./-");
	job->algorithm = EVP_MD_fetch(NULL, job->algorithm_name, NULL);
	if (job->algorithm == NULL || EVP_MD_get_size(job->algorithm) <= 0) {
		console_report("OpenSSL has no digest '%s'", job->algorithm_name);
		exit(2);
	}
}

int main(int argc, char **argv)
{
	eg_error *error = NULL;
	struct job job;
	int result, status;

	console_init();
	setvbuf(stdout, NULL, _IOFBF, 64 * 1024); /* lines go out together */
	job_parse(&job, argc, argv);
	interrupt_hold_pipe();
	result = interrupt_derive(NULL, &job.stop);
	if (result != 0) {
		console_report("cannot start: %s", eg_strerror(result));
		return EXIT_FAILURE;
	}
	walk_init(&job.walk, job.operands, job.keeps_order);

	result = job_run(&job, &error);
	if (job.output_error == 0)
		job.output_error = console_close();
	interrupt_end_by_pipe(job.output_error);
	status = job_report(&job, result, error);

	eg_error_unref(error);
	eg_ctx_unref(job.stop);
	walk_finish(&job.walk);
	EVP_MD_free(job.algorithm);
	return status;
}
