/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_CLOCK_H
#define EGI_OS_CLOCK_H

/*
 * Time on CLOCK_MONOTONIC, in nanoseconds; sums saturate, so that a deadline far away never becomes one past.
 */

#include <errgroup/base.h>
#include <time.h>

#include "os/compiler.h"

#define EGI_MICROSECOND INT64_C(1000)
#define EGI_MILLISECOND INT64_C(1000000)
#define EGI_SECOND INT64_C(1000000000)
#define EGI_FOREVER INT64_MAX

static inline int64_t egi_clock_after(int64_t delay_ns)
{
	int64_t after;

	return __builtin_add_overflow(eg_clock_now_ns(), delay_ns, &after) ? EGI_FOREVER : after;
}

/*
 * Whether that clock is the kernel's. A library that is loaded before the C library may give the program another one, as
 * libfaketime does, of which the kernel, which ends the sleeps, knows nothing. Asked again every second.
 */
bool egi_clock_is_kernels(void);

/* The longest sleep without a look at a clock that may run ahead; programs that have one are tests, mostly. */
#define EGI_CLOCK_SLEEP_MAX (10 * EGI_MILLISECOND)

/* A time as the kernel takes it; one before the epoch becomes the epoch. */
struct timespec egi_clock_timespec(int64_t time_ns);

/* How long to sleep until a time, at the most before the clock is to be looked at again. */
struct timespec egi_clock_left(int64_t until_ns);

/* The CPU time that this process has used, in nanoseconds. */
int64_t egi_clock_process_ns(void);

#endif
