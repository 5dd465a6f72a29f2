/* SPDX-License-Identifier: MIT */
/*
 * Two questions, the cheap one first: does the process use all its CPUs, which one clock tells; and if the group has been stuck
 * for long enough for the answer to matter, how many of the crew's threads compute (pulse.h, at some 10 us each).
 */
#include "runtime/crew/growth.h"

#include "os/clock.h"
#include "runtime/crew/board.h"
#include "runtime/crew/roster.h"
#include "runtime/crew/watch.h"

/* A group is stuck when one look sees nothing move, unless it has followed another at once. */
#define STUCK_MIN (EGI_TICK_MIN / 2)
#define STUCK_BUSY (10 * EGI_TICK_MAX)
#define BEYOND_MAX 40 /* the time is not doubled for more threads than that: it is hours */
#define FUTILE_MAX 8  /* nor is it made longer for more than that */

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
 * What threads cannot take that have come for it, more threads cannot either: it is somebody's who is in the middle of
 * something, and asleep. Four times as long for each: in the 20 ms that a thief may wait for its fence (os/fence.c) five come.
 */
static int64_t stuck_least(const struct egi_request *request, int64_t patience)
{
	unsigned futile = request->seen.futile < FUTILE_MAX ? request->seen.futile : FUTILE_MAX;

	return patience << 2 * futile;
}

/*
 * While the process keeps all its CPUs busy somebody is probably at work on what the group waits for, whoever it is: groups
 * within groups look like that. To see it costs less than to ask for the threads.
 */
bool egi_growth_is_due(int64_t now)
{
	int least = growth.is_busy ? egi_watch_cpus() : 0, computing;
	int64_t stuck;

	if (!egi_board.stuck)
		return false;
	stuck = now - egi_board.stuck->seen.moved_at;
	if (stuck < stuck_least(egi_board.stuck, patience(least)))
		return false;
	computing = egi_roster_sample();
	/* Whatever was stuck may be gone. */
	return egi_board.stuck &&
	       stuck >= stuck_least(egi_board.stuck, patience(computing > least ? computing : least));
}
