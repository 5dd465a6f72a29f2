/* SPDX-License-Identifier: MIT */
#include "transfer.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "../shared/file.h"

struct sink {
	int fd;
	int error;
};

static size_t sink_write(char *bytes, size_t size, size_t count, void *closure)
{
	struct sink *sink = closure;

	sink->error = file_write(sink->fd, bytes, size * count);
	return sink->error == 0 ? size * count : CURL_WRITEFUNC_ERROR;
}

int line_init(eg_ctx *ctx, void *arg, void **ret_line)
{
	struct line *line = malloc(sizeof(*line));

	(void)ctx;
	if (line != NULL)
		*line = (struct line){curl_multi_init(), curl_easy_init()};
	if (line != NULL && line->multi != NULL && line->easy != NULL) {
		*ret_line = line;
		return 0;
	}
	if (line != NULL)
		line_finish(arg, line);
	return eg_fail(-ENOMEM, "%s", eg_strerror(-ENOMEM));
}

void line_finish(void *arg, void *data)
{
	struct line *line = data;

	(void)arg;
	curl_easy_cleanup(line->easy);
	curl_multi_cleanup(line->multi);
	free(line);
}

static CURLcode line_prepare(struct line *line, const char *url, struct sink *sink, char *error_text)
{
	CURL *easy = line->easy;
	CURLcode code;

	error_text[0] = '\0';
	curl_easy_reset(easy);
	code = curl_easy_setopt(easy, CURLOPT_URL, url);
	if (code == CURLE_OK)
		code = curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	if (code != CURLE_OK)
		return code;
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, error_text);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, sink_write);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, sink);
	curl_easy_setopt(easy, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(easy, CURLOPT_MAXREDIRS, 10L);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, 30L);
	/* No signals, and no waiting for a name to be looked up that nobody needs any more. */
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
	return CURLE_OK;
}

/*
 * Runs the transfer until it is done or the context is over. Return: as the transfer ended, or CURLE_ABORTED_BY_CALLBACK
 * if the context did.
 */
static CURLcode line_run(struct line *line, eg_ctx *ctx, int ctx_fd)
{
	struct curl_waitfd over = {.fd = ctx_fd, .events = CURL_WAIT_POLLIN};
	CURLMsg *message;
	int running, left;

	do {
		if (eg_ctx_err(ctx) != 0)
			return CURLE_ABORTED_BY_CALLBACK;
		if (curl_multi_perform(line->multi, &running) != CURLM_OK)
			return CURLE_FAILED_INIT;
		/* Only the descriptor of the context and libcurl's own business, timeouts included, wake this. */
		if (running > 0 && curl_multi_poll(line->multi, &over, 1, INT_MAX, NULL) != CURLM_OK)
			return CURLE_FAILED_INIT;
	} while (running > 0);
	message = curl_multi_info_read(line->multi, &left);
	return message != NULL && message->msg == CURLMSG_DONE ? message->data.result : CURLE_FAILED_INIT;
}

int transfer_run(struct line *line, eg_ctx *ctx, const char *url, int fd)
{
	struct sink sink = {fd, 0};
	char error_text[CURL_ERROR_SIZE];
	int ctx_fd = eg_ctx_fd(ctx);
	CURLcode code;

	if (ctx_fd < 0)
		return eg_fail(ctx_fd, "%s: %s", url, eg_strerror(ctx_fd));
	code = line_prepare(line, url, &sink, error_text);
	if (code == CURLE_OK) {
		if (curl_multi_add_handle(line->multi, line->easy) == CURLM_OK) {
			code = line_run(line, ctx, ctx_fd);
			curl_multi_remove_handle(line->multi, line->easy);
		} else {
			code = CURLE_FAILED_INIT;
		}
	}
	if (code == CURLE_OK)
		return 0;
	if (code == CURLE_ABORTED_BY_CALLBACK && eg_ctx_err(ctx) != 0)
		return eg_ctx_err(ctx);
	if (sink.error != 0)
		return eg_fail(sink.error, "%s: %s", url, eg_strerror(sink.error));
	return eg_fail(-EIO, "%s: %s", url, error_text[0] != '\0' ? error_text : curl_easy_strerror(code));
}
