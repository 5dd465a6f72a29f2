/* SPDX-License-Identifier: MIT */
/*
 * A program need not read all of its input, and then writing raises SIGPIPE, which on a pipe no flag prevents and which would
 * end the process. So the thread blocks it around the write, and takes back what the write has raised: if one was pending
 * before, it was blocked before, the two are one, and it stays. A socket instead of the pipe would spare that, but programs
 * cannot open one by the name /dev/stdin.
 */
#include "command/feed.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

/* More than a pipe takes at once, and a length that every write takes. */
#define MOST ((size_t)1 << 20)

static ssize_t write_without_signal(int fd, const char *bytes, size_t size)
{
	static const struct timespec at_once = {0, 0};
	sigset_t sigpipe, before, pending;
	ssize_t count;
	int error;

	sigemptyset(&sigpipe);
	sigaddset(&sigpipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
	sigpending(&pending);
	count = write(fd, bytes, size);
	error = errno;
	if (count < 0 && error == EPIPE && sigismember(&pending, SIGPIPE) != 1)
		while (sigtimedwait(&sigpipe, NULL, &at_once) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return count;
}

void egi_feed_write(struct egi_feed *feed)
{
	ssize_t count = write_without_signal(feed->fd, feed->bytes, feed->left < MOST ? feed->left : MOST);

	if (count < 0) {
		if (errno != EAGAIN && errno != EINTR)
			egi_feed_close(feed);
		return;
	}
	feed->bytes += count;
	feed->left -= (size_t)count;
	if (feed->left == 0)
		egi_feed_close(feed);
}

void egi_feed_close(struct egi_feed *feed)
{
	if (feed->fd >= 0)
		close(feed->fd);
	feed->fd = -1;
}
