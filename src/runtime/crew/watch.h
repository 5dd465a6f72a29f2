/* SPDX-License-Identifier: MIT */
#ifndef EGI_CREW_WATCH_H
#define EGI_CREW_WATCH_H

/*
 * The watch over the board: who is to look at it, and when. The idle thread that does so every so often is the sentinel.
 * Everything is under the crew's lock.
 */

#include "os/clock.h"
#include "runtime/crew/roster.h"

/*
 * How long the sentinel sleeps between two looks: twice as long each time that everything moves, from the first to the
 * second. A look and its sleep take some 20 us of a CPU (a virtual machine of 2): over a quarter of it at the first, 2% at the
 * second.
 */
#define EGI_TICK_MIN (50 * EGI_MICROSECOND)
#define EGI_TICK_MAX (20 * EGI_TICK_MIN)

/* It goes on for so long after the last request: as long as it ever sleeps. */
#define EGI_WATCH_ON EGI_TICK_MAX

struct egi_watch {
	struct egi_member *sentinel; /* asleep until `tick_due` */
	int64_t tick, tick_due;
	int64_t last_request; /* when one of many was last posted, or seen to be shown */
	int64_t last_call;    /* when one was last posted by who put a task */
	uint64_t dismissed;   /* members up to this number end when they have nothing to do */
	bool is_missing;      /* a thread is wanted, none could be had, and none has come free since */
	bool stopping;

	/* somebody is going to look at what is shown (egi_crew_watching says who may rely on it) */
	bool is_on;
	/* somebody may have seen that somebody watches, behind a fence that costs nothing */
	bool is_relied_on;

	/* read without the lock, too */
	uint32_t saw_work; /* the sentinel saw tasks waiting when it last looked */
	uint32_t cpus;     /* how many the process may use; 0 until a request is posted */
};

extern EGI_HIDDEN struct egi_watch egi_watch;

/* How many CPUs the process may use; 0 until a request is posted. Without the lock. */
static inline int egi_watch_cpus(void)
{
	return (int)egi_load_relaxed_u32(&egi_watch.cpus);
}

/* Whether something was posted or shown a moment ago. */
static inline bool egi_watch_is_busy_time(void)
{
	return eg_clock_now_ns() - egi_watch.last_request < EGI_WATCH_ON;
}

/* Whether the member has been told to end if it has nothing to do. */
static inline bool egi_watch_is_dismissed(const struct egi_member *member)
{
	return member->number <= egi_watch.dismissed;
}

/*
 * Somebody is going to look at what is shown. Who shows a group relies on it behind a fence that costs nothing, only where
 * membarrier(2) is.
 */
void egi_watch_begin(void);

/* Nobody is, whoever shows a group from now on has to call, and what was shown before can be looked at. */
void egi_watch_end(void);

/* After that: something is shown, and is to be looked at although it was in vain this time. */
void egi_watch_go_on(void);

/* Whether one more thread may serve whatever group. The others have to wait for the sentinel. */
bool egi_watch_may_serve(void);

/*
 * The same of a thread that was called for a task just put: threads that are blocked do not count, though nobody has
 * looked at them since. For others that would be a thread more at each look, as long as a group is stuck.
 */
bool egi_watch_may_answer(void);

/* Calls a member that sleeps. */
void egi_watch_wake(struct egi_member *member);

/* The sentinel has to look before its time. */
void egi_watch_wake_sentinel(void);

/*
 * Brings one thread to the board. False if there is none to bring and none could be started. In a busy time it counts as
 * watching from now on: before it serves or sleeps it looks at the notices. The lock may be given up meanwhile.
 */
bool egi_watch_bring(void);

/* Has the sentinel, if there is one, look now, if a thread may serve. */
void egi_watch_hurry(void);

/*
 * Sees to it that somebody looks at the board: at once, if a thread may serve now, or else when the sentinel's time comes. A
 * sentinel that is to look soon anyway is left asleep. The lock may be given up meanwhile.
 */
void egi_watch_attend(int64_t now);

/* A CPU has come free. A sentinel that sleeps long because everything moved looks again now. */
void egi_watch_nudge(int64_t now);

#endif
