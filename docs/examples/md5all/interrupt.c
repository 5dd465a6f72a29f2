/* SPDX-License-Identifier: MIT */
/*
 * The thread that waits for signals. After the first it unblocks them for itself: as their disposition was
 * never changed, the next one ends the process there and then.
 */

#include "interrupt.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void *interrupt_thread(void *arg)
{
	struct interrupt *interrupt = arg;
	struct pollfd watched[] = {
	    {.fd = interrupt->finish_fd, .events = POLLIN},
	    {.fd = interrupt->signal_fd, .events = POLLIN},
	};
	nfds_t count = 2;

	for (;;) {
		struct signalfd_siginfo info;
		eg_error *cause;

		if (poll(watched, count, -1) < 0)
			continue;
		if (watched[0].revents != 0)
			return NULL;
		if (count < 2 || read(interrupt->signal_fd, &info, sizeof(info)) != sizeof(info))
			continue;

		atomic_store(&interrupt->signal, (int)info.ssi_signo);
		cause = eg_error_create(-EINTR, "interrupted by SIG%s", sigabbrev_np((int)info.ssi_signo));
		eg_ctx_cancel(interrupt->ctx, cause);
		eg_error_unref(cause);
		count = 1;
		pthread_sigmask(SIG_UNBLOCK, &interrupt->signals, NULL);
	}
}

static void signals_add_unless_ignored(sigset_t *signals, int signal)
{
	struct sigaction action;

	if (sigaction(signal, NULL, &action) == 0 && action.sa_handler != SIG_IGN)
		sigaddset(signals, signal);
}

int interrupt_init(struct interrupt *interrupt, eg_ctx *ctx)
{
	int error;

	*interrupt = (struct interrupt){.ctx = ctx, .finish_fd = -1};
	sigemptyset(&interrupt->signals);
	signals_add_unless_ignored(&interrupt->signals, SIGINT);
	signals_add_unless_ignored(&interrupt->signals, SIGTERM);
	error = -pthread_sigmask(SIG_BLOCK, &interrupt->signals, NULL);
	if (error != 0)
		return error;

	interrupt->signal_fd = signalfd(-1, &interrupt->signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (interrupt->signal_fd < 0) {
		error = -errno;
		goto unblock;
	}
	interrupt->finish_fd = eventfd(0, EFD_CLOEXEC);
	if (interrupt->finish_fd < 0) {
		error = -errno;
		goto close_signal;
	}
	error = -pthread_create(&interrupt->thread, NULL, interrupt_thread, interrupt);
	if (error == 0)
		return 0;

	close(interrupt->finish_fd);
close_signal:
	close(interrupt->signal_fd);
unblock:
	pthread_sigmask(SIG_UNBLOCK, &interrupt->signals, NULL);
	return error;
}

int interrupt_finish(struct interrupt *interrupt)
{
	uint64_t one = 1;

	while (write(interrupt->finish_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
	pthread_join(interrupt->thread, NULL);
	close(interrupt->finish_fd);
	close(interrupt->signal_fd);
	return atomic_load(&interrupt->signal);
}
