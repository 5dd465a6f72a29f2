/* SPDX-License-Identifier: MIT */
#include "interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>

static bool interrupt_ignores_pipe;

int interrupt_derive(eg_ctx *parent, eg_ctx **ret_ctx)
{
	static const int candidates[] = {SIGINT, SIGTERM};
	int signals[2];
	size_t count = 0;

	for (size_t i = 0; i < 2; i++) {
		struct sigaction action;

		if (sigaction(candidates[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
			signals[count++] = candidates[i];
	}
	return count > 0 ? eg_ctx_with_signals(parent, signals, count, ret_ctx)
			 : eg_ctx_with_cancel(parent, ret_ctx);
}

int interrupt_signal(const eg_ctx *ctx)
{
	int signal = eg_error_signal(eg_ctx_cause(ctx));

	return signal == SIGINT || signal == SIGTERM ? signal : 0;
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
