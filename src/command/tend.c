/* SPDX-License-Identifier: MIT */
/*
 * One loop around poll, in which a program is at one of these:
 *
 *     runs       until it exits, or the context is over
 *     ends       it was sent SIGTERM, and is sent SIGKILL when the time of grace is over
 *     is killed  it exits before long
 *     has exited its output is read to its end, or to the end of the time of grace: what it has started may have it open
 *
 * Where output ends with the program, we keep its ends of the pipes open until then. So what the kernel closes as a program
 * exits, one stream and the other and then the pidfd, wakes us once instead of three times.
 *
 * If the context ends when the program has exited and its output is being read, what is left of its group is ended likewise.
 *
 * The last signal to the group is sent before the child is reaped, as the group's number is nobody else's until then.
 */
#include "command/tend.h"

#include <poll.h>
#include <signal.h>

#include "os/clock.h"

#define LOOK_FIRST EGI_MILLISECOND
#define LOOK_MAX (20 * EGI_MILLISECOND)

/* How often what is there is read, at the end: more than a pipe holds, whoever goes on to write. */
#define DRAIN_MAX 256

static void tending_note_exit(struct egi_tending *tending)
{
	tending->has_exited = true;
	egi_feed_close(&tending->feed);
	if (tending->held) {
		egi_streams_close_theirs(tending->held);
		tending->until_ns = eg_clock_now_ns();
		return;
	}
	if (!tending->is_over)
		tending->until_ns = egi_clock_after(tending->grace_ns > 0 ? tending->grace_ns : 0);
	else if (tending->until_ns == EGI_FOREVER)
		tending->until_ns = eg_clock_now_ns();
}

/* The context is over. It may be by the same event as the child's exit, which then counts. */
static void tending_note_over(struct egi_tending *tending)
{
	if (!tending->has_exited && egi_child_has_ended(tending->child))
		tending_note_exit(tending);
	tending->is_over = true;
	tending->is_ended = !tending->has_exited;
	if (tending->grace_ns < 0) {
		egi_child_signal(tending->child, SIGKILL);
		return;
	}
	egi_child_signal(tending->child, SIGTERM);
	/* What is stopped does not see the other. */
	egi_child_signal(tending->child, SIGCONT);
	if (!tending->has_exited)
		tending->until_ns = egi_clock_after(tending->grace_ns);
}

static void tending_drain(struct egi_tending *tending)
{
	for (int i = 0; i < EGI_TENDED; i++)
		for (int reads = 0; reads < DRAIN_MAX && egi_capture_read(&tending->captures[i]); reads++)
			;
}

static bool has_output(const struct egi_tending *tending)
{
	for (int i = 0; i < EGI_TENDED; i++)
		if (tending->captures[i].fd >= 0)
			return true;
	return false;
}

/* Sleeps until something is to be done, and does what a descriptor asks for. Return: 0, or why it cannot be watched. */
static int tending_step(struct egi_tending *tending, eg_ctx *ctx)
{
	struct pollfd fds[] = {{tending->feed.fd, POLLOUT, 0},
			       {tending->captures[0].fd, POLLIN, 0},
			       {tending->captures[1].fd, POLLIN, 0},
			       {tending->has_exited ? -1 : tending->child->fd, POLLIN, 0}};
	bool is_asked = !tending->has_exited && tending->child->fd < 0;
	int64_t look_ns = is_asked ? egi_clock_after(tending->look_ns) : EGI_FOREVER;
	int ready = eg_ctx_poll(tending->is_over ? NULL : ctx, fds, sizeof(fds) / sizeof(fds[0]),
				look_ns < tending->until_ns ? look_ns : tending->until_ns);

	if (ready < 0) {
		if (tending->is_over || eg_ctx_err(ctx) == 0)
			return ready;
		tending_note_over(tending);
		return 0;
	}
	if (fds[0].revents != 0)
		egi_feed_write(&tending->feed);
	for (int i = 0; i < EGI_TENDED; i++)
		if (fds[1 + i].revents != 0)
			(void)egi_capture_read(&tending->captures[i]);
	tending->look_ns = tending->look_ns * 2 < LOOK_MAX ? tending->look_ns * 2 : LOOK_MAX;
	if (fds[3].revents != 0 || (is_asked && egi_child_has_ended(tending->child)))
		tending_note_exit(tending);
	return 0;
}

void egi_tend_run(struct egi_tending *tending, eg_ctx *ctx, int64_t grace_ns)
{
	tending->grace_ns = grace_ns;
	tending->until_ns = EGI_FOREVER;
	tending->look_ns = LOOK_FIRST;
	while (!tending->has_exited || has_output(tending)) {
		tending->failure = tending_step(tending, ctx);
		if (tending->failure) {
			egi_child_signal(tending->child, SIGKILL);
			return;
		}
		if (tending->until_ns == EGI_FOREVER || eg_clock_now_ns() < tending->until_ns)
			continue;
		if (tending->has_exited)
			break;
		egi_child_signal(tending->child, SIGKILL);
		tending->until_ns = EGI_FOREVER;
	}
	tending_drain(tending);
	tending->is_open = has_output(tending);
	if (tending->is_over)
		egi_child_signal(tending->child, SIGKILL);
}

void egi_tend_free(struct egi_tending *tending)
{
	egi_feed_close(&tending->feed);
	for (int i = 0; i < EGI_TENDED; i++)
		egi_capture_free(&tending->captures[i]);
}
