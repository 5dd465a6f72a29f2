/* SPDX-License-Identifier: MIT */
/*
 * Time, and whether the program's time is the kernel's. The two are compared, at most once a second: a library that gives
 * programs another clock stands between them and the C library, but not between them and a system call made directly. If the
 * program's time lies between two looks at the kernel's, it is the kernel's.
 */
#include "os/clock.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "os/atomic.h"

int64_t eg_clock_now_ns(void)
{
	struct timespec now;

	/* Cannot fail: the clock exists on every Linux and the pointer is good. */
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * EGI_SECOND + now.tv_nsec;
}

int64_t eg_clock_after_ns(int64_t duration_ns)
{
	return egi_clock_after(duration_ns);
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

/* Without the C library's help. False where that is not allowed. */
static bool kernel_now(int64_t *ret_now)
{
	struct timespec now = {0, 0};

	if (syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now) != 0)
		return false;
	*ret_now = (int64_t)now.tv_sec * EGI_SECOND + now.tv_nsec;
	return true;
}

static bool compare_clocks(void)
{
	int64_t before, now, after;

	if (!kernel_now(&before))
		return true;
	now = eg_clock_now_ns();
	return kernel_now(&after) && before <= now && now <= after;
}

bool egi_clock_is_kernels(void)
{
	static uint64_t asked_second; /* and one, so that 0 is never */
	static uint32_t is_another;
	uint64_t second = (uint64_t)(eg_clock_now_ns() / EGI_SECOND) + 1;

	/*
	 * Whoever comes at the same time asks as well.
	 *
	 * [Z5] acquire: the answer of this second; pairs with [Z6]. Otherwise the first answer of all could be missed:
	 *
	 *     first thread                    second thread
	 *     notes that it has asked
	 *                                     sees that, and goes by no answer
	 *     notes that the clock is another
	 */
	if (egi_load_acquire_u64(&asked_second) != second) {
		egi_store_relaxed_u32(&is_another, !compare_clocks());
		egi_store_release_u64(&asked_second,
				      second); /* [Z6] release: the answer before the question's second */
	}
	return egi_load_relaxed_u32(&is_another) == 0;
}

struct timespec egi_clock_left(int64_t until_ns)
{
	int64_t left;

	if (__builtin_sub_overflow(until_ns, eg_clock_now_ns(), &left))
		left = until_ns < 0 ? 0 : EGI_FOREVER;
	if (left > EGI_CLOCK_SLEEP_MAX && !egi_clock_is_kernels())
		left = EGI_CLOCK_SLEEP_MAX;
	return egi_clock_timespec(left);
}
