/* SPDX-License-Identifier: MIT */
#ifndef HTTPD_SERVER_H
#define HTTPD_SERVER_H

/*
 * The HTTP server: libmicrohttpd, run by the one thread that calls server_serve.
 *
 * libmicrohttpd can poll in threads of its own. Here it does not: the thread that serves polls libmicrohttpd's descriptor
 * beside that of a context. So the end of the context is one more event in the same loop, nothing needs a lock, all that
 * runs is a task of the program's group, and a failure of the server is the result of that task.
 *
 * Stopping is graceful: the listening socket is closed, answers that stream without an end come to one, and requests that
 * have begun are served until a deadline. Connections that are open but idle do not count.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include <microhttpd.h>

#include <errgroup.h>

#include "address.h"

struct request;
LIST_HEAD(requests, request);

struct server {
	struct MHD_Daemon *daemon;
	int listen_fd; /* -1 once the server is stopping */
	int epoll_fd;
	eg_ctx *shutdown; /* cancelled by a request for /shutdown */

	unsigned in_flight;   /* requests that have begun and not ended */
	bool is_stopping;     /* no answer may take longer than it must */
	struct requests held; /* requests whose answers wait for the next tick */
	uint64_t ticks;       /* how many there were */
	int64_t tick_ns;      /* when the next one is due */

	char address[ADDRESS_TEXT_SIZE];
};

/*
 * Listens. @shutdown is borrowed. Return: 0, or a code with a message attached by eg_fail.
 */
int server_open(struct server *server, const struct address *address, eg_ctx *shutdown);

/* Serves until the context is over. Return: 0, or a code with a message: why the server could not go on. */
int server_serve(struct server *server, eg_ctx *ctx);

/*
 * Accepts no more connections and serves the requests in flight until they are done or the context is over.
 * Return: how many were not done.
 */
unsigned server_drain(struct server *server, eg_ctx *ctx);

/* Frees everything; connections that are left are closed. */
void server_close(struct server *server);

#endif
