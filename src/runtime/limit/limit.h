/* SPDX-License-Identifier: MIT */
#ifndef EGI_LIMIT_LIMIT_H
#define EGI_LIMIT_LIMIT_H

/*
 * A shared limit, and the permits under it, as workers see it. A worker takes a permit before it starts a task, keeps it from
 * task to task while nobody else wants it, and returns it when it stops. Groups are names here: who waits with whom.
 */

#include <errgroup/limit.h>
#include <sys/queue.h>

#include "os/atomic.h"
#include "os/event.h"
#include "os/mutex.h"

struct egi_jobserver;
struct egi_tuner;

/* It is in the queue until it is granted a permit, or gives up. */
struct egi_limit_waiter {
	TAILQ_ENTRY(egi_limit_waiter) link; /* L */
	const void *group;
	bool resumes;   /* its task is running: it comes first, and is not called */
	bool granted;   /* L */
	bool called;    /* L: it should look whether it still wants a permit */
	uint32_t awake; /* A [E5]: one of these, or it is to wait for a token; lowered under L */
};

/*
 * Who may touch what:
 *
 *   I   set when the limit is made
 *   L   under `lock`, under which no other is taken
 *   A   by atomic accesses
 */
struct eg_limit {
	uint32_t references; /* A [H1] */
	uint32_t fork_count; /* I */
	int most;            /* I: what `tasks` can become by itself */
	uint32_t
	    restless; /* A: workers have to ask between tasks whether they keep their permits; set under L */
	struct egi_mutex lock;
	TAILQ_HEAD(, egi_limit_waiter) waiters; /* L: in this order they get permits */
	int tasks;   /* L: permits that there are; of a jobserver one, and its tokens */
	int running; /* L: permits that are out; more than there are after that was lowered */

	struct egi_tuner *tuner;         /* I: who says how many there are, or NULL (tuner.h) */
	struct egi_jobserver *jobserver; /* I: where more permits may come from, or NULL (jobserver.h) */
	struct egi_limit_waiter
	    *reader; /* L: who waits for a token: one of `waiters`, or granted and not awake; or NULL */
};

/* With one reference. `tuner` or `jobserver`, or neither. NULL without memory. */
eg_limit *egi_limit_make(int tasks, int most, struct egi_tuner *tuner, struct egi_jobserver *jobserver);

/* What a group's own limit is if the group says none: how many permits there are, or can be by themselves. Not of a dead one. */
int egi_limit_most(eg_limit *limit);

/* How many permits there are from now on. */
void egi_limit_change(eg_limit *limit, int tasks);

/* A forked child has a copy, whose lock may be held by nobody. */
bool egi_limit_is_dead(const eg_limit *limit);

/* Takes a permit if one is left. */
bool egi_limit_try_take(eg_limit *limit);

/* Whether there is one. A hint. */
bool egi_limit_has_free(eg_limit *limit);

/* Gives one back: to the first that waits, if there is any. */
void egi_limit_return(eg_limit *limit);

/* Between two tasks, without a lock: whether the permit is kept for sure. */
static inline bool egi_limit_is_quiet(const eg_limit *limit)
{
	return egi_load_relaxed_u32(&limit->restless) == 0;
}

/*
 * Between two tasks: whether the calling worker, which has had its permit since then, keeps it. If not it is given back, or is
 * another's. It is kept from those who wait with groups of which the calling thread runs a task, at any depth: what runs here is
 * what their tasks wait for.
 */
bool egi_limit_keep(eg_limit *limit, int64_t since_ns);

/*
 * Waiting for a permit. If egi_limit_begin_wait returns true the caller has one, and does not wait. If not, the waiter is in
 * the queue until egi_limit_end_wait, which says whether the caller has a permit.
 */
bool egi_limit_begin_wait(eg_limit *limit, struct egi_limit_waiter *waiter, const void *group, bool resumes);
bool egi_limit_end_wait(eg_limit *limit, struct egi_limit_waiter *waiter);

/* Sleeps until the waiter is granted a permit, or called, or the time has come; in the last case it returns false. */
bool egi_limit_sleep(eg_limit *limit, struct egi_limit_waiter *waiter, int64_t until_ns);

/* Has those who wait with a group look whether they still want permits, but for tasks that are running. */
void egi_limit_call(eg_limit *limit, const void *group);

#endif
