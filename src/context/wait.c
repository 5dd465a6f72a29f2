/* SPDX-License-Identifier: MIT */
/*
 * Waiting for the end of a context: asleep on its code, or by a descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "context/context.h"
#include "os/clock.h"
#include "os/event.h"
#include "os/verify.h"
#include "runtime/crew/crew.h"

/* Announces that somebody is going to sleep on the context's code. */
static void announce(eg_ctx *ctx)
{
	egi_ctx_lock(ctx->lock);
	ctx->waited = true;
	egi_ctx_unlock(ctx->lock);
}

/* Returns true when the context is over, false when the time has come and it is not. */
static bool wait_for_end(eg_ctx *ctx, int64_t until_ns)
{
	uint32_t never = 0;

	if (eg_ctx_err(ctx))
		return true;
	if (eg_clock_now_ns() >= until_ns)
		return false;
	if (ctx)
		announce(ctx);
	/* Another thread for the deadline, if there is none; without one this looks at the clock itself. */
	if (eg_ctx_deadline(ctx) != EG_CTX_NO_DEADLINE)
		(void)egi_timer_ensure();
	for (;;) {
		int64_t wake = until_ns;

		if (egi_timer_is_by_clock() && eg_ctx_deadline(ctx) < wake)
			wake = egi_timer_fires_ns(eg_ctx_deadline(ctx));
		egi_word_wait(ctx ? &ctx->err : &never, 0, egi_crew_sleeps(wake));
		if (eg_ctx_err(ctx))
			return true;
		if (until_ns != EGI_FOREVER && eg_clock_now_ns() >= until_ns)
			return false;
	}
}

int eg_ctx_wait_until(eg_ctx *ctx, int64_t deadline_ns)
{
	return wait_for_end(ctx, deadline_ns) ? 0 : -ETIMEDOUT;
}

int eg_ctx_sleep_until(eg_ctx *ctx, int64_t time_ns)
{
	return wait_for_end(ctx, time_ns) ? eg_ctx_err(ctx) : 0;
}

/*
 * The descriptor is an event counter that a read lowers by one, from a number beyond what anybody could read: one that is
 * read by mistake stays readable. Where there are no event counters it is a pipe.
 */

struct ends {
	int read, write;
};

/* Writing and closing end a thread that is cancelled, and with it what it holds: locks, and the other descriptor. */
static void ends_close(const struct ends *ends)
{
	int cancelable;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	close(ends->read);
	if (ends->write != ends->read)
		close(ends->write);
	pthread_setcancelstate(cancelable, NULL);
}

static int ends_open(struct ends *ret_ends)
{
	int ends[2], fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);

	if (fd >= 0) {
		*ret_ends = (struct ends){fd, fd};
		return 0;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOMEM)
		return -errno;
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -errno;
	*ret_ends = (struct ends){ends[0], ends[1]};
	return 0;
}

/*
 * A program without standard descriptors may print all the same, and must not print into the event. So those that get such
 * numbers keep them taken until one has another, and are closed; at no moment does the event have a lower number itself.
 */
static int ends_open_above(struct ends *ret_ends)
{
	struct ends low[STDERR_FILENO + 1], ends;
	int count = 0, err;

	while ((err = ends_open(&ends)) == 0 && (ends.read <= STDERR_FILENO || ends.write <= STDERR_FILENO))
		low[count++] = ends;
	while (count > 0)
		ends_close(&low[--count]);
	if (err == 0)
		*ret_ends = ends;
	return err;
}

/* Only a full pipe or counter, which is readable, could refuse. */
void egi_ctx_fd_raise(int fd_to_write)
{
	static const uint64_t inexhaustible = UINT64_MAX - 1;
	int saved = errno, cancelable;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	(void)!write(fd_to_write, &inexhaustible, sizeof(inexhaustible));
	pthread_setcancelstate(cancelable, NULL);
	errno = saved;
}

/*
 * In a forked child the parent's descriptors are the parent's events, and their numbers may have been given to something
 * else: they are neither written nor closed, but forgotten (egi_ctx_enter).
 */
void egi_ctx_fd_close(eg_ctx *ctx)
{
	int saved = errno;

	if (ctx->fd >= 0)
		ends_close(&(struct ends){ctx->fd, ctx->fd_to_write});
	ctx->fd = ctx->fd_to_write = -1;
	errno = saved;
}

/* Under lock. */
static int fd_make(eg_ctx *ctx)
{
	struct ends ends = {-1, -1};
	int err = ends_open_above(&ends);

	if (err)
		return err;
	ctx->fd = ends.read;
	ctx->fd_to_write = ends.write;
	if (egi_load_relaxed_u32(&ctx->err) != 0)
		egi_ctx_fd_raise(ends.write);
	return 0;
}

/* The background context: it has a descriptor and nothing else. */
static struct eg_ctx background = {.fd = -1, .fd_to_write = -1};

int eg_ctx_fd(eg_ctx *ctx)
{
	int saved = errno, result = 0;

	/* Without a thread nobody would raise it when the deadline comes. */
	if (egi_ctx_attend(ctx) != 0)
		return -EAGAIN;
	/* The one context that nobody has made, so that the library may begin here. */
	if (!ctx && egi_thread_id())
		ctx = &background;
	egi_ctx_lock(ctx->lock);
	egi_ctx_enter(ctx);
	if (ctx->fd < 0)
		result = fd_make(ctx);
	if (result == 0)
		result = ctx->fd;
	egi_ctx_unlock(ctx->lock);
	errno = saved;
	return result;
}

void egi_ctx_stop(void)
{
	egi_ctx_caller_stop();
	egi_ctx_enter(&background);
	egi_ctx_fd_close(&background);
}
