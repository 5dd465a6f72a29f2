/* SPDX-License-Identifier: MIT */
/*
 * Standard output. The form of a line is md5sum's: digest, two spaces, name. A name with a newline, a
 * carriage return or a backslash has those escaped, and the line then begins with a backslash. On a terminal, where nobody
 * checks them, other bytes that it would act on are escaped as well.
 */

#include "output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../shared/console.h"
#include "../shared/file.h"

#define OUTPUT_BUFFER_SIZE (64 * 1024)

int output_init(struct output *output, size_t window_size)
{
	*output = (struct output){
	    .is_terminal = isatty(STDOUT_FILENO) == 1,
	    .window_size = window_size,
	    .buffer = malloc(OUTPUT_BUFFER_SIZE),
	};
	if (window_size > 0)
		output->window = calloc(window_size, sizeof(*output->window));
	if (output->buffer == NULL || (window_size > 0 && output->window == NULL)) {
		free(output->buffer);
		free(output->window);
		return -ENOMEM;
	}
	pthread_mutex_init(&output->lock, NULL);
	return 0;
}

static void output_write(struct output *output, const char *bytes, size_t length)
{
	if (output->error == 0)
		output->error = file_write(STDOUT_FILENO, bytes, length);
}

static void output_flush(struct output *output)
{
	if (output->is_terminal)
		console_pause();
	output_write(output, output->buffer, output->used);
	if (output->is_terminal)
		console_resume();
	output->used = 0;
}

static void output_append(struct output *output, const char *line, size_t length)
{
	if (length > OUTPUT_BUFFER_SIZE - output->used)
		output_flush(output);
	if (length > OUTPUT_BUFFER_SIZE) {
		output_write(output, line, length);
		return;
	}
	memcpy(output->buffer + output->used, line, length);
	output->used += length;
	if (output->is_terminal)
		output_flush(output);
}

/*
 * Makes the line of one file, with its newline. Returns NULL without memory. The caller frees it.
 */
static char *line_create(const unsigned char *value, int value_length, const char *path)
{
	static const char digits[] = "0123456789abcdef";
	char *line = malloc(2 * (size_t)value_length + 2 * strlen(path) + 5);
	char *end = line;
	int i;

	if (line == NULL)
		return NULL;
	if (strpbrk(path, "\\\n\r") != NULL)
		*end++ = '\\';
	for (i = 0; i < value_length; i++) {
		*end++ = digits[value[i] >> 4];
		*end++ = digits[value[i] & 15];
	}
	*end++ = ' ';
	*end++ = ' ';
	for (; *path != '\0'; path++) {
		if (*path != '\\' && *path != '\n' && *path != '\r') {
			*end++ = *path;
			continue;
		}
		*end++ = '\\';
		*end++ = *path == '\n' ? 'n' : *path == '\r' ? 'r' : '\\';
	}
	*end++ = '\n';
	*end = '\0';
	return line;
}

/* The same for a terminal. */
static char *line_create_shown(const unsigned char *value, int value_length, const char *path)
{
	char *line = line_create(value, value_length, path), *text = NULL, *shown = NULL;

	if (line != NULL) {
		line[strlen(line) - 1] = '\0';
		text = console_text(line);
	}
	if (text != NULL && asprintf(&shown, "%s\n", text) < 0)
		shown = NULL;
	free(text);
	free(line);
	return shown;
}

/*
 * Takes the slot at the front of the window, whether its file is done or not, and appends its line.
 */
static void window_advance(struct output *output)
{
	struct output_slot *slot = &output->window[output->next % output->window_size];

	if (slot->line != NULL)
		output_append(output, slot->line, strlen(slot->line));
	free(slot->line);
	*slot = (struct output_slot){false, NULL};
	output->next++;
}

int output_put(struct output *output, uint64_t index, const unsigned char *value, int value_length,
	       const char *path, uint64_t *ret_retired)
{
	char *line = NULL;
	int result;

	if (value != NULL)
		line = output->is_terminal ? line_create_shown(value, value_length, path)
					   : line_create(value, value_length, path);

	*ret_retired = 0;
	pthread_mutex_lock(&output->lock);
	if (output->window == NULL) {
		if (line != NULL)
			output_append(output, line, strlen(line));
		*ret_retired = 1;
	} else {
		output->window[index % output->window_size] = (struct output_slot){true, line};
		while (output->window[output->next % output->window_size].is_done) {
			window_advance(output);
			++*ret_retired;
		}
	}
	result = output->error;
	pthread_mutex_unlock(&output->lock);

	if (output->window == NULL)
		free(line);
	if (result == 0 && value != NULL && line == NULL)
		result = -ENOMEM;
	return result;
}

int output_finish(struct output *output)
{
	size_t i;

	/* Stopped early, lines may be waiting for files never read. They are good, and go out now. */
	if (output->window != NULL)
		for (i = 0; i < output->window_size; i++)
			window_advance(output);
	output_flush(output);

	/* Some file systems tell only now that there was no room. */
	if (close(STDOUT_FILENO) != 0 && output->error == 0)
		output->error = -errno;
	free(output->buffer);
	free(output->window);
	pthread_mutex_destroy(&output->lock);
	return output->error;
}
