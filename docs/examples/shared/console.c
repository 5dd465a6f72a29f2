/* SPDX-License-Identifier: MIT */
/*
 * Standard error, shared by every thread. stderr is not buffered, so a message is put together in memory and
 * written at once.
 */

#include "console.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t console_lock = PTHREAD_MUTEX_INITIALIZER;
static bool console_bar_shown; /* under console_lock */

void console_pause(void)
{
	pthread_mutex_lock(&console_lock);
	if (console_bar_shown)
		fputs("\r\033[K", stderr);
	console_bar_shown = false;
}

void console_resume(void)
{
	pthread_mutex_unlock(&console_lock);
}

void console_report(const char *format, ...)
{
	char *text = NULL;
	va_list arguments;

	va_start(arguments, format);
	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	va_end(arguments);

	console_pause();
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, text != NULL ? text : format);
	console_resume();
	free(text);
}

void console_report_path(const char *path, const char *text)
{
	char *shown = malloc(4 * strlen(path) + 1);
	char *end = shown;

	if (shown == NULL) {
		console_report("(a path): %s", text);
		return;
	}
	for (; *path != '\0'; path++) {
		unsigned char byte = (unsigned char)*path;

		if (byte < ' ' || byte == 0x7f)
			end += sprintf(end, "\\%03o", byte);
		else
			*end++ = *path;
	}
	*end = '\0';
	console_report("%s: %s", shown, text);
	free(shown);
}

void console_bar(const char *text)
{
	/* Written over the last one, which would flicker if it were taken away first. */
	pthread_mutex_lock(&console_lock);
	if (text != NULL || console_bar_shown)
		fprintf(stderr, "\r%s\033[K", text != NULL ? text : "");
	console_bar_shown = text != NULL;
	pthread_mutex_unlock(&console_lock);
}
