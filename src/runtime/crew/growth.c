/* SPDX-License-Identifier: MIT */
/*
 * Two questions, the cheap one first: does the process use all its CPUs, which one clock tells; and if the group has been stuck
 * for long enough for the answer to matter, how many of the crew's threads compute (pulse.h, at some 10 us each).
 */
#include "runtime/crew/growth.h"

#include "os/clock.h"
#include "os/fence.h"
#include "runtime/crew/board.h"
#include "runtime/crew/roster.h"
#include "runtime/crew/watch.h"

/* A group is stuck when one look sees nothing move, unless it has followed another at once. */
#define STUCK_MIN (EGI_TICK_MIN / 2)
#define STUCK_BUSY (10 * EGI_TICK_MAX)
#define BEYOND_MAX 40 /* the time is not doubled for more threads than that: it is hours */

static struct {
	int64_t looked_at, used_then; /* the time, and the CPU time of the process, at the last look */
	bool is_busy;                 /* between the last two looks the process used all its CPUs */
} growth;

void egi_growth_look(int64_t now)
{
	int64_t used = egi_clock_process_ns();
	int64_t wall = now - growth.looked_at;

	growth.is_busy = used - growth.used_then >= wall * egi_watch_cpus() - wall / 4;
	growth.looked_at = now;
	growth.used_then = used;
}

bool egi_growth_has_spare_cpu(void)
{
	return egi_roster_serving() < egi_watch_cpus() && !growth.is_busy;
}

/* How long a group has to be stuck when so many threads compute. */
static int64_t patience(int computing)
{
	int beyond = computing - egi_watch_cpus();

	if (beyond < 0)
		return STUCK_MIN;
	if (beyond > BEYOND_MAX)
		beyond = BEYOND_MAX;
	return (STUCK_BUSY + (beyond & 1) * STUCK_BUSY / 2) << beyond / 2;
}

/*
 * While the process keeps all its CPUs busy somebody is probably at work on what the group waits for, whoever it is: groups
 * within groups look like that. To see it costs less than to ask for the threads. And a thief that waits for the first fence
 * that was refused (os/fence.c) keeps what no other thread can take meanwhile.
 */
bool egi_growth_is_due(int64_t now)
{
	int least = growth.is_busy ? egi_watch_cpus() : 0, computing;
	int64_t stuck;

	if (!egi_board.stuck || egi_fence_is_settling())
		return false;
	stuck = now - egi_board.stuck->seen.moved_at;
	if (stuck < patience(least))
		return false;
	computing = egi_roster_sample();
	return stuck >= patience(computing > least ? computing : least);
}
