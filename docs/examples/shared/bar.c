/* SPDX-License-Identifier: MIT */
/*
 * The text of a bar: what fits beside it, or it alone where the terminal is narrow.
 */

#include "bar.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "console.h"

#define BAR_MAX 40

bool bar_is_wanted(void)
{
	const char *terminal = getenv("TERM");

	return isatty(STDERR_FILENO) == 1 && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

const char *bar_seconds(char *text, size_t size, double seconds)
{
	unsigned long whole = seconds < 1e8 ? (unsigned long)ceil(seconds) : 100000000;

	if (whole < 3600)
		snprintf(text, size, "%lu:%02lu", whole / 60, whole % 60);
	else
		snprintf(text, size, "%lu:%02lu:%02lu", whole / 3600, whole / 60 % 60, whole % 60);
	return text;
}

static size_t terminal_columns(void)
{
	struct winsize size;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

/*
 * Puts the bar before the text if the terminal is wide enough for both, and cuts the text if it is too narrow
 * for that: a bar that wraps could not be taken away again.
 */
void bar_show(const char *text, double share)
{
	size_t columns = terminal_columns() - 1;
	size_t room = columns > strlen(text) + 8 ? columns - strlen(text) - 8 : 0;
	char line[512];

	if (room > BAR_MAX)
		room = BAR_MAX;
	if (columns >= sizeof(line))
		columns = sizeof(line) - 1;
	if (share >= 0 && room >= 8) {
		char bar[BAR_MAX + 1];
		size_t filled = (size_t)(share * (double)room);

		memset(bar, '=', filled);
		memset(bar + filled, ' ', room - filled);
		bar[room] = '\0';
		snprintf(line, columns + 1, "%3.0f%% [%s] %.400s", floor(share * 100), bar, text);
	} else if (share >= 0) {
		snprintf(line, columns + 1, "%3.0f%% %s", floor(share * 100), text);
	} else {
		snprintf(line, columns + 1, "%s", text);
	}
	console_bar(line);
}
