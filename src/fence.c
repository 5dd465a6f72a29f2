/* SPDX-License-Identifier: MIT */
/*
 * Heavy fences, and what becomes of them when the kernel ceases to make them: a program may enter a sandbox that refuses
 * membarrier(2) when it has worked for hours.
 *
 * From then on light fences are full ones, and the heavy fence is one, too. What is left are light fences that cost
 * nothing and were passed just before:
 *
 *   light side                     heavy side
 *                                  store B
 *                                  membarrier is refused
 *   store A (in its buffer)
 *   the fence costs nothing
 *   load B: not there yet
 *                                  light fences are full from now on
 *                                  load A: not there yet
 *
 * So the heavy side waits before it loads, once, until those are through. There is nothing to ask for that, but it is a
 * matter of time alone: a store leaves its buffer within microseconds, and a thread that does not run has none in it,
 * because the kernel took it off its CPU. SETTLE is thousands of times that, and so long that the clock has interrupted
 * every CPU meanwhile, which empties the buffer as well.
 */
#include "fence.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"

#define SETTLE (20 * EGI_MILLISECOND) /* the clock of the slowest kernels ticks every 10 ms */

/* Without memory for it the kernel may refuse a membarrier now and have one later. */
#define ATTEMPTS_MAX 8
#define PAUSE_MIN (20 * EGI_MICROSECOND) /* doubled each time: 5 ms in all */

uint32_t egi_fence_is_asymmetric;

/* Until when the heavy side waits: 0 where light fences were never free, GIVING_UP while somebody finds out. */
static uint64_t settled_at_ns;

#define GIVING_UP UINT64_MAX

static long membarrier(int command)
{
	return syscall(SYS_membarrier, command, 0, 0);
}

static bool is_registered(void)
{
	return membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
}

void egi_fence_start(void)
{
	int saved = errno;

	egi_store_relaxed_u64(&settled_at_ns, 0);
	egi_store_relaxed_u32(&egi_fence_is_asymmetric, is_registered());
	errno = saved;
}

/* Not a futex, whose words are looked at by those who use them; whatever ends the sleep, the clock decides. */
static void wait_until(int64_t time_ns)
{
	struct timespec time = egi_clock_timespec(time_ns);

	while (eg_clock_now_ns() < time_ns)
		if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) != 0)
			sched_yield();
}

/* Interrupts all running threads of the process. Return: false when the kernel refuses to. */
static bool interrupt_all(void)
{
	int64_t pause = PAUSE_MIN;

	for (int attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
		if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED) == 0)
			return true;
		/* A process that was restored from a checkpoint may have lost its registration. */
		if (errno == EPERM && is_registered())
			continue;
		if (errno != ENOMEM && errno != EAGAIN && errno != EINTR)
			return false;
		wait_until(egi_clock_after(pause));
		pause *= 2;
	}
	return false;
}

/* Light fences are full ones from now on. Several threads may come here; the latest time is right for all. */
static void give_up(void)
{
	/* [A1] release: who sees the fences full sees that there is a time to wait for; pairs with [A2]. */
	egi_store_relaxed_u64(&settled_at_ns, GIVING_UP);
	egi_store_release_u32(&egi_fence_is_asymmetric, 0);
	egi_fence_full();
	egi_store_relaxed_u64(&settled_at_ns, (uint64_t)egi_clock_after(SETTLE));
}

/* Return: false when the light fences that cost nothing have not been ordered: there are none any more. */
static bool order_all(void)
{
	int saved = errno;
	bool ordered;

	egi_fence_full();
	/* [A2] acquire: pairs with [A1]. */
	if (egi_load_acquire_u32(&egi_fence_is_asymmetric) == 0)
		return false;
	ordered = interrupt_all();
	errno = saved;
	if (!ordered)
		give_up();
	return ordered;
}

void egi_fence_heavy(void)
{
	uint64_t settled_at;

	if (order_all())
		return;
	settled_at = egi_load_relaxed_u64(&settled_at_ns);
	/* Whoever is about to say until when may have lost its CPU. */
	if (settled_at == GIVING_UP)
		settled_at = (uint64_t)egi_clock_after(SETTLE);
	if (settled_at != 0)
		wait_until((int64_t)settled_at);
}

void egi_fence_heaviest(void)
{
	if (!order_all())
		wait_until(egi_clock_after(SETTLE));
}
