/* SPDX-License-Identifier: MIT */
#include "os/pause.h"

#include <sched.h>

#include "os/atomic.h"
#include "os/clock.h"
#include "os/event.h"

#define SPINS 4
#define YIELDS 4
#define SLEEP_MIN (20 * EGI_MICROSECOND)
#define DOUBLINGS 6

void egi_pause(unsigned *turns)
{
	unsigned turn = *turns;
	uint32_t never = 0;

	if (turn < SPINS + YIELDS + DOUBLINGS)
		*turns = turn + 1;
	if (turn < SPINS) {
		for (int i = 0; i < 32; i++)
			egi_stall();
	} else if (turn < SPINS + YIELDS) {
		sched_yield();
	} else {
		egi_word_wait(&never, 0, egi_clock_after(SLEEP_MIN << (turn - SPINS - YIELDS)));
	}
}
