/* SPDX-License-Identifier: MIT */
#ifndef EGI_CONTEXT_TIMER_H
#define EGI_CONTEXT_TIMER_H

/*
 * Timers: one thread, the keeper, for all deadlines of the process.
 *
 * The keeper exists while a timer is armed or somebody holds it, and for some seconds afterwards; it sleeps until the
 * next deadline, and looks every few seconds whether it is still needed. Arming wakes it only for a deadline earlier
 * than that, disarming never does, so a context that is made and ended long before its deadline costs no system call.
 * Whoever needs a thread for something else, as signals do, holds the keeper and kicks it. The keeper calls no function of
 * the program, so no deadline waits for one.
 *
 * Without a thread the timers stay armed and nobody serves them. `egi_timer_by_clock` says so to those who can read the
 * clock themselves, and goes on to say so when there is a thread again, because what they have said must not become
 * untrue before it catches up.
 */

#include "context/wheel.h"
#include "os/atomic.h"

/*
 * What becomes of timers. `fire` is called with no lock held, by the keeper; what the timer belongs to stays until
 * egi_timer_retire has returned. `look` is called in the same way after timers have fired or the keeper was kicked, and when
 * it said, or at once before the keeper ends: it returns when it wants to be called again, or EGI_FOREVER.
 */
struct egi_timer_owner {
	void (*fire)(struct egi_timer *timer);
	int64_t (*look)(void);
};

/* Once in a process: there is one owner of all timers. */
void egi_timer_start(const struct egi_timer_owner *owner);

/* Arms a timer that is not armed, at a time after now and before EGI_FOREVER. */
void egi_timer_arm(struct egi_timer *timer, int64_t due_ns, int64_t now_ns);

/* Disarms a timer. False if it was not armed: the keeper may be about to fire it. */
bool egi_timer_disarm(struct egi_timer *timer);

/* Disarms a timer for good: on return the keeper does not fire it, nor is it going to. Not while holding what `fire` takes. */
void egi_timer_retire(struct egi_timer *timer);

/* Sees to it that there is a thread. Return: 0 or -EAGAIN. */
int egi_timer_ensure(void);

/* Has the keeper stay until it is let go. Return: 0 or -EAGAIN. */
int egi_timer_hold(void);
void egi_timer_release(void);

/*
 * The keeper is going to call a function of the program, because no other thread could be had; and it is back. Meanwhile
 * it is as if there were no keeper.
 */
void egi_timer_leave(void);
void egi_timer_return(void);

/* Has the keeper call `kicked`, soon, with no lock held. Async-signal-safe. */
void egi_timer_on_kick(void (*kicked)(void));
void egi_timer_kick(void);

/* Not zero once armed timers had no thread: contexts with a deadline look at the clock. */
extern uint32_t egi_timer_by_clock;

static inline bool egi_timer_is_by_clock(void)
{
	return EGI_UNLIKELY(egi_load_relaxed_u32(&egi_timer_by_clock) != 0);
}

/* The latest time for which timers may have fired, now. */
static inline int64_t egi_timer_reached(int64_t now_ns)
{
	return egi_wheel_time(egi_wheel_tick_of(now_ns));
}

/* When a timer that is armed for this time fires at the earliest. */
static inline int64_t egi_timer_fires_ns(int64_t due_ns)
{
	return egi_wheel_time(egi_wheel_tick(due_ns));
}

/* At exit: nothing fires any more, and it is as if there were no keeper. */
void egi_timer_stop(void);

/*
 * Has the keeper end if nothing needs it, but not before its owner has looked after what has fired. Returns whether it is about
 * to, or to find that it is needed; *ret_left: how many keepers there are.
 *
 * @is_at_work  its owner has something for it to do
 */
bool egi_timer_dismiss(bool is_at_work, int *ret_left);

/* Around fork. */
void egi_timer_lock(void);
void egi_timer_unlock(void);
void egi_timer_start_child(void);

#endif
