/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/file.h"

#define MEMORY_MAX (64 * 1024)
#define FIRST_ROOM 1024

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

int output_take(void *output, int stream, const char *bytes, size_t size)
{
	struct output_stream *taken = &((struct output *)output)->streams[stream - STDOUT_FILENO];

	taken->error = stream_add(taken, bytes, size);
	return taken->error;
}
