/* SPDX-License-Identifier: MIT */
#ifndef FETCHALL_TRANSFER_H
#define FETCHALL_TRANSFER_H

/*
 * One transfer, with libcurl, that the end of a context ends.
 *
 * A line is what a transfer needs and may leave to the next: libcurl's handles, and with them open connections. It is
 * used by one thread at a time, and made and closed as what a slot has.
 */

#include <curl/curl.h>

#include <errgroup.h>

struct line {
	CURLM *multi;
	CURL *easy;
};

int line_init(eg_ctx *ctx, void *arg, void **ret_line);
void line_finish(void *arg, void *line);

/*
 * Copies what is at the URL to a descriptor.
 *
 * Return: 0; the code of eg_ctx_err if the context was over first; or a negative code with a message, attached by
 * eg_fail, that names the URL.
 */
int transfer_run(struct line *line, eg_ctx *ctx, const char *url, int fd);

#endif
