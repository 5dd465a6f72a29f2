/* SPDX-License-Identifier: MIT */
/*
 * The word for a shortage is changed under the lock and read without it, by every task that starts and every waiter that goes
 * to sleep; whoever sleeps on it is woken when it changes. The member is on the roster, as coming, before its thread is
 * started with the lock given up: so nobody asks for another one meanwhile.
 */
#include "runtime/crew/hire.h"

#include "os/clock.h"
#include "os/event.h"
#include "os/mutex.h"
#include "os/thread.h"
#include "runtime/crew/board.h"
#include "runtime/crew/roster.h"

/* No more often than that, whoever comes by: one attempt takes some 10 us. */
#define PACE (1 * EGI_MILLISECOND)
#define AGAIN_MAX (100 * PACE)   /* who sleeps wakes up for it so often in the end */
#define PATIENCE (5 * AGAIN_MAX) /* a shortage is long after that */

static void *(*member_main)(void *member);

uint32_t egi_hire_shortage;
uint64_t egi_hire_due_ns;

/* Those of the shortage, while there is one. */
static struct {
	int64_t again_at, again_after;
	int64_t long_at; /* when it has been long */
	uint64_t refusals;
	bool stopped;
} hire;

static void shortage_set(enum egi_shortage shortage)
{
	egi_store_relaxed_u32(&egi_hire_shortage, shortage);
	egi_word_wake_all(&egi_hire_shortage);
}

static void shortage_goes_on(void)
{
	int64_t now = eg_clock_now_ns();

	hire.refusals++;
	if (egi_hire_shortage_now() == EGI_SHORTAGE_NONE) {
		hire.again_after = PACE;
		hire.long_at = now + PATIENCE;
		shortage_set(EGI_SHORTAGE_BRIEF);
	} else if (now >= hire.long_at && egi_hire_shortage_now() == EGI_SHORTAGE_BRIEF) {
		shortage_set(EGI_SHORTAGE_LONG);
	} else if (hire.again_after < AGAIN_MAX) {
		hire.again_after *= 2;
	}
	hire.again_at = now + hire.again_after;
	egi_hire_later(now);
}

void egi_hire_start(void *(*main)(void *member))
{
	member_main = main;
}

/*
 * A thread that was started ends the shortage, unless another was refused meanwhile: by then it may be in the middle of a
 * task.
 *
 *   caller                              the thread that it starts
 *   starts it
 *                                       takes a task, which submits to a group of its own
 *                                       asks for one more: refused, a shortage
 *   no shortage any more
 *                                       the task waits for ever: nobody tries again
 */
bool egi_hire(void)
{
	uint64_t refusals = hire.refusals;
	struct egi_member *member;
	pthread_t thread;
	bool started = false;

	if (hire.stopped || !egi_hire_is_due(eg_clock_now_ns()))
		return false;
	member = egi_roster_add();
	if (member) {
		egi_mutex_unlock(&egi_board.lock);
		started = egi_thread_create(&thread, member_main, member) == 0;
		egi_mutex_lock(&egi_board.lock);
	}
	if (started) {
		if (hire.refusals == refusals && egi_hire_shortage_now() != EGI_SHORTAGE_NONE)
			shortage_set(EGI_SHORTAGE_NONE);
		return true;
	}
	if (member)
		egi_roster_drop(member);
	shortage_goes_on();
	return false;
}

int64_t egi_hire_again_ns(void)
{
	int64_t due = (int64_t)egi_load_relaxed_u64(&egi_hire_due_ns);

	if (egi_hire_shortage_now() == EGI_SHORTAGE_NONE || hire.stopped)
		return EGI_FOREVER;
	return due > hire.again_at ? due : hire.again_at;
}

void egi_hire_at_once(void)
{
	egi_store_relaxed_u64(&egi_hire_due_ns, 0);
}

void egi_hire_later(int64_t now)
{
	egi_store_relaxed_u64(&egi_hire_due_ns, (uint64_t)(now + PACE));
}

void egi_hire_stop(void)
{
	hire.stopped = true;
	shortage_set(EGI_SHORTAGE_LONG);
}

void egi_hire_start_child(void)
{
	egi_store_relaxed_u32(&egi_hire_shortage, EGI_SHORTAGE_NONE);
}
