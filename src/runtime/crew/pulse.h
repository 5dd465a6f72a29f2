/* SPDX-License-Identifier: MIT */
#ifndef EGI_CREW_PULSE_H
#define EGI_CREW_PULSE_H

/*
 * Whether a thread computes or is blocked, as seen by another.
 *
 * The kernel tells by the thread's state in /proc: one that could run computes, even if other processes have all CPUs or
 * a quota is used up. Where there is no /proc, its CPU clock has to do: one that has not gone on for longer than a time
 * slice counts as blocked.
 */

#include <sys/types.h>
#include <time.h>

#include "os/compiler.h"

struct egi_pulse {
	pid_t tid;
	clockid_t clock;
	bool is_blocked;  /* when it was last taken */
	int64_t used_ns;  /* CPU time then, where states are not to be had; -1: not known */
	int64_t since_ns; /* and since when it has been that */
};

/* The calling thread's. */
void egi_pulse_init(struct egi_pulse *pulse);

/* Before the thread goes to do something else: it counts as computing. */
static inline void egi_pulse_forget(struct egi_pulse *pulse)
{
	pulse->is_blocked = false;
	pulse->used_ns = -1;
}

/* Takes the pulse of a thread, which may have ended. A few system calls. */
void egi_pulse_take(struct egi_pulse *pulse);

#endif
