/* SPDX-License-Identifier: MIT */
/*
 * Limits as programs have them: how they are made, kept and changed.
 *
 * The jobserver's limit is one of a kind. make has given the process one place, so whoever asks gets the same limit, as long as
 * somebody has it. It is found by a pointer under a lock of its own, which is taken before the limit's, outlives all
 * limits and is held around fork.
 */
#include "runtime/limit/object.h"

#include <errgroup/limit.h>
#include <errno.h>
#include <stdlib.h>

#include "os/clock.h"
#include "os/cpus.h"
#include "os/thread.h"
#include "runtime/limit/jobserver.h"
#include "runtime/limit/limit.h"
#include "runtime/limit/pressure.h"
#include "runtime/limit/tuner.h"

/* As many as a group's own limit can be (runtime/group/gate.h). */
#define TASKS_MAX 1048575

static int tasks_of(int number, int *ret_tasks)
{
	if (number == EG_LIMIT_CPUS)
		number = egi_cpus_count();
	if (number < 1 || number > TASKS_MAX)
		return -EINVAL;
	*ret_tasks = number;
	return 0;
}

int eg_limit_create(int tasks, eg_limit **ret_limit)
{
	eg_limit *limit;
	int number, err = ret_limit ? tasks_of(tasks, &number) : -EINVAL;

	if (err)
		return err;
	limit = egi_limit_make(number, number, NULL, NULL);
	if (!limit)
		return -ENOMEM;
	*ret_limit = limit;
	return 0;
}

/*
 * One that tunes itself
 */

struct tuned {
	struct egi_tuner tuner;
	struct egi_pressure pressure;
};

static bool tuned_is_pressed(void *tuned)
{
	return egi_pressure_is_high(&((struct tuned *)tuned)->pressure, eg_clock_now_ns());
}

int eg_limit_create_tuned(int least, int most, eg_limit **ret_limit)
{
	struct tuned *tuned;
	eg_limit *limit;
	int low, high;

	if (!ret_limit || tasks_of(least, &low) || tasks_of(most, &high) || low > high)
		return -EINVAL;
	tuned = calloc(1, sizeof(*tuned));
	if (!tuned)
		return -ENOMEM;
	egi_tuner_init(&tuned->tuner, low, high, tuned_is_pressed, tuned);
	limit = egi_limit_make(low, high, &tuned->tuner, NULL);
	if (!limit) {
		free(tuned);
		return -ENOMEM;
	}
	*ret_limit = limit;
	return 0;
}

/*
 * The jobserver's
 */

static struct {
	struct egi_mutex lock;
	eg_limit *limit; /* or NULL; it may have lost its last reference just now */
} from_jobserver = {EGI_MUTEX_INIT, NULL};

/* Under the lock. Returns whether there is a limit, with one more reference. */
static bool from_jobserver_ref(void)
{
	eg_limit *limit = from_jobserver.limit;
	uint32_t references = limit ? egi_load_relaxed_u32(&limit->references) : 0;

	/* [Z1] nothing is ordered. One that has no reference left is about to be freed, and waits for the lock. */
	while (references != 0 && !egi_cas_u32(&limit->references, &references, references + 1))
		;
	return references != 0;
}

/* Under the lock. */
static int from_jobserver_make(void)
{
	struct egi_jobserver *jobserver;
	eg_limit *limit;
	int err = egi_jobserver_open(getenv("MAKEFLAGS"), &jobserver);

	if (err)
		return err;
	limit = egi_limit_make(1, jobserver->most, NULL, jobserver);
	if (!limit) {
		egi_jobserver_close(jobserver);
		return -ENOMEM;
	}
	from_jobserver.limit = limit;
	return 0;
}

int eg_limit_from_jobserver(eg_limit **ret_limit)
{
	int err;

	if (!ret_limit)
		return -EINVAL;
	(void)egi_thread_id();
	egi_mutex_lock(&from_jobserver.lock);
	err = from_jobserver_ref() ? 0 : from_jobserver_make();
	if (!err)
		*ret_limit = from_jobserver.limit;
	egi_mutex_unlock(&from_jobserver.lock);
	return err;
}

static void from_jobserver_forget(const eg_limit *limit)
{
	egi_mutex_lock(&from_jobserver.lock);
	if (from_jobserver.limit == limit)
		from_jobserver.limit = NULL;
	egi_mutex_unlock(&from_jobserver.lock);
}

void egi_limits_stop(void)
{
	egi_mutex_lock(&from_jobserver.lock);
	/* The reference is kept: threads go on while the process ends. */
	if (from_jobserver_ref()) {
		egi_mutex_lock(&from_jobserver.limit->lock);
		egi_jobserver_end(from_jobserver.limit->jobserver);
		egi_mutex_unlock(&from_jobserver.limit->lock);
	}
	egi_mutex_unlock(&from_jobserver.lock);
}

void egi_limits_lock(void)
{
	egi_mutex_lock(&from_jobserver.lock);
}

void egi_limits_unlock(void)
{
	egi_mutex_unlock(&from_jobserver.lock);
}

/* The limit is the parent's, and so are the tokens. */
void egi_limits_start_child(void)
{
	from_jobserver.limit = NULL;
}

/*
 * References, and what all limits have
 */

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
	if (limit->jobserver) {
		from_jobserver_forget(limit);
		egi_jobserver_close(limit->jobserver);
	}
	if (limit->tuner)
		free(EGI_CONTAINER_OF(limit->tuner, struct tuned, tuner));
	if (!egi_limit_is_dead(limit))
		egi_mutex_finish(&limit->lock);
	free(limit);
}

int eg_limit_set(eg_limit *limit, int tasks)
{
	int number, err = limit && !limit->jobserver ? tasks_of(tasks, &number) : -EINVAL;

	if (err)
		return err;
	if (limit->tuner && (number < limit->tuner->least || number > limit->tuner->most))
		return -EINVAL;
	if (egi_limit_is_dead(limit))
		return EG_EFORKED;
	egi_limit_change(limit, number);
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
