/* SPDX-License-Identifier: MIT */
/*
 * The buffer is doubled as it fills, and read into directly. Its first piece is there before the program starts, so that there
 * is a result, if need be an empty one, whatever happens later; a piece that cannot be had is where the rest begins to be
 * dropped.
 */
#include "command/capture.h"

#include <errgroup/panic.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FIRST_ROOM 4096
#define PASSED_AT_ONCE (16 * 1024)

int egi_capture_begin(struct egi_capture *capture, int fd, bool is_kept, size_t max)
{
	capture->fd = fd;
	/* One byte more must be countable. */
	capture->max = max < SIZE_MAX / 2 ? max : SIZE_MAX / 2;
	if (!is_kept)
		return 0;
	capture->room = capture->max < FIRST_ROOM ? capture->max + 1 : FIRST_ROOM;
	capture->bytes = malloc(capture->room);
	return capture->bytes ? 0 : -ENOMEM;
}

void egi_capture_begin_for(struct egi_capture *capture, int fd, int stream, eg_output_fn *output, void *arg)
{
	capture->fd = fd;
	capture->output = output;
	capture->output_arg = arg;
	capture->stream = stream;
}

void egi_capture_close(struct egi_capture *capture)
{
	if (capture->fd >= 0)
		close(capture->fd);
	capture->fd = -1;
}

/* How much can be read into the buffer, after making it larger if it is full. */
static size_t capture_room(struct egi_capture *capture)
{
	size_t room = capture->room * 2;
	char *bytes;

	if (!capture->bytes)
		return 0;
	if (capture->size == capture->room - 1 && capture->size < capture->max) {
		room = room <= capture->max ? room : capture->max + 1;
		bytes = realloc(capture->bytes, room);
		if (bytes) {
			capture->bytes = bytes;
			capture->room = room;
		} else {
			capture->max = capture->size;
		}
	}
	return capture->room - 1 - capture->size;
}

static void capture_note_tail(struct egi_capture *capture, const char *bytes, size_t size)
{
	size_t kept = capture->tail_size;

	if (size >= EGI_CAPTURE_TAIL) {
		capture->tail_is_cut = capture->tail_is_cut || kept > 0 || size > EGI_CAPTURE_TAIL;
		bytes += size - EGI_CAPTURE_TAIL;
		size = EGI_CAPTURE_TAIL;
		kept = 0;
	} else if (kept + size > EGI_CAPTURE_TAIL) {
		capture->tail_is_cut = true;
		kept = EGI_CAPTURE_TAIL - size;
		memmove(capture->tail, capture->tail + capture->tail_size - kept, kept);
	}
	memcpy(capture->tail + kept, bytes, size);
	capture->tail_size = kept + size;
}

/* Reads once. Return: how much; or 0, nothing is left for now, or for good: then the descriptor is closed. */
static size_t capture_read_to(struct egi_capture *capture, char *to, size_t size)
{
	ssize_t count;

	do {
		count = read(capture->fd, to, size);
	} while (count < 0 && errno == EINTR);
	if (count == 0 || (count < 0 && errno != EAGAIN))
		egi_capture_close(capture);
	if (count <= 0)
		return 0;
	capture_note_tail(capture, to, (size_t)count);
	return (size_t)count;
}

/* By itself, so that its buffer is on the stack of those only who need it. */
static EGI_NOINLINE size_t capture_pass_on(struct egi_capture *capture)
{
	char bytes[PASSED_AT_ONCE];
	size_t count = capture_read_to(capture, bytes, sizeof(bytes));

	if (count == 0)
		return 0;
	eg_panic_forbid();
	capture->code = capture->output(capture->output_arg, capture->stream, bytes, count);
	eg_panic_allow();
	if (capture->code != 0)
		egi_capture_close(capture);
	return count;
}

static size_t capture_keep(struct egi_capture *capture)
{
	char dropped[4096];
	size_t room = capture_room(capture), count;

	if (room == 0) {
		count = capture_read_to(capture, dropped, sizeof(dropped));
		capture->dropped += count;
		return count;
	}
	count = capture_read_to(capture, capture->bytes + capture->size, room);
	capture->size += count;
	return count;
}

bool egi_capture_read(struct egi_capture *capture)
{
	if (capture->fd < 0)
		return false;
	return (capture->output ? capture_pass_on(capture) : capture_keep(capture)) > 0;
}

char *egi_capture_take(struct egi_capture *capture, size_t *ret_size, size_t *ret_dropped)
{
	char *bytes = capture->bytes;

	*ret_size = capture->size;
	*ret_dropped = bytes ? capture->dropped : 0;
	if (bytes)
		bytes[capture->size] = '\0';
	capture->bytes = NULL;
	return bytes;
}

void egi_capture_free(struct egi_capture *capture)
{
	egi_capture_close(capture);
	free(capture->bytes);
	capture->bytes = NULL;
}

const char *egi_capture_last_lines(const struct egi_capture *capture, int *ret_length)
{
	const char *begin = capture->tail, *end = begin + capture->tail_size, *newline;

	while (end > begin && (end[-1] == '\n' || end[-1] == '\r'))
		end--;
	/* What is cut begins with a whole line, if there is one. */
	newline = capture->tail_is_cut ? memchr(begin, '\n', (size_t)(end - begin)) : NULL;
	if (newline)
		begin = newline + 1;
	*ret_length = (int)(end - begin);
	return begin;
}
