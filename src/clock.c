/* SPDX-License-Identifier: MIT */
#include "clock.h"

int64_t eg_clock_now_ns(void)
{
	struct timespec now;

	/* Cannot fail: the clock exists on every Linux and the pointer is good. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * EGI_SECOND + now.tv_nsec;
}

struct timespec egi_clock_timespec(int64_t time_ns)
{
	struct timespec time = {0, 0};

	if (time_ns > 0) {
		time.tv_sec = (time_t)(time_ns / EGI_SECOND);
		time.tv_nsec = (long)(time_ns % EGI_SECOND);
	}
	return time;
}

int64_t egi_clock_process_ns(void)
{
	struct timespec used;

	/* Linux always has this clock. */
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (int64_t)used.tv_sec * EGI_SECOND + used.tv_nsec;
}
