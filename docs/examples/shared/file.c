/* SPDX-License-Identifier: MIT */
/*
 * Files by paths of any length, opened so that what has taken a file's place meanwhile does no harm.
 */

#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include <errgroup.h>

int file_open(const char *path, int flags)
{
	char part[PATH_MAX];
	int base = AT_FDCWD;
	int fd;

	/*
	 * The kernel takes fewer than PATH_MAX bytes at once. A longer path is opened in steps that end at a
	 * slash, each relative to the directory that the step before has reached.
	 */
	while (strlen(path) >= PATH_MAX) {
		const char *slash = memrchr(path + 1, '/', PATH_MAX - 2);
		size_t length;
		int step;

		if (slash == NULL) {
			if (base >= 0)
				close(base);
			return -ENAMETOOLONG;
		}
		length = (size_t)(slash - path);
		memcpy(part, path, length);
		part[length] = '\0';
		step = openat(base, part, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (step < 0)
			step = -errno;
		if (base >= 0)
			close(base);
		if (step < 0)
			return step;
		base = step;
		for (path = slash; *path == '/'; path++)
			;
	}

	fd = openat(base, path, flags);
	if (fd < 0)
		fd = -errno;
	if (base >= 0)
		close(base);
	return fd;
}

/* O_NONBLOCK keeps a FIFO in its place from blocking the open; regular files do not care. */
int file_open_regular(const char *path, bool follows, struct stat *ret_status)
{
	int fd = file_open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (follows ? 0 : O_NOFOLLOW));
	int error = 0;

	if (fd < 0)
		return fd;
	if (fstat(fd, ret_status) != 0)
		error = -errno;
	else if (!S_ISREG(ret_status->st_mode))
		error = FILE_NOT_REGULAR;
	if (error == 0)
		return fd;
	close(fd);
	return error;
}

int file_write(int fd, const void *bytes, size_t length)
{
	const char *next = bytes;

	while (length > 0) {
		ssize_t written = write(fd, next, length);

		if (written >= 0) {
			next += written;
			length -= (size_t)written;
		} else if (errno != EINTR) {
			return -errno;
		}
	}
	return 0;
}

const char *file_strerror(int error)
{
	return error == FILE_NOT_REGULAR ? "Not a regular file" : eg_strerror(error);
}
