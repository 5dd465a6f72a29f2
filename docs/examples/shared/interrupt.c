/* SPDX-License-Identifier: MIT */
#include "interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>

static bool interrupt_ignores_pipe;

static const int interrupt_candidates[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

static int derive(eg_ctx *parent, size_t candidates, eg_ctx **ret_ctx)
{
	int signals[4];
	size_t count = 0;

	for (size_t i = 0; i < candidates; i++) {
		struct sigaction action;

		if (sigaction(interrupt_candidates[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			signals[count++] = interrupt_candidates[i];
	}
	return count > 0 ? eg_ctx_with_signals(parent, signals, count, ret_ctx)
			 : eg_ctx_with_cancel(parent, ret_ctx);
}

int interrupt_derive(eg_ctx *parent, eg_ctx **ret_ctx)
{
	return derive(parent, 2, ret_ctx);
}

int interrupt_derive_all(eg_ctx *parent, eg_ctx **ret_ctx)
{
	return derive(parent, 4, ret_ctx);
}

int interrupt_signal(const eg_ctx *ctx)
{
	int signal = eg_error_signal(eg_ctx_cause(ctx));

	for (size_t i = 0; i < 4; i++)
		if (interrupt_candidates[i] == signal)
			return signal;
	return 0;
}

void interrupt_hold_pipe(void)
{
	interrupt_ignores_pipe = signal(SIGPIPE, SIG_IGN) == SIG_IGN;
}

void interrupt_end_by_pipe(int output_error)
{
	sigset_t pipe;

	if (output_error != -EPIPE || interrupt_ignores_pipe)
		return;
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	signal(SIGPIPE, SIG_DFL);
	pthread_sigmask(SIG_UNBLOCK, &pipe, NULL);
	raise(SIGPIPE);
}
