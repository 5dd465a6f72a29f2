/* SPDX-License-Identifier: MIT */
#include "outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

#define OUTFILE_PREFIX ".outfile-"

static void temporary_choose(struct outfile *outfile)
{
	static _Atomic unsigned count;

	snprintf(outfile->temporary, sizeof(outfile->temporary), OUTFILE_PREFIX "%d-%x", (int)getpid(),
		 atomic_fetch_add(&count, 1));
}

/* Opens the directory of a path, and gives the name in it. */
static int directory_open(const char *path, const char **ret_name)
{
	const char *slash = strrchr(path, '/');
	char *directory;
	int fd;

	*ret_name = slash != NULL ? slash + 1 : path;
	if (slash == NULL)
		return file_open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	directory = strndup(path, (size_t)(slash + 1 - path));
	if (directory == NULL)
		return -ENOMEM;
	fd = file_open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(directory);
	return fd;
}

int outfile_open(struct outfile *outfile, const char *path, mode_t mode)
{
	int error;

	*outfile = (struct outfile){.fd = -1};
	outfile->directory = directory_open(path, &outfile->name);
	if (outfile->directory < 0)
		return outfile->directory;

	/* A file without a name gets one through /proc. */
	if (access("/proc/self/fd", X_OK) == 0)
		outfile->fd = openat(outfile->directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
	/* Whatever the reason is: if it concerns the directory, it comes again. A leftover's name may be taken. */
	for (int i = 0; outfile->fd < 0 && i < 100; i++) {
		temporary_choose(outfile);
		outfile->fd = openat(outfile->directory, outfile->temporary,
				     O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
		if (outfile->fd < 0 && errno != EEXIST)
			break;
	}
	if (outfile->fd >= 0)
		return 0;
	error = -errno;
	close(outfile->directory);
	return error;
}

/* What is there, unless it can be replaced. Return: a descriptor, -ENOENT or -errno. */
static int open_as_it_is(const char *path)
{
	struct stat status;
	int fd = file_open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	bool is_replaced;

	if (fd < 0)
		return fd;
	is_replaced = fstat(fd, &status) != 0 || S_ISREG(status.st_mode);
	close(fd);
	return is_replaced ? -ENOENT : file_open(path, O_WRONLY | O_TRUNC | O_NOCTTY | O_CLOEXEC);
}

int outfile_open_any(struct outfile *outfile, const char *path, mode_t mode)
{
	int fd = open_as_it_is(path);

	if (fd == -ENOENT)
		return outfile_open(outfile, path, mode);
	if (fd < 0)
		return fd;
	*outfile = (struct outfile){.fd = fd, .directory = -1, .is_direct = true};
	return 0;
}

bool outfile_exists(const struct outfile *outfile)
{
	return faccessat(outfile->directory, outfile->name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void outfile_finish(struct outfile *outfile)
{
	if (outfile->fd >= 0)
		close(outfile->fd);
	if (outfile->directory >= 0)
		close(outfile->directory);
}

static int outfile_link(struct outfile *outfile, const char *name)
{
	char self[32];

	snprintf(self, sizeof(self), "/proc/self/fd/%d", outfile->fd);
	return linkat(AT_FDCWD, self, outfile->directory, name, AT_SYMLINK_FOLLOW) == 0 ? 0 : -errno;
}

int outfile_commit(struct outfile *outfile, bool replaces)
{
	int error = 0;

	if (outfile->is_direct)
		return close(outfile->fd) == 0 ? 0 : -errno;
	if (outfile->temporary[0] == '\0') {
		error = outfile_link(outfile, outfile->name);
		if (error != -EEXIST || !replaces) {
			outfile_finish(outfile);
			return error;
		}
		/* Only a rename replaces in one step. The file is complete by now. */
		do {
			temporary_choose(outfile);
			error = outfile_link(outfile, outfile->temporary);
		} while (error == -EEXIST);
	}
	/* Some file systems tell only now that there was no room. */
	if (error == 0 && close(outfile->fd) != 0)
		error = -errno;
	outfile->fd = -1;
	if (error == 0 && renameat2(outfile->directory, outfile->temporary, outfile->directory, outfile->name,
				    replaces ? 0 : RENAME_NOREPLACE) != 0)
		error = -errno;
	if (error != 0)
		unlinkat(outfile->directory, outfile->temporary, 0);
	outfile_finish(outfile);
	return error;
}

void outfile_abandon(struct outfile *outfile)
{
	if (outfile->temporary[0] != '\0')
		unlinkat(outfile->directory, outfile->temporary, 0);
	outfile_finish(outfile);
}

bool outfile_is_temporary(const char *path)
{
	const char *slash = strrchr(path, '/');

	return strncmp(slash != NULL ? slash + 1 : path, OUTFILE_PREFIX, strlen(OUTFILE_PREFIX)) == 0;
}
