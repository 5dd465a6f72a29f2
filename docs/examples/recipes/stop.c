/* SPDX-License-Identifier: MIT */
/* stop FIFO...: prints what comes out of FIFOs, until SIGINT or SIGTERM. */
#include <errgroup.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <unistd.h>

static int copy_fifo(eg_ctx *ctx, void *arg, size_t index)
{
	const char *path = ((char **)arg)[index];
	struct pollfd fifo = {open(path, O_RDWR | O_NONBLOCK), POLLIN, 0};
	char buffer[PIPE_BUF];
	ssize_t size = 1;

	if (fifo.fd < 0)
		return eg_fail(-errno, "cannot open %s", path);
	while (size > 0 && eg_ctx_poll(ctx, &fifo, 1, EG_CTX_NO_DEADLINE) > 0) {
		size = read(fifo.fd, buffer, sizeof(buffer));
		if (size > 0)
			size = write(STDOUT_FILENO, buffer, size);
	}
	close(fifo.fd);
	return size > 0 ? 0 : eg_fail(-errno, "cannot copy %s", path);
}

int main(int argc, char **argv)
{
	eg_error *error;
	eg_ctx *ctx;

	if (argc < 2)
		return fputs("Usage: stop FIFO...\n", stderr), 2;
	if (eg_ctx_with_signals(NULL, (int[]){SIGINT, SIGTERM}, 2, &ctx))
		return fputs("stop: cannot listen to signals\n", stderr), 1;
	int err = eg_for(ctx, argc - 1, copy_fifo, argv + 1,
			 EG_GROUP_OPTIONS(.limit = EG_LIMIT_NONE), &error);
	eg_ctx_unref(ctx);
	eg_error_print(error, stderr);
	eg_error_unref(error);
	return err ? 1 : 0;
}
