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
 * `restless` is what workers look at between tasks, without the lock: somebody waits, or too many run. Who misses it by an
 * instant sees it a task later.
 */
#include "runtime/limit/limit.h"

#include <errno.h>
#include <stdlib.h>

#include "os/clock.h"
#include "os/cpus.h"
#include "os/process.h"
#include "os/thread.h"
#include "task/recovery.h"

/* As many as a group's own limit can be (runtime/group/gate.h). */
#define TASKS_MAX 1048575

/*
 * A worker keeps its permit for so long from other groups: a change of hands takes some 20 us, a wake-up and a sleep, which
 * for tasks of a microsecond each would be all that is done.
 */
#define TURN (250 * EGI_MICROSECOND)

static int tasks_of(int number, int *ret_tasks)
{
	if (number == EG_LIMIT_CPUS)
		number = egi_cpus_count();
	if (number < 1 || number > TASKS_MAX)
		return -EINVAL;
	*ret_tasks = number;
	return 0;
}

bool egi_limit_is_dead(const eg_limit *limit)
{
	return limit->fork_count != egi_thread_fork_count;
}

int eg_limit_create(int tasks, eg_limit **ret_limit)
{
	eg_limit *limit;
	int number, err = ret_limit ? tasks_of(tasks, &number) : -EINVAL;

	if (err)
		return err;
	limit = malloc(sizeof(*limit));
	if (!limit)
		return -ENOMEM;
	/* The library may begin here: from then on it notices forks. */
	(void)egi_thread_id();
	*limit =
	    (eg_limit){.references = 1, .fork_count = egi_thread_fork_count, .most = number, .tasks = number};
	egi_mutex_init(&limit->lock);
	TAILQ_INIT(&limit->waiters);
	*ret_limit = limit;
	return 0;
}

eg_limit *eg_limit_ref(eg_limit *limit)
{
	if (limit)
		egi_add_u32(&limit->references, 1); /* [Z1] nothing is ordered */
	return limit;
}

void eg_limit_unref(eg_limit *limit)
{
	/* [H1] full: what a thread did with the limit before its reference is given back; pairs with itself. */
	if (!limit || egi_add_u32(&limit->references, UINT32_MAX) != 1)
		return;
	if (!egi_limit_is_dead(limit))
		egi_mutex_finish(&limit->lock);
	free(limit);
}

/* Under lock. The waiter may be gone as soon as the lock is given up. */
static void limit_grant(eg_limit *limit, struct egi_limit_waiter *waiter)
{
	TAILQ_REMOVE(&limit->waiters, waiter, link);
	waiter->granted = true;
	egi_flag_raise(&waiter->called);
}

/* Under lock: grants what there is to those who wait, and sees to what workers look at. */
static void limit_settle(eg_limit *limit)
{
	struct egi_limit_waiter *first;

	while (limit->running < limit->tasks && (first = TAILQ_FIRST(&limit->waiters)) != NULL) {
		limit->running++;
		limit_grant(limit, first);
	}
	egi_store_relaxed_u32(&limit->restless,
			      limit->running > limit->tasks || !TAILQ_EMPTY(&limit->waiters));
}

int eg_limit_set(eg_limit *limit, int tasks)
{
	int number, err = limit ? tasks_of(tasks, &number) : -EINVAL;

	if (err)
		return err;
	if (egi_limit_is_dead(limit))
		return EG_EFORKED;
	egi_mutex_lock(&limit->lock);
	limit->tasks = number;
	limit_settle(limit);
	egi_mutex_unlock(&limit->lock);
	return 0;
}

int eg_limit_now(const eg_limit *limit)
{
	eg_limit *locked = (eg_limit *)(uintptr_t)limit;
	int tasks;

	if (!limit)
		return -EINVAL;
	if (egi_limit_is_dead(limit))
		return EG_EFORKED;
	egi_mutex_lock(&locked->lock);
	tasks = limit->tasks;
	egi_mutex_unlock(&locked->lock);
	return tasks;
}

/* Under lock. There may be some left while others wait: they are about to be granted them, in their turn. */
static bool limit_take(eg_limit *limit)
{
	bool taken = limit->running < limit->tasks && TAILQ_EMPTY(&limit->waiters);

	limit->running += taken;
	return taken;
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
	limit->running--;
	limit_settle(limit);
	egi_mutex_unlock(&limit->lock);
}

/* Under lock: the first that waits for something else than what runs on this thread. */
static struct egi_limit_waiter *limit_find_stranger(eg_limit *limit)
{
	struct egi_limit_waiter *waiter;

	TAILQ_FOREACH(waiter, &limit->waiters, link)
		if (!egi_recovery_is_inside(waiter->group))
			return waiter;
	return NULL;
}

/* Under lock. */
static bool limit_keep(eg_limit *limit, int64_t since_ns)
{
	struct egi_limit_waiter *stranger;

	if (limit->running > limit->tasks) {
		limit->running--;
		limit_settle(limit);
		return false;
	}
	if (eg_clock_now_ns() - since_ns < TURN)
		return true;
	stranger = limit_find_stranger(limit);
	if (!stranger)
		return true;
	limit_grant(limit, stranger);
	limit_settle(limit);
	return false;
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

/* Under lock. */
static void limit_queue(eg_limit *limit, struct egi_limit_waiter *waiter)
{
	struct egi_limit_waiter *next = TAILQ_FIRST(&limit->waiters);

	while (next && (next->resumes || !waiter->resumes))
		next = TAILQ_NEXT(next, link);
	if (next)
		TAILQ_INSERT_BEFORE(next, waiter, link);
	else
		TAILQ_INSERT_TAIL(&limit->waiters, waiter, link);
	egi_store_relaxed_u32(&limit->restless, 1);
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

bool egi_limit_sleep(eg_limit *limit, struct egi_limit_waiter *waiter, int64_t until_ns)
{
	(void)limit;
	return egi_flag_wait(&waiter->called, until_ns);
}

bool egi_limit_end_wait(eg_limit *limit, struct egi_limit_waiter *waiter)
{
	bool granted;

	egi_mutex_lock(&limit->lock);
	granted = waiter->granted;
	if (!granted) {
		TAILQ_REMOVE(&limit->waiters, waiter, link);
		limit_settle(limit);
	}
	egi_mutex_unlock(&limit->lock);
	return granted;
}

void egi_limit_call(eg_limit *limit, const void *group)
{
	struct egi_limit_waiter *waiter;

	if (egi_limit_is_dead(limit))
		return;
	egi_mutex_lock(&limit->lock);
	TAILQ_FOREACH(waiter, &limit->waiters, link)
		if (waiter->group == group && !waiter->resumes)
			egi_flag_raise(&waiter->called);
	egi_mutex_unlock(&limit->lock);
}
