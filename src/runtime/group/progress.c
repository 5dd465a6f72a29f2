/* SPDX-License-Identifier: MIT */
/*
 * Waiters take turns by a lock: whoever finds that it is time, and the lock free, makes the call; the others sleep on. So a
 * waiter that gives up leaves nothing to be handed over. It is a lock that is held while the program is called, and nothing
 * else takes it.
 *
 * When everything is done each waiter takes the lock, and the first says so. Which one that is shows by the number of tasks
 * that were done when it was last said: a later waiter finds the same number; a new round has brought more.
 *
 *   waiter                          another                         submitter
 *   everything is done: 5           everything is done
 *   tells, 5
 *                                   5 are done, as was told
 *   returns                         returns
 *                                                                   submits another
 *   everything is done: 6
 *   tells, 6
 */
#include "runtime/group/progress.h"

#include <pthread.h>

#include "os/clock.h"
#include "os/exception.h"
#include "os/verify.h"
#include "runtime/group/count.h"
#include "runtime/group/observe.h"
#include "runtime/group/permit.h"
#include "task/panic.h"

static void progress_call(struct eg_group_state *state)
{
	struct eg_stats stats = EG_STATS_INIT;
	unsigned *forbidden = egi_panic_forbidden(), before = *forbidden;

	egi_state_read_stats(state, &stats);
	++*forbidden;
	EGI_CALL_PROGRAM(state->progress.fn(&stats, state->progress.arg));
	EGI_VERIFY(--*forbidden == before, "a progress function left panics forbidden, or allowed them");
}

/* Under the lock: a call of the program's begins, or has ended. A thread that was cancelled meanwhile would keep the lock. */
static void teller_begin(struct egi_progress *progress, int *ret_cancelable)
{
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, ret_cancelable);
	egi_store_relaxed_u64(&progress->teller, egi_thread_id());
}

static void teller_end(struct egi_progress *progress, int cancelable)
{
	egi_store_relaxed_u64(&progress->teller, EGI_OWNER_NONE);
	pthread_setcancelstate(cancelable, NULL);
}

/* Under the lock: tells if it is time to. Time that the call takes is no reason to call more often afterwards. */
static void progress_tell(struct eg_group_state *state)
{
	struct egi_progress *progress = &state->progress;
	int64_t due_ns = progress->due_ns;
	int cancelable;

	if (due_ns == 0) {
		progress->due_ns = egi_clock_after(progress->every_ns);
		return;
	}
	if (eg_clock_now_ns() < due_ns)
		return;
	teller_begin(progress, &cancelable);
	progress_call(state);
	teller_end(progress, cancelable);
	due_ns += progress->every_ns;
	progress->due_ns = due_ns > eg_clock_now_ns() ? due_ns : egi_clock_after(progress->every_ns);
}

int64_t egi_progress_tell(struct eg_group_state *state, int64_t deadline_ns)
{
	struct egi_progress *progress = &state->progress;
	int64_t due_ns;

	if (egi_mutex_try_lock(&progress->lock)) {
		progress_tell(state);
		due_ns = progress->due_ns;
		egi_mutex_unlock(&progress->lock);
	} else {
		due_ns = egi_clock_after(progress->every_ns);
	}
	return due_ns < deadline_ns ? due_ns : deadline_ns;
}

void egi_progress_end(struct eg_group_state *state)
{
	struct egi_progress *progress = &state->progress;
	uint64_t submitted, done;
	int cancelable;

	/* Another's call may take long, and may wait for tasks that need this thread's place. */
	if (!egi_mutex_try_lock(&progress->lock)) {
		egi_permit_lend();
		egi_mutex_lock(&progress->lock);
	}
	egi_state_count(state, &submitted, &done);
	if (done != progress->told) {
		progress->told = done;
		progress->due_ns = 0;
		teller_begin(progress, &cancelable);
		if ((state->flags & EGI_GROUP_PROGRESS) != 0)
			progress_call(state);
		if ((state->flags & EGI_GROUP_OBSERVED) != 0)
			egi_observe_over(state, done);
		teller_end(progress, cancelable);
	}
	egi_mutex_unlock(&progress->lock);
}
