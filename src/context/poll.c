/* SPDX-License-Identifier: MIT */
/*
 * poll(2) that a context ends. The context's descriptor is one more in a copy of the caller's list, and the sleep is no longer
 * than wait.c lets one be: somebody raises the descriptor at the deadline, or the sleeper looks at the clock itself, so that
 * this goes on without a thread for deadlines.
 *
 * Whether the context is over is asked before the sleep and after it, and counts for more than what is ready. The copy is
 * given back only when the call succeeds.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "context/timer.h"
#include "context/tree.h"
#include "context/wait.h"
#include "os/clock.h"
#include "os/thread.h"

#define FEW 16

/* Returns how many of the descriptors are ready; 0, the time has come; a code, the context is over or poll failed. */
static int poll_until(eg_ctx *ctx, struct pollfd *fds, nfds_t count, int64_t deadline_ns)
{
	for (;;) {
		struct timespec left = egi_clock_left(egi_ctx_sleeps(ctx, deadline_ns));
		int ready = ppoll(fds, count, &left, NULL), err = ready < 0 ? errno : 0,
		    over = eg_ctx_err(ctx);

		if (over)
			return over;
		if (ready > 0 || (err != 0 && err != EINTR))
			return err ? -err : ready;
		if (ready == 0 && deadline_ns != EGI_FOREVER && eg_clock_now_ns() >= deadline_ns)
			return 0;
	}
}

/* With the context's descriptor behind those of the caller, in a list that has room for it. */
static int poll_list(eg_ctx *ctx, struct pollfd *list, nfds_t count, int64_t deadline_ns)
{
	int fd, ready;

	if (!ctx)
		return poll_until(NULL, list, count, deadline_ns);
	fd = egi_ctx_end_fd(ctx);
	if (fd < 0)
		return fd;
	list[count] = (struct pollfd){.fd = fd, .events = POLLIN};
	/* Another thread for the deadline, if there is none; without one this looks at the clock itself. */
	if (eg_ctx_deadline(ctx) != EG_CTX_NO_DEADLINE)
		(void)egi_timer_ensure();
	ready = poll_until(ctx, list, count + 1, deadline_ns);
	/* It is raised when the context is over, so that somebody has closed it, who must not. */
	return ready > 0 && list[count].revents != 0 ? -EBADF : ready;
}

int eg_ctx_poll(eg_ctx *ctx, struct pollfd *fds, nfds_t count, int64_t deadline_ns)
{
	struct pollfd few[FEW], *list = few;
	int saved = errno, cancelable, result = eg_ctx_err(ctx);

	if ((!fds && count > 0) || count >= INT_MAX)
		return -EINVAL;
	if (result)
		return result;
	if (count >= FEW && !(list = malloc((count + 1) * sizeof(*list))))
		return -ENOMEM;
	if (count > 0)
		memcpy(list, fds, count * sizeof(*list));
	/* The library may begin here. */
	(void)egi_thread_id();
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	result = poll_list(ctx, list, count, deadline_ns);
	pthread_setcancelstate(cancelable, NULL);
	for (nfds_t i = 0; result >= 0 && i < count; i++)
		fds[i].revents = list[i].revents;
	if (list != few)
		free(list);
	errno = saved;
	return result;
}
