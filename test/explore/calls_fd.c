/* SPDX-License-Identifier: MIT */
/*
 * The descriptors that the library makes: each is a flag here, and none is the system's.
 */
#include <errno.h>

#include "context/fd.h"
#include "engine.h"
#include "wrap.h"

#define FD_FIRST 100
#define FDS_MAX 4

static struct {
	bool is_open, is_readable;
} fds[FDS_MAX];

static void fd_change(int number, bool readable)
{
	if (number < FD_FIRST || number >= FD_FIRST + FDS_MAX || !fds[number - FD_FIRST].is_open)
		explore_fail("a descriptor that is not open is written to, or read");
	if (readable) {
		explore_raise(&fds[number - FD_FIRST].is_readable);
		return;
	}
	explore_touch(&fds[number - FD_FIRST].is_readable, "lowers", 0);
	fds[number - FD_FIRST].is_readable = false;
}

WRAP(int, egi_ctx_fd_open, struct egi_ctx_fd *ret_fd)
{
	for (int i = 0; i < FDS_MAX; i++)
		if (!fds[i].is_open) {
			fds[i].is_open = true;
			fds[i].is_readable = false;
			*ret_fd = (struct egi_ctx_fd){FD_FIRST + i, FD_FIRST + i};
			return 0;
		}
	return -EMFILE;
}

WRAP(void, egi_ctx_fd_raise, int write)
{
	fd_change(write, true);
}

WRAP(void, egi_ctx_fd_raise_once, int write)
{
	fd_change(write, true);
}

WRAP(void, egi_ctx_fd_lower, const struct egi_ctx_fd *fd)
{
	fd_change(fd->read, false);
}

WRAP(void, egi_ctx_fd_close, struct egi_ctx_fd *fd)
{
	if (fd->read >= 0)
		fds[fd->read - FD_FIRST].is_open = false;
	*fd = EGI_CTX_FD_NONE;
}

bool explore_is_readable(int fd)
{
	return fds[fd - FD_FIRST].is_readable;
}

void explore_poll(int fd)
{
	explore_await(&fds[fd - FD_FIRST].is_readable);
}
