/* SPDX-License-Identifier: MIT */
#include "interrupt.h"

#include <signal.h>

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
	eg_error *cause = eg_ctx_cause(ctx);
	int signal = cause != NULL ? EG_ESIGNAL(0) - eg_error_code(cause) : 0;

	return signal == SIGINT || signal == SIGTERM ? signal : 0;
}
