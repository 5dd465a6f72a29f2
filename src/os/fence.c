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
#include "os/fence.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/clock.h"

#define SETTLE (20 * EGI_MILLISECOND) /* the clock of the slowest kernels ticks every 10 ms */

/* Without memory for it the kernel may refuse a membarrier now and have one later. */
#define ATTEMPTS_MAX 8
#define PAUSE_MIN (20 * EGI_MICROSECOND) /* doubled each time: 5 ms in all */

#define YIELD_MIN 100 /* ns that a system call takes at least */

uint32_t egi_fence_is_asymmetric;
uint32_t egi_fence_settling;

/* No light fence that cost nothing is under way: there was none, or the wait for them is over. */
static uint32_t is_settled;

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
	bool registered = is_registered();

	egi_store_relaxed_u32(&is_settled, !registered);
	egi_store_relaxed_u32(&egi_fence_is_asymmetric, registered);
	errno = saved;
}

/*
 * Sleeps for so long, whatever signals arrive. By the kernel's own call: it takes the time that it is told, while a clock
 * in its place may stand still. A sandbox may refuse it as well; then the CPU is offered to others for about as long.
 */
static void pause_for(int64_t time_ns)
{
	struct timespec left = egi_clock_timespec(time_ns);

	while (syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &left, &left) != 0) {
		if (errno == EINTR)
			continue;
		for (int64_t i = 0; i < time_ns / YIELD_MIN; i++)
			sched_yield();
		return;
	}
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
		pause_for(pause);
		pause *= 2;
	}
	return false;
}

/*
 * Waits for those who took a light fence that cost nothing, because they did not see that it has to be a full one. Several
 * threads may do so, each for as long.
 */
static void settle(void)
{
	int saved = errno;

	/* [A4] full: that light fences are full ones now, before the wait; what pairs with it is time. */
	egi_fence_full();
	egi_add_u32(&egi_fence_settling, 1); /* [Z1] nothing is ordered */
	pause_for(SETTLE);
	egi_add_u32(&egi_fence_settling, UINT32_MAX); /* [Z1] the same */
	errno = saved;
}

/* Return: false when the light fences that cost nothing have not been ordered: from now on there are none. */
static bool order_all(void)
{
	int saved = errno;
	bool ordered;

	/* [A3] full: what the caller stored before what it looks at; pairs with light fences that are full. */
	egi_fence_full();
	if (egi_load_relaxed_u32(&egi_fence_is_asymmetric) == 0)
		return false;
	ordered = interrupt_all();
	errno = saved;
	if (!ordered)
		egi_store_relaxed_u32(&egi_fence_is_asymmetric, 0);
	return ordered;
}

void egi_fence_heavy(void)
{
	/* [A2] acquire: what the others stored before they were through is looked at after this; pairs with [A1]. */
	if (order_all() || egi_load_acquire_u32(&is_settled) != 0)
		return;
	settle();
	/* [A1] release: the wait before the word that it is over; pairs with [A2]. */
	egi_store_release_u32(&is_settled, 1);
}

void egi_fence_heaviest(void)
{
	if (!order_all())
		settle();
}
