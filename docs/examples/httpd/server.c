/* SPDX-License-Identifier: MIT */
#include "server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "../shared/console.h"
#include "request.h"

#define SERVER_CONNECTIONS 256
#define SERVER_IDLE_SECONDS 30u
#define SERVER_TICK_NS EG_SECONDS(1)

static void server_log(void *closure, const char *format, va_list arguments) EG_PRINTF(2, 0);

static void server_log(void *closure, const char *format, va_list arguments)
{
	char text[512];
	int length;

	(void)closure;
	length = vsnprintf(text, sizeof(text), format, arguments);
	while (length > 0 && (size_t)length < sizeof(text) && text[length - 1] == '\n')
		text[--length] = '\0';
	console_report("libmicrohttpd: %s", text);
}

int server_open(struct server *server, const struct address *address, eg_ctx *shutdown)
{
	const union MHD_DaemonInfo *info;

	*server = (struct server){.shutdown = shutdown, .tick_ns = eg_clock_after_ns(SERVER_TICK_NS)};
	LIST_INIT(&server->held);
	server->listen_fd = address_listen(address, server->address);
	if (server->listen_fd < 0)
		return eg_fail(server->listen_fd, "cannot listen: %s", eg_strerror(server->listen_fd));

	server->daemon = MHD_start_daemon(
	    MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL, request_handle,
	    server, MHD_OPTION_EXTERNAL_LOGGER, server_log, NULL, MHD_OPTION_LISTEN_SOCKET, server->listen_fd,
	    MHD_OPTION_URI_LOG_CALLBACK, request_begin, server, MHD_OPTION_NOTIFY_COMPLETED, request_end,
	    server, MHD_OPTION_CONNECTION_LIMIT, (unsigned)SERVER_CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
	    SERVER_IDLE_SECONDS, MHD_OPTION_END);
	if (server->daemon == NULL) {
		close(server->listen_fd);
		return eg_fail(-EIO, "cannot start the HTTP server");
	}
	info = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	server->epoll_fd = info->listen_fd;
	return 0;
}

/* Until when to sleep at most: until libmicrohttpd has to look at its timeouts, or until the next tick. */
static int64_t server_wakes_ns(struct server *server)
{
	int64_t tick_ns = LIST_EMPTY(&server->held) ? EG_CTX_NO_DEADLINE : server->tick_ns, timeout_ns;
	MHD_UNSIGNED_LONG_LONG milliseconds;

	if (MHD_get_timeout(server->daemon, &milliseconds) != MHD_YES)
		return tick_ns;
	timeout_ns = eg_clock_after_ns(EG_MILLISECONDS(milliseconds));
	return timeout_ns < tick_ns ? timeout_ns : tick_ns;
}

/* Has answers that come in pieces go on. Ticks are late when nobody needs them. */
static void server_tick(struct server *server)
{
	int64_t now_ns = eg_clock_now_ns();

	if (now_ns < server->tick_ns)
		return;
	server->ticks++;
	server->tick_ns = now_ns + SERVER_TICK_NS;
	requests_resume(server);
}

/*
 * The loop: until the context is over, or, with `until_idle`, until no request is in flight.
 */
static int server_loop(struct server *server, eg_ctx *ctx, bool until_idle)
{
	struct pollfd watched[] = {
	    {.fd = server->epoll_fd, .events = POLLIN},
	    {.fd = server->listen_fd, .events = 0}, /* only to hear of its end */
	};
	int ready;

	for (;;) {
		server_tick(server);
		if (MHD_run(server->daemon) != MHD_YES)
			return eg_fail(-EIO, "the HTTP server has failed");
		if (until_idle && server->in_flight == 0)
			return 0;
		ready = eg_ctx_poll(ctx, watched, 2, server_wakes_ns(server));
		if (eg_ctx_err(ctx))
			return 0;
		if (ready < 0)
			return eg_fail(ready, "poll: %s", eg_strerror(ready));
		if (watched[1].revents != 0)
			return eg_fail(-ENOTCONN, "the listening socket has failed");
	}
}

int server_serve(struct server *server, eg_ctx *ctx)
{
	return server_loop(server, ctx, false);
}

unsigned server_drain(struct server *server, eg_ctx *ctx)
{
	/* Connections that wait to be accepted are accepted first; what they ask for may be on its way. */
	MHD_run(server->daemon);
	MHD_quiesce_daemon(server->daemon);
	close(server->listen_fd);
	server->listen_fd = -1;
	server->is_stopping = true;
	requests_resume(server);
	(void)server_loop(server, ctx, true);
	return server->in_flight;
}

void server_close(struct server *server)
{
	if (server->listen_fd >= 0) {
		MHD_quiesce_daemon(server->daemon);
		close(server->listen_fd);
	}
	/* libmicrohttpd stops no daemon that has suspended connections, and resumes them when it runs next. */
	server->is_stopping = true;
	requests_resume(server);
	MHD_run(server->daemon);
	MHD_stop_daemon(server->daemon);
}
