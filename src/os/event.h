/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_EVENT_H
#define EGI_OS_EVENT_H

/*
 * An event count: sleep until something may have changed, without losing a change and without a lock.
 *
 *     egi_event_prepare(&event, &key);          announces the sleeper
 *     if (condition())                          looks again, after the announcement
 *             break out;
 *     egi_event_wait(&event, key, deadline);    sleeps unless notified since prepare
 *     egi_event_finish(&event);
 *
 *     make condition() true, by a read-modify-write or followed by a full fence
 *     egi_event_notify(&event);                 a system call only if somebody sleeps
 *
 * Without the order the wake-up is lost:
 *
 *     sleeper                             notifier
 *     condition() is false
 *                                         makes it true
 *                                         sleepers == 0: no wake
 *     sleepers = 1, sleeps for ever
 *
 * Prepare's increment and the notifier's change are both full fences, so either the notifier sees the sleeper
 * or the sleeper sees the change.
 */

#include "os/atomic.h"

struct egi_event {
	uint32_t sequence; /* the futex; raised by every notify that finds a sleeper */
	uint32_t sleepers;
};

void egi_event_prepare(struct egi_event *event, uint32_t *ret_key);
void egi_event_finish(struct egi_event *event);

/* Returns false when the absolute deadline passed; true otherwise, also for no reason. */
bool egi_event_wait(struct egi_event *event, uint32_t key, int64_t deadline_ns);

void egi_event_notify(struct egi_event *event);

/*
 * Sleeps while *word == value, until it is woken, or for no reason. Returns false when the absolute deadline passed. The
 * word need not be there any more when it is woken.
 */
bool egi_word_wait(uint32_t *word, uint32_t value, int64_t deadline_ns);
void egi_word_wake_all(uint32_t *word);

/*
 * A flag for one sleeper. `egi_flag_wait` returns true once raised, false at the deadline; it lowers nothing.
 */
bool egi_flag_wait(uint32_t *flag, int64_t deadline_ns);
void egi_flag_raise(uint32_t *flag);

/*
 * For a thread of the library's that wakes while the process ends: to end as well would run the program's destructors for
 * threads, beside those of the process.
 */
void egi_sleep_for_good(void) __attribute__((noreturn));

#endif
