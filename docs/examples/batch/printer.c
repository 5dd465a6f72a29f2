/* SPDX-License-Identifier: MIT */
/*
 * A pipe or a terminal is asked whether it takes something before anything is written, so that the context can end the
 * wait, and is given no more at once than a pipe that has room is sure to take.
 */

#include "printer.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../shared/console.h"

/* How long a reader has to take what is left of an interrupted run. */
#define LAST_NS EG_SECONDS(1)

void printer_init(struct printer *printer, eg_ctx *stop)
{
	*printer = (struct printer){.stop = stop};
	printer->is_terminal = isatty(STDOUT_FILENO) == 1 || isatty(STDERR_FILENO) == 1;
	for (int i = 0; i < OUTPUT_STREAMS; i++) {
		struct stat status;

		printer->may_block[i] = fstat(STDOUT_FILENO + i, &status) == 0 && !S_ISREG(status.st_mode);
	}
}

/* Waits until the descriptor takes something. Return: 0 or why it does not. */
static int wait_for_room(struct printer *printer, int fd)
{
	struct pollfd fds[] = {{fd, POLLOUT, 0}};
	int ready = 0;

	if (printer->until_ns == 0) {
		ready = eg_ctx_poll(printer->stop, fds, 1, EG_CTX_NO_DEADLINE);
		if (ready >= 0 || eg_ctx_err(printer->stop) == 0)
			return ready < 0 ? ready : 0;
		printer->until_ns = eg_clock_after_ns(LAST_NS);
	}
	ready = eg_ctx_poll(NULL, fds, 1, printer->until_ns);
	if (ready < 0)
		return ready;
	return ready > 0 ? 0 : -ECANCELED;
}

static int write_all(struct printer *printer, int stream, const char *bytes, size_t size)
{
	int fd = STDOUT_FILENO + stream;

	while (size > 0) {
		int error = printer->may_block[stream] ? wait_for_room(printer, fd) : 0;
		size_t some = printer->may_block[stream] && size > PIPE_BUF ? PIPE_BUF : size;
		ssize_t written;

		if (error != 0)
			return error;
		written = write(fd, bytes, some);
		if (written < 0 && errno != EINTR && errno != EAGAIN)
			return -errno;
		if (written > 0) {
			bytes += written;
			size -= (size_t)written;
		}
	}
	return 0;
}

static int write_stream(struct printer *printer, int number, const struct output_stream *stream)
{
	char bytes[64 * 1024];
	uint64_t at = 0;
	int error = 0;

	if (stream->file < 0)
		return write_all(printer, number, stream->bytes, stream->size);
	while (error == 0 && at < stream->file_size) {
		ssize_t got = pread(stream->file, bytes, sizeof(bytes), (off_t)at);

		if (got > 0) {
			error = write_all(printer, number, bytes, (size_t)got);
			at += (uint64_t)got;
		} else if (got == 0) {
			error = -EIO;
		} else if (errno != EINTR) {
			error = -errno;
		}
	}
	return error;
}

void printer_print(struct printer *printer, const struct output *output)
{
	if (printer->is_terminal)
		console_pause();
	if (printer->error == 0)
		printer->error = write_stream(printer, OUTPUT_OUT, &output->streams[OUTPUT_OUT]);
	/* There is nowhere to say that this has failed. */
	(void)write_stream(printer, OUTPUT_ERR, &output->streams[OUTPUT_ERR]);
	if (printer->is_terminal)
		console_resume();
}
