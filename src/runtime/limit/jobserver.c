/* SPDX-License-Identifier: MIT */
/*
 * The pipe's descriptors come from make and share their state with make's own, so that they must not be made non-blocking; but
 * a read that blocks cannot be ended, and another process may be faster after any look. So the ends are opened anew, by their
 * names in /proc, which gives this process a state of its own. The named pipe of newer makes has a path to open.
 *
 * make closes the descriptors for recipes that it does not take for makes, and names them all the same. What has their numbers then
 * may be anything, perhaps another pipe of the program's. Both ends of a pipe are one inode, so two descriptors that
 * are the ends of one pipe, in the right order, are taken for make's.
 *
 * A token never blocks the pipe that it came out of. While this process has both ends open a write raises no SIGPIPE, and a
 * read finds no end, if make is gone.
 * A thread that is cancelled in here would take a lock, or a token, with it, so cancellation is off. errno is the program's.
 */
#include "runtime/limit/jobserver.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/cpus.h"

/* As many as a group's limit can be, and more than a pipe has room for. */
#define JOBS_MAX 65536

/* The longest wait where the clock is not the kernel's (os/event.c). */
#define BY_CLOCK_MAX (10 * EGI_MILLISECOND)

struct calm {
	int saved_errno, cancelable;
};

static struct calm calm_begin(void)
{
	struct calm calm = {.saved_errno = errno};

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &calm.cancelable);
	return calm;
}

static void calm_end(const struct calm *calm)
{
	pthread_setcancelstate(calm->cancelable, NULL);
	errno = calm->saved_errno;
}

/* A program without standard descriptors may print all the same, and must not print into the pipe. Takes a descriptor over. */
static int keep_off_standard(int fd)
{
	int higher, err = errno;

	if (fd < 0)
		return -err;
	if (fd > STDERR_FILENO)
		return fd;
	higher = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	err = errno;
	close(fd);
	return higher < 0 ? -err : higher;
}

/*
 * What MAKEFLAGS says
 */

/* The value of the last of make's words that begins so: until a blank. NULL: there is none. */
static const char *word_find(const char *flags, const char *name)
{
	const char *found = NULL;

	for (const char *at = flags; (at = strstr(at, name)) != NULL; at++)
		if (at == flags || at[-1] == ' ')
			found = at + strlen(name);
	return found;
}

static int number_of_jobs(const char *flags)
{
	const char *jobs = word_find(flags, "-j");
	long number = jobs ? strtol(jobs, NULL, 10) : 0;

	if (number < 1)
		number = egi_cpus_count();
	return number < JOBS_MAX ? (int)number : JOBS_MAX;
}

static bool is_end_of_pipe(int fd, int access, struct stat *ret_stat)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && ((flags & O_ACCMODE) == access || (flags & O_ACCMODE) == O_RDWR) &&
	       fstat(fd, ret_stat) == 0 && S_ISFIFO(ret_stat->st_mode);
}

/* Without /proc there is a jobserver all the same, and -ENOENT would say that there is none. */
static int reopen(int fd, int access)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(fd)];
	int opened;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	opened = keep_off_standard(open(path, access | O_NONBLOCK | O_CLOEXEC));
	return opened == -ENOENT ? -EBADF : opened;
}

/* "3,4", the reading and the writing end. */
static int open_ends(const char *ends, int *ret_read, int *ret_write)
{
	struct stat read_stat, write_stat;
	int reads, writes, read_end, write_end;

	if (sscanf(ends, "%d,%d", &reads, &writes) != 2)
		return -EBADF;
	if (!is_end_of_pipe(reads, O_RDONLY, &read_stat) || !is_end_of_pipe(writes, O_WRONLY, &write_stat) ||
	    read_stat.st_dev != write_stat.st_dev || read_stat.st_ino != write_stat.st_ino)
		return -EBADF;
	read_end = reopen(reads, O_RDONLY);
	write_end = read_end < 0 ? read_end : reopen(writes, O_WRONLY);
	if (write_end < 0) {
		if (read_end >= 0)
			close(read_end);
		return write_end;
	}
	*ret_read = read_end;
	*ret_write = write_end;
	return 0;
}

/* One descriptor for both ends; opened like that it is never a pipe that nobody writes to. */
static int open_named(const char *name, int *ret_read, int *ret_write)
{
	char path[PATH_MAX];
	struct stat named;
	size_t length = strcspn(name, " ");
	int fd;

	if (length == 0 || length >= sizeof(path))
		return -EBADF;
	memcpy(path, name, length);
	path[length] = '\0';
	fd = keep_off_standard(open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC));
	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR ? -EBADF : fd;
	if (fstat(fd, &named) != 0 || !S_ISFIFO(named.st_mode)) {
		close(fd);
		return -EBADF;
	}
	*ret_read = *ret_write = fd;
	return 0;
}

static int open_pipe(const char *flags, int *ret_read, int *ret_write)
{
	static const char fifo[] = "fifo:";
	const char *auth = word_find(flags, "--jobserver-auth=");

	/* Before make 4.2. */
	if (!auth)
		auth = word_find(flags, "--jobserver-fds=");
	if (!auth)
		return -ENOENT;
	if (strncmp(auth, fifo, sizeof(fifo) - 1) == 0)
		return open_named(auth + sizeof(fifo) - 1, ret_read, ret_write);
	return open_ends(auth, ret_read, ret_write);
}

static void close_pipe(int read_end, int write_end)
{
	close(read_end);
	if (write_end != read_end)
		close(write_end);
}

static int jobserver_make(const char *flags, struct egi_jobserver **ret_jobserver)
{
	int most = number_of_jobs(flags), read_end, write_end, wake, err;
	struct egi_jobserver *jobserver;

	err = open_pipe(flags, &read_end, &write_end);
	if (err)
		return err;
	wake = keep_off_standard(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	jobserver = wake < 0 ? NULL : malloc(sizeof(*jobserver) + (size_t)most);
	if (!jobserver) {
		close_pipe(read_end, write_end);
		if (wake >= 0)
			close(wake);
		return wake < 0 ? wake : -ENOMEM;
	}
	*jobserver =
	    (struct egi_jobserver){.read_end = read_end, .write_end = write_end, .wake = wake, .most = most};
	*ret_jobserver = jobserver;
	return 0;
}

int egi_jobserver_open(const char *makeflags, struct egi_jobserver **ret_jobserver)
{
	struct calm calm = calm_begin();
	int err = makeflags ? jobserver_make(makeflags, ret_jobserver) : -ENOENT;

	calm_end(&calm);
	return err;
}

void egi_jobserver_close(struct egi_jobserver *jobserver)
{
	struct calm calm = calm_begin();

	close_pipe(jobserver->read_end, jobserver->write_end);
	close(jobserver->wake);
	free(jobserver);
	calm_end(&calm);
}

/*
 * Tokens
 */

bool egi_jobserver_has_more(const struct egi_jobserver *jobserver)
{
	return !jobserver->is_over && jobserver->held + 1 < jobserver->most;
}

bool egi_jobserver_try_take(struct egi_jobserver *jobserver)
{
	struct calm calm;
	ssize_t count;

	if (!egi_jobserver_has_more(jobserver))
		return false;
	calm = calm_begin();
	do
		count = read(jobserver->read_end, &jobserver->tokens[jobserver->held], 1);
	while (count < 0 && errno == EINTR);
	calm_end(&calm);
	jobserver->held += count == 1;
	return count == 1;
}

void egi_jobserver_give_back(struct egi_jobserver *jobserver)
{
	struct calm calm;

	if (jobserver->is_over)
		return;
	calm = calm_begin();
	jobserver->held--;
	while (write(jobserver->write_end, &jobserver->tokens[jobserver->held], 1) < 0 && errno == EINTR)
		;
	calm_end(&calm);
}

void egi_jobserver_end(struct egi_jobserver *jobserver)
{
	while (jobserver->held > 0)
		egi_jobserver_give_back(jobserver);
	jobserver->is_over = true;
}

/*
 * Waiting
 */

/* Rounded up: who wakes too early would look in vain. */
static int milliseconds_until(int64_t until_ns)
{
	int64_t left;

	if (until_ns == EGI_FOREVER)
		return -1;
	left = until_ns - eg_clock_now_ns();
	if (left <= 0)
		return 0;
	if (left > BY_CLOCK_MAX && !egi_clock_is_kernels())
		left = BY_CLOCK_MAX;
	left = (left - 1) / EGI_MILLISECOND + 1;
	return left < INT_MAX ? (int)left : INT_MAX;
}

void egi_jobserver_wait(struct egi_jobserver *jobserver, bool wants_token, int64_t until_ns)
{
	struct calm calm = calm_begin();
	struct pollfd fds[2] = {
	    {.fd = jobserver->wake, .events = POLLIN},
	    {.fd = wants_token ? jobserver->read_end : -1, .events = POLLIN},
	};
	uint64_t woken;

	(void)poll(fds, 2, milliseconds_until(until_ns));
	if (fds[0].revents != 0)
		(void)!read(jobserver->wake, &woken, sizeof(woken));
	calm_end(&calm);
}

void egi_jobserver_wake(struct egi_jobserver *jobserver)
{
	static const uint64_t one = 1;
	struct calm calm = calm_begin();

	/* It fails only if it is readable already. */
	(void)!write(jobserver->wake, &one, sizeof(one));
	calm_end(&calm);
}
