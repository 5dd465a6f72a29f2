/* SPDX-License-Identifier: MIT */
/*
 * /proc/pressure/memory and io say in how many microseconds, in all, some tasks waited for memory that had to be got back, or all
 * that could run waited for storage. What was added since the last look, as a share of the time between, is the
 * pressure of now; the kernel's own averages lag by seconds. That some wait for storage is what a batch of reads is
 * for; that all do is when more reads at once gain nothing.
 */
#include "runtime/limit/pressure.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "os/clock.h"
#include "os/text_file.h"

#define LOOK_EVERY (100 * EGI_MILLISECOND)
#define MEMORY_HIGH 10 /* percent of the time */
#define IO_HIGH 50

/* The total of a line that begins so, in microseconds; 0 if there is none. */
static uint64_t total_of(const char *path, const char *line)
{
	char text[256];
	const char *at = egi_text_file_read(path, text, sizeof(text)) > 0 ? strstr(text, line) : NULL;

	at = at ? strstr(at, "total=") : NULL;
	return at ? strtoull(at + strlen("total="), NULL, 10) : 0;
}

/* 0: it could not be read, for lack of descriptors, say. What was not seen before is no growth. */
static bool is_high(uint64_t before, uint64_t now, int64_t took_ns, int percent)
{
	return before != 0 && now > before &&
	       (now - before) * 100 > (uint64_t)(took_ns / EGI_MICROSECOND) * (uint64_t)percent;
}

bool egi_pressure_is_high(struct egi_pressure *pressure, int64_t now_ns)
{
	int64_t took = now_ns - pressure->looked_ns;
	uint64_t memory, io;
	int saved = errno, cancelable;

	if (pressure->looked_ns != 0 && took < LOOK_EVERY)
		return pressure->is_high;
	/* A thread that is cancelled in there would take a lock with it. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	memory = total_of("/proc/pressure/memory", "some ");
	io = total_of("/proc/pressure/io", "full ");
	pthread_setcancelstate(cancelable, NULL);
	errno = saved;
	pressure->is_high =
	    pressure->looked_ns != 0 && (is_high(pressure->memory, memory, took, MEMORY_HIGH) ||
					 is_high(pressure->io, io, took, IO_HIGH));
	*pressure = (struct egi_pressure){now_ns, memory, io, pressure->is_high};
	return pressure->is_high;
}
