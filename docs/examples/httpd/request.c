/* SPDX-License-Identifier: MIT */
#include "request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes asked for by the libmicrohttpd reader at once. */
#define REQUEST_BLOCK 65536

struct request {
	struct server *server;
	struct MHD_Connection *connection;
	bool is_read;                /* the header has been looked at, the body is coming */
	bool is_held;                /* suspended, and in server->held */
	bool said_bye;               /* /clock: the last line is out */
	uint64_t lines;              /* /clock: how many */
	uint64_t tick;               /* /clock: in which the last line was sent */
	LIST_ENTRY(request) sibling; /* in server->held */
};

void *request_begin(void *closure, const char *uri, struct MHD_Connection *connection)
{
	struct server *server = closure;
	struct request *request = calloc(1, sizeof(*request));

	(void)uri;
	/* request_end is called for this request in any case. */
	server->in_flight++;
	if (request == NULL)
		return NULL;
	request->server = server;
	request->connection = connection;
	return request;
}

void request_end(void *closure, struct MHD_Connection *connection, void **closure_of_request,
		 enum MHD_RequestTerminationCode how)
{
	struct server *server = closure;
	struct request *request = *closure_of_request;

	(void)connection;
	(void)how;
	server->in_flight--;
	if (request != NULL && request->is_held)
		LIST_REMOVE(request, sibling);
	free(request);
	*closure_of_request = NULL;
}

void requests_resume(struct server *server)
{
	struct request *request;

	while ((request = LIST_FIRST(&server->held)) != NULL) {
		LIST_REMOVE(request, sibling);
		request->is_held = false;
		MHD_resume_connection(request->connection);
	}
}

/*
 * Sends a response that may be NULL, for want of memory; the connection is closed then.
 */
static enum MHD_Result request_respond(struct request *request, unsigned status,
				       struct MHD_Response *response)
{
	enum MHD_Result result;

	if (response == NULL)
		return MHD_NO;
	/* A client whose connection is kept would find it closed at its next request. */
	if (request->server->is_stopping)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD, POST, PUT");
	result = MHD_queue_response(request->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

/* @text  a constant */
static enum MHD_Result respond_text(struct request *request, unsigned status, const char *text)
{
	return request_respond(
	    request, status,
	    MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT));
}

/* The bytes from any position on are known, so that a client can tell whether it got the right ones. */
static ssize_t bytes_read(void *closure, uint64_t position, char *bytes, size_t max)
{
	(void)closure;
	for (size_t i = 0; i < max; i++)
		bytes[i] = "0123456789abcde\n"[(position + i) % 16];
	return (ssize_t)max;
}

static enum MHD_Result respond_bytes(struct request *request, const char *text)
{
	char *end;
	uint64_t count;

	errno = 0;
	count = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || count > INT64_MAX)
		return respond_text(request, MHD_HTTP_NOT_FOUND, "not a number of bytes\n");
	return request_respond(
	    request, MHD_HTTP_OK,
	    MHD_create_response_from_callback(count, REQUEST_BLOCK, bytes_read, NULL, NULL));
}

/* One line at a time. Between two of them the connection is suspended, until a tick of the server's resumes it. */
static ssize_t clock_read(void *closure, uint64_t position, char *bytes, size_t max)
{
	struct request *request = closure;
	struct server *server = request->server;

	(void)position;
	if (request->said_bye)
		return MHD_CONTENT_READER_END_OF_STREAM;
	if (server->is_stopping) {
		request->said_bye = true;
		return snprintf(bytes, max, "stopping\n");
	}
	if (request->lines > 0 && request->tick == server->ticks) {
		request->is_held = true;
		LIST_INSERT_HEAD(&server->held, request, sibling);
		MHD_suspend_connection(request->connection);
		return 0;
	}
	request->tick = server->ticks;
	return snprintf(bytes, max, "%" PRIu64 "\n", request->lines++);
}

static enum MHD_Result respond_clock(struct request *request)
{
	return request_respond(
	    request, MHD_HTTP_OK,
	    MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 256, clock_read, request, NULL));
}

enum MHD_Result request_handle(void *closure, struct MHD_Connection *connection, const char *path,
			       const char *method, const char *version, const char *body, size_t *body_size,
			       void **closure_of_request)
{
	struct server *server = closure;
	struct request *request = *closure_of_request;

	(void)connection;
	(void)version;
	(void)body;
	if (request == NULL)
		return MHD_NO;
	if (!request->is_read || *body_size > 0) {
		request->is_read = true;
		*body_size = 0;
		return MHD_YES;
	}

	if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0 && strcmp(method, "POST") != 0 &&
	    strcmp(method, "PUT") != 0)
		return respond_text(request, MHD_HTTP_METHOD_NOT_ALLOWED, "no such method\n");
	if (strcmp(path, "/ping") == 0)
		return respond_text(request, MHD_HTTP_OK, "pong");
	if (strcmp(path, "/shutdown") == 0) {
		eg_ctx_cancel(server->shutdown, NULL);
		return respond_text(request, MHD_HTTP_OK, "stopping\n");
	}
	if (strncmp(path, "/bytes/", 7) == 0)
		return respond_bytes(request, path + 7);
	if (strcmp(path, "/clock") == 0)
		return respond_clock(request);
	return respond_text(request, MHD_HTTP_NOT_FOUND, "no such page\n");
}
