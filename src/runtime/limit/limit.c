/* SPDX-License-Identifier: MIT */
/*
 * Permits are counted, and who waits for one stands in a queue, both under one lock: tasks with such a limit are long, and while
 * nobody waits a worker takes the lock when it comes and when it goes.
 *
 * A permit is not put down for anybody to pick up, but granted to the first in the queue, by whoever gives it back. So no more
 * threads wake than can run, and none that comes later is faster. One who gives up waiting may have been granted a permit just
 * then; he finds that out under the lock, as he leaves the queue, and has to give it back, or it is lost:
 *
 *   waiter                            worker                           another waiter
 *                                                                      sleeps
 *   is called: his group is over
 *                                     grants the waiter its permit
 *   [looks: he has a permit]
 *   goes away                                                          sleeps for ever
 *
 * With a jobserver there is one permit, and another for each token. One of those who wait, the reader, waits for tokens, and
 * the others for him: what he reads is the first one's. Who reads and is granted a permit leaves that to the next, but not
 * before he is awake, since both would sleep on one descriptor:
 *
 *   reader                             next reader                       worker
 *   is woken: he has a permit
 *                                      [looks: he has none]
 *                                                                        grants him one, wakes the descriptor
 *   reads the descriptor empty
 *                                      sleeps, with a permit
 *
 * `restless` is what workers look at between tasks, without the lock: somebody waits, or too many run. Who misses it by an
 * instant sees it a task later.
 */
#include "runtime/limit/limit.h"

#include <stdlib.h>

#include "os/clock.h"
#include "os/process.h"
#include "os/thread.h"
#include "runtime/limit/jobserver.h"
#include "runtime/limit/tuner.h"
#include "task/recovery.h"

/*
 * A worker keeps its permit for so long from other groups: a change of hands takes some 20 us, a wake-up and a sleep, which
 * for tasks of a microsecond each would be all that is done.
 */
#define TURN (250 * EGI_MICROSECOND)

eg_limit *egi_limit_make(int tasks, int most, struct egi_tuner *tuner, struct egi_jobserver *jobserver)
{
	eg_limit *limit = malloc(sizeof(*limit));

	if (!limit)
		return NULL;
	/* The library may begin here: from then on it notices forks. */
	(void)egi_thread_id();
	*limit = (eg_limit){
	    .references = 1,
	    .fork_count = egi_thread_fork_count,
	    .most = most,
	    .restless = tuner || jobserver,
	    .tasks = tasks,
	    .tuner = tuner,
	    .jobserver = jobserver,
	};
	egi_mutex_init(&limit->lock);
	TAILQ_INIT(&limit->waiters);
	return limit;
}

bool egi_limit_is_dead(const eg_limit *limit)
{
	return limit->fork_count != egi_thread_fork_count;
}

/*
 * Under lock
 */

static void limit_wake(eg_limit *limit, struct egi_limit_waiter *waiter)
{
	egi_flag_raise(&waiter->awake);
	if (limit->reader == waiter)
		egi_jobserver_wake(limit->jobserver);
}

/* The waiter may be gone as soon as the lock is given up. */
static void limit_grant(eg_limit *limit, struct egi_limit_waiter *waiter)
{
	TAILQ_REMOVE(&limit->waiters, waiter, link);
	waiter->granted = true;
	limit_wake(limit, waiter);
}

/* Grants what there is to those who wait, has one of them wait for tokens, and sees to what workers look at. */
static void limit_settle(eg_limit *limit)
{
	struct egi_limit_waiter *first;

	while ((first = TAILQ_FIRST(&limit->waiters)) != NULL && limit->running < limit->tasks) {
		limit->running++;
		limit_grant(limit, first);
	}
	if (limit->jobserver && first && !limit->reader) {
		limit->reader = first;
		limit_wake(limit, first);
	}
	egi_store_relaxed_u32(&limit->restless,
			      limit->tuner || limit->jobserver || limit->running > limit->tasks || first);
}

/* A task has ended, or sleeps. Its token goes back, whoever waits here: he comes for it as others do. */
static void limit_put(eg_limit *limit)
{
	bool was_full = limit->jobserver && !egi_jobserver_has_more(limit->jobserver);

	limit->running--;
	for (; limit->jobserver && limit->tasks > 1 && limit->tasks > limit->running; limit->tasks--)
		egi_jobserver_give_back(limit->jobserver);
	/* While the process had all that it may have the reader did not watch for more. */
	if (was_full && limit->reader)
		limit_wake(limit, limit->reader);
	limit_settle(limit);
}

static bool limit_take(eg_limit *limit)
{
	/* There may be some left while others wait: they are about to be granted them, in their turn. */
	if (!TAILQ_EMPTY(&limit->waiters))
		return false;
	if (limit->running >= limit->tasks) {
		if (!limit->jobserver || !egi_jobserver_try_take(limit->jobserver))
			return false;
		limit->tasks++;
	}
	limit->running++;
	return true;
}

/*
 * The first that waits for something else than what runs on this thread. One whose task is running has begun, and nothing here
 * is what it waits for: its wait is over.
 */
static struct egi_limit_waiter *limit_find_stranger(eg_limit *limit)
{
	struct egi_limit_waiter *waiter;

	TAILQ_FOREACH(waiter, &limit->waiters, link)
		if (waiter->resumes || !egi_recovery_is_inside(waiter->group))
			return waiter;
	return NULL;
}

/* A task has ended, and its worker has another. */
static void limit_tune(eg_limit *limit, int64_t now_ns)
{
	int tasks = egi_tuner_note(limit->tuner, now_ns, limit->running >= limit->tasks);

	if (tasks == limit->tasks)
		return;
	limit->tasks = tasks;
	limit_settle(limit);
}

static bool limit_keep(eg_limit *limit, int64_t since_ns)
{
	struct egi_limit_waiter *stranger;
	int64_t now = eg_clock_now_ns();

	if (limit->tuner)
		limit_tune(limit, now);
	/* Of a jobserver's only the first is the process's own, and not for one task. */
	if (limit->running > (limit->jobserver ? 1 : limit->tasks)) {
		limit_put(limit);
		return false;
	}
	if (now - since_ns < TURN)
		return true;
	stranger = limit_find_stranger(limit);
	if (!stranger)
		return true;
	limit_grant(limit, stranger);
	limit_settle(limit);
	return false;
}

static void limit_queue(eg_limit *limit, struct egi_limit_waiter *waiter)
{
	struct egi_limit_waiter *next = TAILQ_FIRST(&limit->waiters);

	while (next && (next->resumes || !waiter->resumes))
		next = TAILQ_NEXT(next, link);
	if (next)
		TAILQ_INSERT_BEFORE(next, waiter, link);
	else
		TAILQ_INSERT_TAIL(&limit->waiters, waiter, link);
	if (limit->jobserver && !limit->reader)
		limit->reader = waiter;
	egi_store_relaxed_u32(&limit->restless, 1);
}

/* The waiter is awake, and goes: with a permit, or without one. */
static void limit_unqueue(eg_limit *limit, struct egi_limit_waiter *waiter)
{
	if (!waiter->granted)
		TAILQ_REMOVE(&limit->waiters, waiter, link);
	if (limit->reader == waiter)
		limit->reader = NULL;
	limit_settle(limit);
}

/*
 * What workers call
 */

void egi_limit_change(eg_limit *limit, int tasks)
{
	egi_mutex_lock(&limit->lock);
	if (limit->tuner)
		egi_tuner_restart(limit->tuner, tasks);
	limit->tasks = tasks;
	limit_settle(limit);
	egi_mutex_unlock(&limit->lock);
}

int egi_limit_most(eg_limit *limit)
{
	int most = limit->most;

	if (limit->tuner || limit->jobserver)
		return most;
	egi_mutex_lock(&limit->lock);
	most = limit->tasks;
	egi_mutex_unlock(&limit->lock);
	return most;
}

bool egi_limit_try_take(eg_limit *limit)
{
	bool taken;

	if (egi_limit_is_dead(limit))
		return true;
	egi_mutex_lock(&limit->lock);
	taken = limit_take(limit);
	egi_mutex_unlock(&limit->lock);
	return taken;
}

bool egi_limit_has_free(eg_limit *limit)
{
	bool has;

	if (egi_limit_is_dead(limit))
		return true;
	egi_mutex_lock(&limit->lock);
	has = limit->running < limit->tasks;
	egi_mutex_unlock(&limit->lock);
	return has;
}

void egi_limit_return(eg_limit *limit)
{
	if (egi_limit_is_dead(limit))
		return;
	egi_mutex_lock(&limit->lock);
	limit_put(limit);
	egi_mutex_unlock(&limit->lock);
}

bool egi_limit_keep(eg_limit *limit, int64_t since_ns)
{
	bool kept;

	if (egi_limit_is_dead(limit))
		return true;
	egi_mutex_lock(&limit->lock);
	kept = limit_keep(limit, since_ns);
	egi_mutex_unlock(&limit->lock);
	return kept;
}

bool egi_limit_begin_wait(eg_limit *limit, struct egi_limit_waiter *waiter, const void *group, bool resumes)
{
	bool taken;

	*waiter = (struct egi_limit_waiter){.group = group, .resumes = resumes};
	if (egi_limit_is_dead(limit))
		return true;
	egi_mutex_lock(&limit->lock);
	taken = limit_take(limit);
	if (!taken)
		limit_queue(limit, waiter);
	egi_mutex_unlock(&limit->lock);
	return taken;
}

/* Sleeps once, as the reader or as another. */
static bool sleep_for_token(eg_limit *limit, struct egi_limit_waiter *waiter, int64_t until_ns)
{
	bool reads, wants_token, done;

	egi_mutex_lock(&limit->lock);
	done = waiter->granted || waiter->called;
	reads = limit->reader == waiter;
	wants_token = egi_jobserver_has_more(limit->jobserver);
	egi_mutex_unlock(&limit->lock);
	if (done)
		return true;
	if (reads)
		egi_jobserver_wait(limit->jobserver, wants_token, until_ns);
	else
		(void)egi_flag_wait(&waiter->awake, until_ns);
	egi_mutex_lock(&limit->lock);
	egi_store_relaxed_u32(&waiter->awake, 0);
	if (limit->reader == waiter && !waiter->granted && egi_jobserver_try_take(limit->jobserver)) {
		limit->tasks++;
		limit_settle(limit);
	}
	done = waiter->granted || waiter->called;
	egi_mutex_unlock(&limit->lock);
	return done;
}

bool egi_limit_sleep(eg_limit *limit, struct egi_limit_waiter *waiter, int64_t until_ns)
{
	if (limit->jobserver)
		return sleep_for_token(limit, waiter, until_ns);
	return egi_flag_wait(&waiter->awake, until_ns);
}

bool egi_limit_end_wait(eg_limit *limit, struct egi_limit_waiter *waiter)
{
	bool granted;

	egi_mutex_lock(&limit->lock);
	granted = waiter->granted;
	limit_unqueue(limit, waiter);
	egi_mutex_unlock(&limit->lock);
	return granted;
}

void egi_limit_call(eg_limit *limit, const void *group)
{
	struct egi_limit_waiter *waiter;

	if (egi_limit_is_dead(limit))
		return;
	egi_mutex_lock(&limit->lock);
	TAILQ_FOREACH(waiter, &limit->waiters, link) {
		if (waiter->group != group || waiter->resumes)
			continue;
		waiter->called = true;
		limit_wake(limit, waiter);
	}
	egi_mutex_unlock(&limit->lock);
}
