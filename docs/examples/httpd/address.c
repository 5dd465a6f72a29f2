/* SPDX-License-Identifier: MIT */
#include "address.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ADDRESS_BACKLOG 128

const char *address_parse(const char *text, struct address *ret_address)
{
	const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	const char *colon = strrchr(text, ':');
	size_t length = colon != NULL ? (size_t)(colon - text) : 0;
	struct addrinfo *found;
	char host[256];
	int error;

	if (colon == NULL || colon[1] == '\0')
		return "no port";
	if (colon[1] < '0' || colon[1] > '9' || strspn(colon + 1, "0123456789") != strlen(colon + 1) ||
	    strlen(colon + 1) > 5 || (strlen(colon + 1) == 5 && strcmp(colon + 1, "65535") > 0))
		return "not a port";
	if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
		text++;
		length -= 2;
	}
	if (length >= sizeof(host))
		return "too long";
	memcpy(host, text, length);
	host[length] = '\0';

	error = getaddrinfo(length > 0 ? host : NULL, colon + 1, &wanted, &found);
	if (error != 0)
		return error == EAI_SYSTEM ? strerror(errno) : gai_strerror(error);
	memcpy(&ret_address->bytes, found->ai_addr, found->ai_addrlen);
	ret_address->length = found->ai_addrlen;
	freeaddrinfo(found);
	return NULL;
}

static void address_format(int fd, char ret_text[ADDRESS_TEXT_SIZE])
{
	struct address own = {.length = sizeof(own.bytes)};
	char host[64], port[8];

	if (getsockname(fd, (struct sockaddr *)&own.bytes, &own.length) != 0 ||
	    getnameinfo((struct sockaddr *)&own.bytes, own.length, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(ret_text, ADDRESS_TEXT_SIZE, "an unknown address");
	else
		snprintf(ret_text, ADDRESS_TEXT_SIZE, own.bytes.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s",
			 host, port);
}

int address_listen(const struct address *address, char ret_text[ADDRESS_TEXT_SIZE])
{
	int fd = socket(address->bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int one = 1, error;

	if (fd < 0)
		return -errno;
	/* Connections of a server that ended just now linger; they are no reason not to start again. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
	    bind(fd, (const struct sockaddr *)&address->bytes, address->length) == 0 &&
	    listen(fd, ADDRESS_BACKLOG) == 0) {
		address_format(fd, ret_text);
		return fd;
	}
	error = -errno;
	close(fd);
	return error;
}
