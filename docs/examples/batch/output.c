/* SPDX-License-Identifier: MIT */
/*
 * The reading task sleeps in an epoll descriptor and reads what it is told to. A job that prints nothing costs it nothing:
 * the slot keeps the pipe's writing end open, so that it is not told of the end either. At a job's end its slot takes the
 * pipes away and reads the rest itself. What the task has been told may be outdated by then:
 *
 *     task                            slot
 *     is told that end 5 is readable
 *                                     locks end 5, takes it away, reads it empty, fd = -1
 *     locks end 5: fd is -1
 *
 * or the end is the next job's already, whose pipe is read then, which is empty or not, and does not block.
 */

#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "../shared/file.h"

#define MEMORY_MAX (64 * 1024)
#define FIRST_ROOM 1024
#define READ_SIZE (64 * 1024)

/* How often a pipe is read at the end of a job: more than one holds, should somebody go on to write. */
#define LAST_READS 64

void output_init(struct output *output)
{
	*output = (struct output){.streams = {{.file = -1}, {.file = -1}}};
}

void output_finish(struct output *output)
{
	for (int i = 0; i < OUTPUT_STREAMS; i++) {
		free(output->streams[i].bytes);
		if (output->streams[i].file >= 0)
			close(output->streams[i].file);
	}
	output_init(output);
}

uint64_t output_size(const struct output_stream *stream)
{
	return stream->file >= 0 ? stream->file_size : stream->size;
}

/* A file without a name; where the file system has none of these, one whose name is taken away. */
static int file_create(void)
{
	const char *folder = getenv("TMPDIR");
	char *path = NULL;
	int fd, error;

	if (folder == NULL || folder[0] == '\0')
		folder = "/tmp";
	fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	if (asprintf(&path, "%s/batch-XXXXXX", folder) < 0)
		return -ENOMEM;
	fd = mkostemp(path, O_CLOEXEC);
	error = -errno;
	if (fd >= 0)
		unlink(path);
	free(path);
	return fd >= 0 ? fd : error;
}

static int stream_write(struct output_stream *stream, const char *bytes, size_t size)
{
	int error = file_write(stream->file, bytes, size);

	if (error == 0)
		stream->file_size += size;
	return error;
}

static int stream_move_to_file(struct output_stream *stream)
{
	int error;

	stream->file = file_create();
	if (stream->file < 0) {
		error = stream->file;
		stream->file = -1;
		return error;
	}
	error = stream_write(stream, stream->bytes, stream->size);
	if (error != 0) {
		close(stream->file);
		stream->file = -1;
		return error;
	}
	free(stream->bytes);
	stream->bytes = NULL;
	stream->size = stream->room = 0;
	return 0;
}

static int stream_add(struct output_stream *stream, const char *bytes, size_t size)
{
	if (stream->file < 0 && stream->size + size > MEMORY_MAX) {
		int error = stream_move_to_file(stream);

		if (error != 0)
			return error;
	}
	if (stream->file >= 0)
		return stream_write(stream, bytes, size);
	if (stream->size + size > stream->room) {
		size_t room = stream->room > 0 ? stream->room : FIRST_ROOM;
		char *grown;

		while (room < stream->size + size)
			room *= 2;
		grown = realloc(stream->bytes, room);
		if (grown == NULL)
			return -ENOMEM;
		stream->bytes = grown;
		stream->room = room;
	}
	memcpy(stream->bytes + stream->size, bytes, size);
	stream->size += size;
	return 0;
}

static void end_close(struct collector_end *end)
{
	epoll_ctl(end->poll, EPOLL_CTL_DEL, end->fd, NULL);
	close(end->fd);
	end->fd = -1;
}

/* Reads some of what is there. Nobody reads the pipe any more when that cannot be kept. Return: whether to go on. */
static bool end_read(struct collector_end *end, char *bytes, size_t size)
{
	ssize_t got = read(end->fd, bytes, size);

	if (got < 0 && errno == EINTR)
		return true;
	if (got <= 0)
		return false;
	end->stream->error = stream_add(end->stream, bytes, (size_t)got);
	if (end->stream->error != 0)
		end_close(end);
	return end->stream->error == 0;
}

static int collect(eg_ctx *ctx, void *arg)
{
	struct collector *collector = arg;
	struct pollfd fds[] = {{collector->poll, POLLIN, 0}};
	struct epoll_event events[64];
	char bytes[READ_SIZE];

	while (eg_ctx_poll(ctx, fds, 1, EG_CTX_NO_DEADLINE) >= 0) {
		int count = epoll_wait(collector->poll, events, 64, 0);

		for (int i = 0; i < count; i++) {
			struct collector_end *end = events[i].data.ptr;

			pthread_mutex_lock(&end->lock);
			if (end->fd >= 0)
				end_read(end, bytes, sizeof(bytes));
			pthread_mutex_unlock(&end->lock);
		}
	}
	return 0;
}

static void slot_init(struct collector_slot *slot, int poll)
{
	for (int i = 0; i < OUTPUT_STREAMS; i++) {
		pthread_mutex_init(&slot->ends[i].lock, NULL);
		slot->ends[i].fd = slot->writers[i] = -1;
		slot->ends[i].poll = poll;
	}
}

int collector_init(struct collector *collector, size_t count)
{
	int error;

	*collector = (struct collector){.poll = epoll_create1(EPOLL_CLOEXEC)};
	if (collector->poll < 0)
		return -errno;
	collector->slots = calloc(count, sizeof(*collector->slots));
	error = collector->slots != NULL ? eg_group_init(&collector->group, NULL, NULL) : -ENOMEM;
	for (; collector->slots != NULL && collector->count < count; collector->count++)
		slot_init(&collector->slots[collector->count], collector->poll);
	if (error == 0)
		error = eg_group_go(&collector->group, collect, collector);
	if (error != 0)
		collector_finish(collector);
	return error;
}

void collector_finish(struct collector *collector)
{
	eg_group_destroy(&collector->group);
	for (size_t i = 0; i < collector->count; i++)
		for (int end = 0; end < OUTPUT_STREAMS; end++)
			pthread_mutex_destroy(&collector->slots[i].ends[end].lock);
	free(collector->slots);
	close(collector->poll);
}

static int end_begin(struct collector_end *end, struct output_stream *stream, int *ret_writer)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = end};
	int pipe[2], error = 0;

	if (pipe2(pipe, O_CLOEXEC) != 0)
		return -errno;
	pthread_mutex_lock(&end->lock);
	end->stream = stream;
	if (fcntl(pipe[0], F_SETFL, O_NONBLOCK) != 0 ||
	    epoll_ctl(end->poll, EPOLL_CTL_ADD, pipe[0], &event) != 0)
		error = -errno;
	else
		end->fd = pipe[0];
	pthread_mutex_unlock(&end->lock);
	if (error != 0) {
		close(pipe[0]);
		close(pipe[1]);
		return error;
	}
	*ret_writer = pipe[1];
	return 0;
}

int collector_begin(struct collector_slot *slot, struct output *output)
{
	int error = 0;

	for (int i = 0; i < OUTPUT_STREAMS && error == 0; i++)
		error = end_begin(&slot->ends[i], &output->streams[i], &slot->writers[i]);
	if (error != 0)
		collector_end(slot);
	return error;
}

void collector_end(struct collector_slot *slot)
{
	char bytes[16 * 1024];

	for (int i = 0; i < OUTPUT_STREAMS; i++) {
		struct collector_end *end = &slot->ends[i];

		if (slot->writers[i] >= 0)
			close(slot->writers[i]);
		slot->writers[i] = -1;
		pthread_mutex_lock(&end->lock);
		for (int reads = 0;
		     end->fd >= 0 && reads < LAST_READS && end_read(end, bytes, sizeof(bytes));)
			reads++;
		if (end->fd >= 0)
			end_close(end);
		end->stream = NULL;
		pthread_mutex_unlock(&end->lock);
	}
}
