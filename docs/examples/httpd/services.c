/* SPDX-License-Identifier: MIT */
#include "services.h"

#include "../shared/interrupt.h"

struct run {
	const struct services *services;
	eg_ctx *shutdown; /* cancelled by /shutdown */
	eg_ctx *signals;  /* cancelled by SIGINT and SIGTERM */
	unsigned dropped;
};

/*
 * Requests in flight outlive the group's context, which is over by now: they are served under one that is not, with an
 * end of its own. Returns how many could not be finished.
 */
static unsigned run_drain(struct run *run, struct server *server, eg_ctx *ctx)
{
	eg_ctx *detached, *limited;
	unsigned dropped;

	/* Without the memory for these two nothing is waited for: `ctx` is over. */
	if (eg_ctx_without_cancel(ctx, &detached) != 0)
		return server_drain(server, ctx);
	if (eg_ctx_with_timeout(detached, run->services->grace_ns, &limited) != 0)
		limited = eg_ctx_ref(ctx);
	dropped = server_drain(server, limited);
	eg_ctx_cancel(limited, NULL);
	eg_ctx_unref(limited);
	eg_ctx_unref(detached);
	return dropped;
}

static int serve_task(eg_ctx *ctx, void *arg)
{
	struct run *run = arg;
	const struct services *services = run->services;
	struct server server;
	int error;

	error = server_open(&server, services->address, run->shutdown);
	if (error != 0)
		return error;
	error = services->listening(&server, services->arg);
	if (error == 0)
		error = server_serve(&server, ctx);
	/* A server that has failed serves nobody any more. */
	if (error == 0)
		run->dropped = run_drain(run, &server, ctx);
	server_close(&server);
	return error;
}

static int watch_shutdown_task(eg_ctx *ctx, void *arg)
{
	struct run *run = arg;

	eg_ctx_sleep_until(run->shutdown, EG_CTX_NO_DEADLINE);
	/* The context that /shutdown cancels is derived from the group's: it is over in either case. */
	return eg_ctx_err(ctx) != 0 ? 0 : eg_fail(SERVICES_SHUTDOWN, "/shutdown was requested");
}

static int watch_signals_task(eg_ctx *ctx, void *arg)
{
	struct run *run = arg;

	eg_ctx_sleep_until(run->signals, EG_CTX_NO_DEADLINE);
	if (eg_ctx_err(ctx) != 0)
		return 0;
	return eg_fail_with(eg_error_ref(eg_ctx_cause(run->signals)));
}

int services_run(const struct services *services, struct services_end *ret_end)
{
	struct run run = {.services = services};
	eg_group group;
	int error;

	error = eg_group_init(&group, NULL, NULL);
	if (error != 0)
		return error;
	error = eg_ctx_with_cancel(eg_group_ctx(&group), &run.shutdown);
	/* Listening to signals begins before anybody can know that the server is there. */
	if (error == 0)
		error = interrupt_derive(eg_group_ctx(&group), &run.signals);

	/* No limit: each of the services has to run for the others to end. */
	if (error == 0)
		error = eg_group_go(&group, watch_signals_task, &run);
	if (error == 0)
		error = eg_group_go(&group, watch_shutdown_task, &run);
	if (error == 0)
		error = eg_group_go(&group, serve_task, &run);
	if (error != 0)
		eg_group_cancel(&group, NULL);
	if (eg_group_wait(&group) != 0 && error == 0)
		*ret_end = (struct services_end){eg_error_ref(eg_group_error(&group)), run.dropped};

	eg_group_destroy(&group);
	eg_ctx_unref(run.signals);
	eg_ctx_unref(run.shutdown);
	return error;
}
