/* SPDX-License-Identifier: MIT */
#ifndef EGI_CREW_HIRE_H
#define EGI_CREW_HIRE_H

/*
 * Hiring: starting threads for the crew, which may fail, for a moment or for good.
 *
 * A shortage begins when a thread cannot be started and ends when one can. While it lasts whoever comes by and needs a thread
 * tries again, every millisecond at most; who sleeps wakes up for it, the less often the longer the shortage lasts. For some
 * time nobody does without: tasks may need one another, and a waiter that has begun to run one of them itself cannot try any
 * more. When that time is over the crew's work is done by those who wait for it.
 *
 * Everything else is under the crew's lock.
 */

#include "os/atomic.h"

enum egi_shortage {
	EGI_SHORTAGE_NONE,
	EGI_SHORTAGE_BRIEF, /* a thread may be had in a moment */
	EGI_SHORTAGE_LONG   /* the time in which nobody does without is over */
};

/* Read without the lock. */
extern EGI_HIDDEN uint32_t egi_hire_shortage;

static inline enum egi_shortage egi_hire_shortage_now(void)
{
	return (enum egi_shortage)egi_load_relaxed_u32(&egi_hire_shortage);
}

/* When it may be tried again by whoever comes by. Read without the lock. */
extern EGI_HIDDEN uint64_t egi_hire_due_ns;

/* Whether to try for a thread, as far as shortages go. */
static inline bool egi_hire_is_due(int64_t now)
{
	return egi_hire_shortage_now() == EGI_SHORTAGE_NONE ||
	       now >= (int64_t)egi_load_relaxed_u64(&egi_hire_due_ns);
}

/* Once in a process, before anything else: what a new member's thread does, which knows the groups that it is to serve. */
void egi_hire_start(void *(*main)(void *member));

/* Starts a member, which is coming then. The lock is given up meanwhile. False if there is none, or it is too early to try again. */
bool egi_hire(void);

/* The next attempt is made even if there was one just before. Without the lock. */
void egi_hire_at_once(void);

/* There is nobody to try for just now: not before the next time is due. Without the lock. */
void egi_hire_later(int64_t now);

/* When whoever sleeps tries again; EGI_FOREVER without a shortage. */
int64_t egi_hire_again_ns(void);

/* From now on no thread can be had. */
void egi_hire_stop(void);

/* In a forked child. */
void egi_hire_start_child(void);

#endif
