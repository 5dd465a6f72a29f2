/* SPDX-License-Identifier: MIT */
/*
 * Numbers of the kernel, in /proc. Where there are none nothing is held back, as nothing would ever start otherwise.
 *
 * That memory is available says little when all of it is being written out to make it so. Kernels since 4.20 also say how much
 * of the last ten seconds everybody had to wait for memory: a tenth of that is too much as well.
 */

#include "throttle.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_EVERY_NS EG_MILLISECONDS(500)
#define PRESSURE_MAX 10.0 /* percent */

bool throttle_parse_size(const char *text, uint64_t *ret_bytes)
{
	static const char units[] = "KMGT";
	char *end;
	double bytes = strtod(text, &end);
	const char *unit = *end != '\0' ? memchr(units, *end & ~0x20, 4) : NULL;

	if (end == text || (*end != '\0' && (unit == NULL || end[1] != '\0')))
		return false;
	for (long power = unit != NULL ? unit - units + 1 : 0; power > 0; power--)
		bytes *= 1024;
	if (!(bytes >= 1 && bytes < 1e18))
		return false;
	*ret_bytes = (uint64_t)bytes;
	return true;
}

/* The number behind a word in a file; negative if there is none. */
static double number_in(const char *path, const char *line_begin, const char *word)
{
	FILE *file = fopen(path, "re");
	char line[256];
	double number = -1;

	while (file != NULL && number < 0 && fgets(line, sizeof(line), file) != NULL) {
		const char *found =
		    strncmp(line, line_begin, strlen(line_begin)) == 0 ? strstr(line, word) : NULL;

		if (found != NULL)
			number = strtod(found + strlen(word), NULL);
	}
	if (file != NULL)
		fclose(file);
	return number;
}

static bool is_free(const struct throttle *throttle)
{
	double load;

	if (throttle->load_max > 0 && getloadavg(&load, 1) == 1 && load >= throttle->load_max)
		return false;
	if (throttle->memory_least > 0) {
		double available = number_in("/proc/meminfo", "MemAvailable:", "MemAvailable:") * 1024;

		if (available >= 0 && available < (double)throttle->memory_least)
			return false;
		return number_in("/proc/pressure/memory", "full", "avg10=") < PRESSURE_MAX;
	}
	return true;
}

void throttle_wait(const struct throttle *throttle, eg_ctx *ctx, const _Atomic bool *is_halted)
{
	if (throttle->load_max == 0 && throttle->memory_least == 0)
		return;
	while (!atomic_load(is_halted) && eg_ctx_err(ctx) == 0 && !is_free(throttle))
		eg_ctx_sleep_until(ctx, eg_clock_after_ns(LOOK_EVERY_NS));
}
