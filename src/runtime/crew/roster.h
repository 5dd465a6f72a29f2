/* SPDX-License-Identifier: MIT */
#ifndef EGI_CREW_ROSTER_H
#define EGI_CREW_ROSTER_H

/*
 * The roster: the crew's threads, its members, and what each of them does.
 *
 *   awake      on its way to the board, or looking at it, or watching
 *   idle       asleep until it is called
 *   running    serving a group, and computing when its pulse was last taken
 *   blocked    serving a group, and asleep in a task when its pulse was last taken
 *
 * Everything is under the crew's lock, which is the board's.
 */

#include <sys/queue.h>

#include "os/atomic.h"
#include "runtime/crew/pulse.h"

enum egi_member_activity {
	EGI_MEMBER_AWAKE,
	EGI_MEMBER_IDLE,
	EGI_MEMBER_RUNNING,
	EGI_MEMBER_BLOCKED,
	EGI_MEMBER_ACTIVITIES
};

struct egi_member {
	uint64_t number; /* that of the one before, plus one */
	uint32_t fork_count;
	uint32_t wake; /* raised for a sleeping member; lowered by itself */
	enum egi_member_activity activity;
	struct egi_pulse pulse;
	struct eg_group_state *group; /* which it serves; NULL as soon as it has left it; without the lock */
	const void *block;            /* for leak checkers: see egi_roster_begin */
	TAILQ_ENTRY(egi_member) link;
};

TAILQ_HEAD(egi_members, egi_member);

struct egi_roster {
	struct egi_members members[EGI_MEMBER_ACTIVITIES]; /* last come, first */
	int counts[EGI_MEMBER_ACTIVITIES];
	uint64_t last_number;
	int coming; /* woken or started, and not yet awake */
};

extern EGI_HIDDEN struct egi_roster egi_roster;

/* Those that serve a group. */
static inline int egi_roster_serving(void)
{
	return egi_roster.counts[EGI_MEMBER_RUNNING] + egi_roster.counts[EGI_MEMBER_BLOCKED];
}

/* Those that there are. */
static inline int egi_roster_size(void)
{
	return egi_roster_serving() + egi_roster.counts[EGI_MEMBER_AWAKE] +
	       egi_roster.counts[EGI_MEMBER_IDLE];
}

/* Adds a member that is coming, for a thread that is to be started. NULL without memory. */
struct egi_member *egi_roster_add(void);

/* The thread could not be started. */
void egi_roster_drop(struct egi_member *member);

/* What a member's thread notes of itself when it begins. Without the lock. */
void egi_roster_begin(struct egi_member *member);

void egi_roster_move(struct egi_member *member, enum egi_member_activity activity);

/*
 * Takes the pulse of some of those that serve: those who may be running first. The lock is given up meanwhile. Returns how
 * many are running.
 */
int egi_roster_sample(void);

/* A member's thread is about to end: it is no more, and somebody joins it (os/leave.h). */
void egi_roster_leave(struct egi_member *member);

/* In a forked child: there are no members. The one that forked, if it was one, is its own to free. */
void egi_roster_start_child(void);

#endif
