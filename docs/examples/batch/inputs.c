/* SPDX-License-Identifier: MIT */
/*
 * Standard input is read into one buffer, which is as large as the longest input that can be. What has not been given yet
 * is moved to its begin before more is read. An input that has no end by then is the last one, or too long.
 */

#include "inputs.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void inputs_init(struct inputs *inputs, char *const *words, bool ends_by_nul)
{
	*inputs = (struct inputs){.words = words, .end = ends_by_nul ? '\0' : '\n'};
}

void inputs_finish(struct inputs *inputs)
{
	free(inputs->bytes);
	inputs->bytes = NULL;
}

/* Reads some more behind what is there. Return: 0, `is_over` if there is nothing; or why not. */
static int inputs_read(struct inputs *inputs, eg_ctx *ctx)
{
	struct pollfd fds[] = {{STDIN_FILENO, POLLIN, 0}};
	size_t left = inputs->size - inputs->next;
	ssize_t got;

	if (inputs->bytes == NULL)
		inputs->bytes = malloc(INPUT_MAX);
	if (inputs->bytes == NULL)
		return -ENOMEM;
	memmove(inputs->bytes, inputs->bytes + inputs->next, left);
	inputs->next = 0;
	inputs->size = left;
	if (left == INPUT_MAX)
		return -E2BIG;
	do {
		/* Also where somebody else takes what there was to read, and has made the descriptor non-blocking. */
		int ready = eg_ctx_poll(ctx, fds, 1, EG_CTX_NO_DEADLINE);

		if (ready < 0)
			return ready;
		got = read(STDIN_FILENO, inputs->bytes + left, INPUT_MAX - left);
	} while (got < 0 && (errno == EINTR || errno == EAGAIN));
	if (got < 0)
		return -errno;
	inputs->is_over = got == 0;
	inputs->size += (size_t)got;
	return 0;
}

/* Gives the next `length` bytes. */
static int inputs_give(struct inputs *inputs, size_t length, char **ret_input)
{
	const char *begin = inputs->bytes + inputs->next;
	char *input;

	if (memchr(begin, '\0', length) != NULL)
		return -EILSEQ;
	input = malloc(length + 1);
	if (input == NULL)
		return -ENOMEM;
	memcpy(input, begin, length);
	input[length] = '\0';
	inputs->count++;
	*ret_input = input;
	return 1;
}

static int inputs_next_read(struct inputs *inputs, eg_ctx *ctx, char **ret_input)
{
	size_t searched = 0;

	for (;;) {
		size_t left = inputs->size - inputs->next;
		const char *begin = inputs->bytes + inputs->next;
		const char *end =
		    left > searched ? memchr(begin + searched, inputs->end, left - searched) : NULL;
		int result;

		if (end != NULL) {
			result = inputs_give(inputs, (size_t)(end - begin), ret_input);
			inputs->next += (size_t)(end - begin) + 1;
			return result;
		}
		if (inputs->is_over) {
			result = left > 0 ? inputs_give(inputs, left, ret_input) : 0;
			inputs->next = inputs->size;
			return result;
		}
		searched = left;
		result = inputs_read(inputs, ctx);
		if (result != 0)
			return result;
	}
}

int inputs_next(struct inputs *inputs, eg_ctx *ctx, char **ret_input)
{
	char *input;

	if (inputs->words == NULL)
		return inputs_next_read(inputs, ctx, ret_input);
	if (eg_ctx_err(ctx) != 0)
		return eg_ctx_err(ctx);
	if (*inputs->words == NULL)
		return 0;
	input = strdup(*inputs->words);
	if (input == NULL)
		return -ENOMEM;
	inputs->words++;
	inputs->count++;
	*ret_input = input;
	return 1;
}
