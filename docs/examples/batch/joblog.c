/* SPDX-License-Identifier: MIT */
/*
 * A line is put together in memory and written by one call of write(2), which other processes see whole; where the disk
 * becomes full within it, the file is cut to what was there before. What SIGKILL has left, which ends a write between two
 * pages of a file, or a machine that lost its power, is found at the next opening: a last line without an end.
 *
 * A command may have anything in it. What would end its line or its column is written as \n, \t or \ooo, and a backslash as
 * two, so that each command has one text.
 */

#include "joblog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../shared/file.h"

static const char header[] = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n";

const char *joblog_strerror(int error)
{
	if (error == JOBLOG_NO_LOG)
		return "is no log of jobs";
	return error == JOBLOG_IN_USE ? "is in use by another run" : eg_strerror(error);
}

/* FNV-1a. */
static uint64_t hash(const char *text, size_t length)
{
	uint64_t value = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < length; i++)
		value = (value ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	return value;
}

static void put_command(FILE *stream, const char *line)
{
	for (; *line != '\0'; line++) {
		unsigned char character = (unsigned char)*line;

		if (character == '\\')
			fputs("\\\\", stream);
		else if (character == '\n')
			fputs("\\n", stream);
		else if (character == '\t')
			fputs("\\t", stream);
		else if (character < ' ' || character == 127)
			fprintf(stream, "\\%03o", character);
		else
			putc(character, stream);
	}
}

static int done_compare(const void *left, const void *right)
{
	const struct joblog_done *one = left, *other = right;

	if (one->number != other->number)
		return one->number < other->number ? -1 : 1;
	return one->command < other->command ? -1 : one->command > other->command;
}

static int done_add(struct joblog *joblog, uint64_t number, uint64_t command)
{
	if (joblog->count == joblog->room) {
		size_t room = joblog->room > 0 ? 2 * joblog->room : 64;
		struct joblog_done *grown = realloc(joblog->done, room * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		joblog->done = grown;
		joblog->room = room;
	}
	joblog->done[joblog->count++] = (struct joblog_done){number, command};
	return 0;
}

/* Takes note of a line, without its end, if it is that of a job that was done. */
static int read_line(struct joblog *joblog, const char *line, size_t length)
{
	const char *fields[9], *end = line + length;
	size_t count = 0;
	char *number_end;
	uint64_t number;

	for (const char *next = line; next != NULL && count < 9; count++) {
		fields[count] = next;
		next = count < 8 ? memchr(next, '\t', (size_t)(end - next)) : NULL;
		next = next != NULL ? next + 1 : NULL;
	}
	if (count < 9 || strncmp(fields[6], "0\t0\t", 4) != 0)
		return 0;
	number = strtoull(line, &number_end, 10);
	if (*number_end != '\t')
		return 0;
	return done_add(joblog, number, hash(fields[8], (size_t)(end - fields[8])));
}

static int read_lines(struct joblog *joblog)
{
	FILE *stream = fdopen(fcntl(joblog->fd, F_DUPFD_CLOEXEC, 3), "r");
	char *line = NULL;
	size_t room = 0;
	int error = 0;
	ssize_t length;

	if (stream == NULL)
		return -errno;
	joblog->size = 0;
	while (error == 0 && (length = getline(&line, &room, stream)) > 0 && line[length - 1] == '\n') {
		if (joblog->size > 0)
			error = read_line(joblog, line, (size_t)length - 1);
		else if (strcmp(line, header) != 0)
			error = JOBLOG_NO_LOG;
		joblog->size += length;
	}
	if (error == 0 && ferror(stream))
		error = -errno;
	free(line);
	fclose(stream);
	return error;
}

/* Whether a file without a whole line is what a run has left that could not write all of the first one. */
static bool is_begun(int fd)
{
	char begin[sizeof(header)];
	ssize_t got = pread(fd, begin, sizeof(begin), 0);

	return got >= 0 && got < (ssize_t)sizeof(header) && memcmp(begin, header, (size_t)got) == 0;
}

/* Appends all of it, or nothing. */
static int append(struct joblog *joblog, const char *bytes, size_t size)
{
	ssize_t written;

	do
		written = write(joblog->fd, bytes, size);
	while (written < 0 && errno == EINTR);
	if (written == (ssize_t)size) {
		joblog->size += written;
		return 0;
	}
	if (written < 0)
		return -errno;
	/* The disk is full, mostly. Nothing is to be done where that cannot be cut either: the next run does. */
	return ftruncate(joblog->fd, joblog->size) == 0 ? -ENOSPC : -errno;
}

static int prepare(struct joblog *joblog, bool resumes)
{
	struct stat status;
	int error;

	if (fstat(joblog->fd, &status) != 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return JOBLOG_NO_LOG;
	if (flock(joblog->fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return JOBLOG_IN_USE;
	error = read_lines(joblog);
	if (error == 0 && joblog->size == 0 && !is_begun(joblog->fd))
		error = JOBLOG_NO_LOG;
	if (error != 0)
		return error;
	if (!resumes)
		joblog->count = 0, joblog->size = 0;
	if (joblog->count > 0)
		qsort(joblog->done, joblog->count, sizeof(*joblog->done), done_compare);
	if (ftruncate(joblog->fd, joblog->size) != 0)
		return -errno;
	return joblog->size == 0 ? append(joblog, header, sizeof(header) - 1) : 0;
}

void joblog_init(struct joblog *joblog)
{
	*joblog = (struct joblog){.fd = -1};
}

int joblog_open(struct joblog *joblog, const char *path, bool resumes)
{
	int error;

	joblog_init(joblog);
	/* Whoever opens a FIFO would wait; and a terminal would become the process's. */
	joblog->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0666);
	error = joblog->fd >= 0 ? prepare(joblog, resumes) : -errno;
	if (error != 0)
		joblog_finish(joblog);
	return error;
}

void joblog_finish(struct joblog *joblog)
{
	if (joblog->fd >= 0)
		close(joblog->fd);
	free(joblog->done);
	joblog_init(joblog);
}

bool joblog_has(const struct joblog *joblog, uint64_t number, const char *line)
{
	struct joblog_done wanted = {.number = number};
	char *text = NULL;
	size_t size;
	FILE *stream;

	if (joblog->count == 0 || (stream = open_memstream(&text, &size)) == NULL)
		return false;
	put_command(stream, line);
	if (fclose(stream) != 0) {
		free(text);
		return false;
	}
	wanted.command = hash(text, size);
	free(text);
	return bsearch(&wanted, joblog->done, joblog->count, sizeof(wanted), done_compare) != NULL;
}

int joblog_append(struct joblog *joblog, const struct job *job, const char *line)
{
	uint64_t printed = output_size(&job->output.streams[OUTPUT_OUT]);
	char *text = NULL;
	size_t size;
	FILE *stream;
	int error;

	if (joblog->fd < 0)
		return 0;
	stream = open_memstream(&text, &size);
	if (stream == NULL)
		return -ENOMEM;
	fprintf(stream, "%" PRIu64 "\t:\t%.3f\t%.3f\t0\t%" PRIu64 "\t%d\t%d\t", job->number, job->began,
		(double)job->elapsed_ns / 1e9, printed, job->exit_status, job->signal);
	put_command(stream, line);
	putc('\n', stream);
	error = ferror(stream) ? -ENOMEM : 0;
	if (fclose(stream) != 0)
		error = -ENOMEM;
	if (error == 0)
		error = append(joblog, text, size);
	free(text);
	return error;
}
