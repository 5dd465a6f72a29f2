/* SPDX-License-Identifier: MIT */
#ifndef HTTPD_ADDRESS_H
#define HTTPD_ADDRESS_H

/*
 * Where a server listens: "ADDR:PORT", "[ADDR]:PORT" for IPv6, ":PORT" for all interfaces.
 */

#include <sys/socket.h>

struct address {
	struct sockaddr_storage bytes;
	socklen_t length;
};

#define ADDRESS_TEXT_SIZE 80

/* Return: NULL, or a constant text that says what is wrong. */
const char *address_parse(const char *text, struct address *ret_address);

/*
 * Opens a socket that listens there; port 0 stands for any that is free.
 *
 * @ret_text  the address with the port that it got, in a form that address_parse takes
 * Return: a descriptor, or -errno.
 */
int address_listen(const struct address *address, char ret_text[ADDRESS_TEXT_SIZE]);

#endif
