/* SPDX-License-Identifier: MIT */
#ifndef HTTPD_SERVICES_H
#define HTTPD_SERVICES_H

/*
 * Three services in one group, of which any that ends ends all: the server, the watcher for /shutdown and the watcher for
 * signals. Each ends with an error that says why, and the first is the cause of the end.
 */

#include <stdint.h>

#include "server.h"

struct services {
	const struct address *address;
	int64_t grace_ns; /* how long requests in flight may take once the end has come */

	/* Called by the server's task when it listens. A negative code ends the program. */
	int (*listening)(const struct server *server, void *arg);
	void *arg;
};

struct services_end {
	eg_error *cause;  /* the caller's, to give back with eg_error_unref */
	unsigned dropped; /* requests that were not finished in time */
};

/* What the watchers' errors say: not failures, but somebody's wish. A signal's code is EG_ESIGNAL. */
#define SERVICES_SHUTDOWN 1

/*
 * Runs the services until all have ended. Return: 0, and the cause in *ret_end; or a negative code, if they could not be
 * started.
 */
int services_run(const struct services *services, struct services_end *ret_end);

#endif
