/* SPDX-License-Identifier: MIT */
#ifndef HTTPD_REQUEST_H
#define HTTPD_REQUEST_H

/*
 * What is answered to a request:
 *
 *     /ping       "pong"
 *     /shutdown   "stopping", and the program ends
 *     /bytes/N    N bytes
 *     /clock      a line every second, until the server stops
 *
 * A body that comes with the request is read and forgotten. These are libmicrohttpd's callbacks; the closure of each is
 * the struct server.
 */

#include "server.h"

/* A request begins: its first line has come. */
void *request_begin(void *closure, const char *uri, struct MHD_Connection *connection);

enum MHD_Result request_handle(void *closure, struct MHD_Connection *connection, const char *path,
			       const char *method, const char *version, const char *body, size_t *body_size,
			       void **request);

void request_end(void *closure, struct MHD_Connection *connection, void **request,
		 enum MHD_RequestTerminationCode how);

/* Has the requests go on that wait for the next tick. */
void requests_resume(struct server *server);

#endif
