/* SPDX-License-Identifier: MIT */
/*
 * Standard error, shared by every thread. stderr is not buffered, so a message is put together in memory and
 * written at once.
 */

#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

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

/*
 * If a standard descriptor was closed, the next file opened would be taken for it, and what is printed would go there.
 * Descriptors that have to be filled in fail when used, as the closed ones would have.
 */
static void take_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_PATH);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

void console_init(void)
{
	take_standard_descriptors();
	setvbuf(stdout, NULL, _IOLBF, 0);
	setlocale(LC_CTYPE, "");
}

/* Marks that make text run from right to left count as printable; they would show it in another order. */
static bool is_shown(wint_t character)
{
	return iswprint(character) && character != 0x61c && character != 0x200e && character != 0x200f &&
	       !(character >= 0x2028 && character <= 0x202e) && !(character >= 0x2066 && character <= 0x2069);
}

char *console_text(const char *text)
{
	size_t left = strlen(text);
	char *shown = malloc(4 * left + 1), *end = shown;
	mbstate_t state;

	if (shown == NULL)
		return NULL;
	memset(&state, 0, sizeof(state));
	while (left > 0) {
		wchar_t character;
		size_t length = mbrtowc(&character, text, left, &state);

		if (length <= left && is_shown((wint_t)character)) {
			memcpy(end, text, length);
			end += length;
		} else {
			end += sprintf(end, "\\%03o", (unsigned char)*text);
			memset(&state, 0, sizeof(state));
			length = 1;
		}
		text += length;
		left -= length;
	}
	*end = '\0';
	return shown;
}

void console_vreport(const char *format, va_list arguments)
{
	char *text = NULL, *line = NULL, *shown = NULL;

	if (vasprintf(&text, format, arguments) < 0)
		text = NULL;
	if (text != NULL && asprintf(&line, "%s: %s", program_invocation_short_name, text) < 0)
		line = NULL;
	if (line != NULL)
		shown = console_text(line);

	console_pause();
	fprintf(stderr, "%s\n", shown != NULL ? shown : format);
	console_resume();
	free(shown);
	free(line);
	free(text);
}

void console_report(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	console_vreport(format, arguments);
	va_end(arguments);
}

int console_print(const char *text)
{
	bool is_terminal = isatty(STDOUT_FILENO) == 1;
	char *shown = is_terminal ? console_text(text) : NULL;
	int error = 0;

	if (is_terminal && shown == NULL)
		return -ENOMEM;
	if (is_terminal)
		console_pause();
	flockfile(stdout);
	if (fputs(shown != NULL ? shown : text, stdout) == EOF || putc('\n', stdout) == EOF ||
	    (is_terminal && fflush(stdout) != 0))
		error = -errno;
	funlockfile(stdout);
	if (is_terminal)
		console_resume();
	free(shown);
	return error;
}

/* Some file systems tell only now that there was no room. */
int console_close(void)
{
	return fclose(stdout) == 0 ? 0 : -errno;
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
