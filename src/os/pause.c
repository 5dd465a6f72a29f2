/* SPDX-License-Identifier: MIT */
/*
 * Waiting for an instant. A turn is longer than the one before: first a few that only tell the processor, which last as long as
 * another CPU takes to finish a handful of instructions; then a few that give the CPU to whoever waits for it; then sleeps.
 */
#include "os/pause.h"

#include <sched.h>

#include "os/atomic.h"
#include "os/clock.h"
#include "os/event.h"

/* 32 hints to the processor a turn, at 3 to 40 ns each: half a microsecond to five in all, less than a sleep costs. */
#define SPINS 4
#define HINTS 32
/* As many as a CPU usually has threads that wait for it. */
#define YIELDS 4
/* Shorter ones end no sooner: a timer's slack is 50 us. The last is of 64 times as much, a millisecond. */
#define SLEEP_MIN (20 * EGI_MICROSECOND)
#define DOUBLINGS 6

void egi_pause(unsigned *turns)
{
	unsigned turn = *turns;
	uint32_t never = 0;

	if (turn < SPINS + YIELDS + DOUBLINGS)
		*turns = turn + 1;
	if (turn < SPINS) {
		for (int i = 0; i < HINTS; i++)
			egi_stall();
	} else if (turn < SPINS + YIELDS) {
		sched_yield();
	} else {
		egi_word_wait(&never, 0, egi_clock_after(SLEEP_MIN << (turn - SPINS - YIELDS)));
	}
}
