/* SPDX-License-Identifier: MIT */
#include "times.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>

#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static const struct unit {
	int64_t ns;
	const char *name;
} units[] = {{SECOND, "s"}, {1000000, "ms"}, {1000, "\302\265s"}, {1, "ns"}};

/* The largest of which there is at least one. */
static const struct unit *unit_of(int64_t ns)
{
	const struct unit *unit = units;

	while (unit->ns > 1 && unit->ns > ns)
		unit++;
	return unit;
}

void times_duration(int64_t ns, char text[TIMES_SIZE])
{
	const struct unit *unit = unit_of(ns);
	double number = (double)ns / (double)unit->ns;

	if (ns >= HOUR)
		snprintf(text, TIMES_SIZE, "%" PRId64 " h %02d min", ns / HOUR, (int)(ns % HOUR / MINUTE));
	else if (ns >= 100 * SECOND)
		snprintf(text, TIMES_SIZE, "%d min %02d s", (int)(ns / MINUTE), (int)(ns % MINUTE / SECOND));
	else if (unit->ns == 1)
		snprintf(text, TIMES_SIZE, "%d ns", (int)ns);
	else
		snprintf(text, TIMES_SIZE, "%.*f %s",
			 number < 9.995   ? 2
			 : number < 99.95 ? 1
					  : 0,
			 number, unit->name);
}

/* The least of 1, 2, 5, 10, 20 and so on times the unit that is not less than this. */
static int64_t step_of_tens(int64_t unit_ns, int64_t least_ns)
{
	static const int factors[] = {1, 2, 5};

	for (int64_t tens = unit_ns;; tens *= 10)
		for (int i = 0; i < 3; i++)
			if (factors[i] * tens >= least_ns)
				return factors[i] * tens;
}

int64_t times_step(int64_t extent_ns, unsigned most)
{
	static const int64_t between[] = {MINUTE,      2 * MINUTE,  5 * MINUTE, 10 * MINUTE,
					  15 * MINUTE, 30 * MINUTE, HOUR,       2 * HOUR,
					  3 * HOUR,    6 * HOUR,    12 * HOUR};
	int64_t least_ns = extent_ns / (most > 0 ? most : 1) + 1;

	if (least_ns <= 20 * SECOND)
		return step_of_tens(1, least_ns);
	for (size_t i = 0; i < sizeof(between) / sizeof(between[0]); i++)
		if (between[i] >= least_ns)
			return between[i];
	return step_of_tens(DAY, least_ns);
}

void times_mark(int64_t ns, int64_t step_ns, int64_t largest_ns, char text[TIMES_SIZE])
{
	const struct unit *unit = unit_of(largest_ns);
	int digits = 0;

	if (ns == 0)
		snprintf(text, TIMES_SIZE, "0");
	else if (step_ns >= DAY)
		snprintf(text, TIMES_SIZE, "%" PRId64 " d", ns / DAY);
	else if (step_ns >= MINUTE && largest_ns < 2 * HOUR)
		snprintf(text, TIMES_SIZE, "%" PRId64 " min", ns / MINUTE);
	else if (step_ns >= MINUTE)
		snprintf(text, TIMES_SIZE, "%" PRId64 ":%02d h", ns / HOUR, (int)(ns % HOUR / MINUTE));
	else {
		for (int64_t part = unit->ns; step_ns % part != 0; part /= 10)
			digits++;
		snprintf(text, TIMES_SIZE, "%.*f %s", digits, (double)ns / (double)unit->ns, unit->name);
	}
}
