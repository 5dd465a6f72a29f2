/* SPDX-License-Identifier: MIT */
/*
 * httpd: a small HTTP server that ends in an orderly way, whatever ends it.
 *
 *     httpd.c      this file: the command line and the exit line
 *     services.c   the group: server, watcher for /shutdown, watcher for signals
 *     server.c     libmicrohttpd in a poll loop that a context ends
 *     request.c    what is answered
 *     address.c    addresses and listening sockets
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errgroup.h>

#include "../shared/arguments.h"
#include "../shared/console.h"
#include "../shared/interrupt.h"
#include "services.h"

#define HTTPD_ADDRESS "127.0.0.1:8080"
#define HTTPD_GRACE_SECONDS 1.5

static const char httpd_help[] =
    "Usage: httpd [OPTION]... [ADDR:PORT]\n"
    "Serve HTTP on ADDR:PORT (default: 127.0.0.1:8080) until a request for /shutdown, SIGINT or SIGTERM.\n"
    "Port 0 is any that is free; \"listening on http://ADDR:PORT/\" goes to standard output.\n"
    "\n"
    "  /ping                  answers \"pong\"\n"
    "  /shutdown              ends the program\n"
    "  /bytes/N               N bytes\n"
    "  /clock                 a line every second, until the program ends\n"
    "\n"
    "  -g, --grace SECONDS    how long requests in flight may go on after the end has come (default: 1.5)\n"
    "      --help             print this\n"
    "      --version          print the version\n"
    "\n"
    "The last line on standard error says what ended the program. A second signal ends it at once.\n"
    "\n"
    "Exit status: 0 if it was asked to end; 1 if the server failed, or requests were cut off; 2 for a wrong\n"
    "command line.\n";

static void options_parse(int argc, char **argv, struct services *services, struct address *address)
{
	double grace_seconds = HTTPD_GRACE_SECONDS;
	const struct argument known[] = {
	    {"grace", 'g', .ret_number = &grace_seconds, .least = 0, .most = 86400},
	};
	char *const *operands = arguments_parse(argc, argv, known, 1, httpd_help);
	const char *text = operands[0] != NULL ? operands[0] : HTTPD_ADDRESS, *why;

	services->grace_ns = (int64_t)(grace_seconds * 1e9);
	if (operands[0] != NULL && operands[1] != NULL)
		arguments_refuse("one address, not '%s' as well", operands[1]);
	why = address_parse(text, address);
	if (why != NULL)
		arguments_refuse("not ADDR:PORT: '%s': %s", text, why);
	services->address = address;
}

static int say_listening(const struct server *server, void *arg)
{
	char line[sizeof(server->address) + 32];
	int *ret_error = arg;

	snprintf(line, sizeof(line), "listening on http://%s/", server->address);
	*ret_error = console_print(line);
	return *ret_error != 0 ? eg_fail(*ret_error, "standard output: %s", eg_strerror(*ret_error)) : 0;
}

int main(int argc, char **argv)
{
	int output_error = 0;
	struct services services = {.listening = say_listening, .arg = &output_error};
	struct services_end end = {NULL, 0};
	struct address address;
	int code, error;

	console_init();
	options_parse(argc, argv, &services, &address);
	/* Clients go away while they are being answered. */
	interrupt_hold_pipe();
	error = services_run(&services, &end);
	interrupt_end_by_pipe(output_error);
	if (error != 0) {
		console_report("cannot start: %s", eg_strerror(error));
		return EXIT_FAILURE;
	}

	if (end.dropped > 0)
		console_report("requests cut off: %u", end.dropped);
	console_report("ended: %s", eg_error_message(end.cause));
	code = eg_error_code(end.cause);
	eg_error_unref(end.cause);
	if (code != SERVICES_SHUTDOWN && code != EG_ESIGNAL(SIGINT) && code != EG_ESIGNAL(SIGTERM))
		return EXIT_FAILURE;
	return end.dropped > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
