/* SPDX-License-Identifier: MIT */
/*
 * The event is a counter of the kernel's that a read lowers by one. One that is to be readable for good starts from a number
 * beyond what anybody could read: if it is read by mistake it stays readable. Where there are no event counters it is a pipe, with something in it.
 *
 * What opens, writes and closes ends a thread that is cancelled meanwhile, and with it what that thread holds: the lock
 * around, and the other end. So all of it is done with cancellation off. errno is the program's, and stays what it was where
 * the program has not asked for a descriptor.
 */
#include "context/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void fd_close(const struct egi_ctx_fd *fd)
{
	int cancelable;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	/* Whoever prints into one that is low (below) must not get SIGPIPE. */
	if (fd->write != fd->read)
		close(fd->write);
	close(fd->read);
	pthread_setcancelstate(cancelable, NULL);
}

static int fd_open(struct egi_ctx_fd *ret_fd)
{
	int ends[2], counter = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);

	if (counter >= 0) {
		*ret_fd = (struct egi_ctx_fd){counter, counter};
		return 0;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
		return -errno;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	*ret_fd = (struct egi_ctx_fd){ends[0], ends[1]};
	return 0;
}

/*
 * A program without standard descriptors may print all the same, and must not print into the event. So those that get such
 * numbers keep them taken until one has another, and are closed; at no moment does the event have a lower number itself.
 */
int egi_ctx_fd_open(struct egi_ctx_fd *ret_fd)
{
	struct egi_ctx_fd low[STDERR_FILENO + 1], fd;
	int count = 0, err;

	while ((err = fd_open(&fd)) == 0 && (fd.read <= STDERR_FILENO || fd.write <= STDERR_FILENO))
		low[count++] = fd;
	while (count > 0)
		fd_close(&low[--count]);
	if (err == 0)
		*ret_fd = fd;
	return err;
}

/* Only a full pipe or counter, which is readable, could refuse. */
static void fd_write(int write_end, uint64_t times)
{
	int saved = errno, cancelable;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	(void)!write(write_end, &times, sizeof(times));
	pthread_setcancelstate(cancelable, NULL);
	errno = saved;
}

void egi_ctx_fd_raise(int write_end)
{
	fd_write(write_end, UINT64_MAX - 1);
}

void egi_ctx_fd_raise_once(int write_end)
{
	fd_write(write_end, 1);
}

/* If it has been read by mistake, there is nothing left to be read. */
void egi_ctx_fd_lower(const struct egi_ctx_fd *fd)
{
	int saved = errno, cancelable;
	uint64_t times;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	(void)!read(fd->read, &times, sizeof(times));
	pthread_setcancelstate(cancelable, NULL);
	errno = saved;
}

void egi_ctx_fd_close(struct egi_ctx_fd *fd)
{
	int saved = errno;

	if (fd->read >= 0)
		fd_close(fd);
	*fd = EGI_CTX_FD_NONE;
	errno = saved;
}
