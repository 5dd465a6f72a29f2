/* SPDX-License-Identifier: MIT */
/*
 * Permits belong to workers. A thread that helps with another group from inside a task has a chain of workers, innermost first, as
 * of recoveries; all but the innermost wait. Three rules keep nesting from deadlock, and the number of running tasks within the
 * limit:
 *
 *   a task of an inner group runs under the permit that a worker further out on its thread has of the same limit
 *   a thread that sleeps, for a permit or in a wait, has no permit at all: it has given back those of its whole chain
 *   a task that goes on after a wait has to have a permit again; until then its thread has none
 *
 * So nobody ever waits for a permit while he keeps one from others.
 *
 * Who waits for a permit has a place in its group, and is one of at most as many as the group's own limit. While somebody waits,
 * though, no more threads are called for the group, nor sent by the crew: they could but wait, too. So whoever is granted
 * a permit calls for the next. The task that it was about to start lies in its claim again, where others may take it; and it waits only as
 * long as there is something to start. That is looked at after it has said that it waits, for whoever takes the last task and leaves
 * looks at that afterwards:
 *
 *   worker                              another worker
 *   sees a task to start
 *                                       takes it, runs it, leaves
 *                                       nobody waits: calls nobody
 *   waits for others, who may run for hours, while its group is done
 */
#include "runtime/group/permit.h"

#include "context/wait.h"
#include "os/clock.h"
#include "runtime/group/call.h"
#include "runtime/group/count.h"
#include "runtime/group/fail.h"
#include "runtime/group/task_end.h"
#include "runtime/limit/limit.h"
#include "task/recovery.h"

/* The calling thread's worker that has a permit of that limit, or NULL. */
static struct egi_worker *permit_find(const eg_limit *limit)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;

	for (; recovery; recovery = recovery->outer) {
		struct egi_worker *worker = egi_worker_of(recovery);

		if (worker->permit.held && worker->state->limit == limit)
			return worker;
	}
	return NULL;
}

static void permit_begin(struct egi_worker *worker)
{
	worker->permit.held = true;
	worker->permit.used = false;
	worker->permit.since_ns = eg_clock_now_ns();
}

void egi_permit_return_slow(struct egi_worker *worker)
{
	worker->permit.held = false;
	egi_limit_return(worker->state->limit);
}

void egi_permit_lend(void)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;

	for (; recovery; recovery = recovery->outer)
		egi_permit_return(egi_worker_of(recovery));
}

void egi_permit_resume(void)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;
	struct egi_worker *worker = recovery ? egi_worker_of(recovery) : NULL;
	struct egi_limit_waiter waiter;

	if (!worker || !worker->state->limit || permit_find(worker->state->limit))
		return;
	egi_permit_lend();
	if (!egi_limit_begin_wait(worker->state->limit, &waiter, worker->state, true)) {
		while (!egi_limit_sleep(worker->state->limit, &waiter, egi_crew_sleeps(EGI_FOREVER)))
			;
		(void)egi_limit_end_wait(worker->state->limit, &waiter);
	}
	permit_begin(worker);
	/* By the task that goes on: the next one has to ask. */
	worker->permit.used = true;
}

bool egi_permit_is_free(const struct eg_group_state *state)
{
	return !state->limit || permit_find(state->limit) || egi_limit_has_free(state->limit);
}

/*
 * The context, if its end has tasks skipped that have not started, until the lock is opened; NULL if not. Whoever waits
 * for a permit has no task in hand. Others may have run the last one, and the group may be reset or destroyed then:
 *
 *   worker                              another thread
 *   sees a task to start
 *                                       runs it, waits, destroys: gives the context back
 *   asks the context
 */
static const eg_ctx *state_lock_ctx(struct eg_group_state *state)
{
	egi_mutex_lock(&state->lock);
	/* [W8] acquire: pairs with [W7]; looked at again at each turn. */
	if ((state->flags & EG_GROUP_SKIP_UNSTARTED) == 0 || egi_load_acquire_u32(&state->over) != 0)
		return NULL;
	return state->ctx;
}

/* The context is over, or there are errors enough, and tasks that have not started are about to be skipped. */
static bool state_is_about_to_skip(struct eg_group_state *state)
{
	bool is_over;

	if ((egi_load_relaxed_u32(&state->attention) & EGI_ATTENTION_LOOK) == 0)
		return false;
	if (egi_state_has_failed_enough(state))
		return true;
	is_over = eg_ctx_err(state_lock_ctx(state)) != 0;
	egi_mutex_unlock(&state->lock);
	return is_over;
}

/* Whether a worker has something else to do than to wait for a permit. Behind [H2]; what is asked is followed by a call. */
static bool state_calls_off(struct eg_group_state *state)
{
	uint32_t attention = egi_load_relaxed_u32(&state->attention);

	return (attention & (EGI_ATTENTION_SKIP | EGI_ATTENTION_SHRINK)) != 0 ||
	       state_is_about_to_skip(state) || !egi_state_has_tasks(state);
}

/* Whoever ends the context says so, but for a deadline that no thread sees to. */
static int64_t state_wakes_ns(struct eg_group_state *state)
{
	int64_t wakes_ns = egi_ctx_wakes_ns(state_lock_ctx(state), EGI_FOREVER);

	egi_mutex_unlock(&state->lock);
	return egi_crew_sleeps(wakes_ns);
}

/* Returns whether the worker has a permit now. */
static bool permit_wait(struct egi_worker *worker)
{
	struct eg_group_state *state = worker->state;
	struct egi_limit_waiter waiter;

	if (egi_limit_begin_wait(state->limit, &waiter, state, false))
		return true;
	/* [H2] full: the waiter before the look whether there is something to wait for; pairs with [H3]. */
	egi_add_u32(&state->awaiting, 1);
	while (!state_calls_off(state) && !egi_limit_sleep(state->limit, &waiter, state_wakes_ns(state)))
		;
	egi_add_u32(&state->awaiting, UINT32_MAX); /* [H2] nothing is ordered: no thread is called in vain. */
	return egi_limit_end_wait(state->limit, &waiter);
}

/* Nobody was called while this worker waited. */
static void worker_call_next(struct egi_worker *worker)
{
	struct eg_group_state *state = worker->state;

	if (egi_gate_has_room(&state->gate) &&
	    (egi_claim_count(&worker->claim) > 1 || egi_state_pending(state) != 0))
		egi_state_call(state, true);
}

bool egi_permit_try(struct egi_worker *worker)
{
	eg_limit *limit = worker->state->limit;
	struct egi_worker *holder = permit_find(limit);

	/* One that has not been used has been waited for, and is not given away between two tasks. */
	if (holder && holder->permit.used && !egi_limit_is_quiet(limit) &&
	    !egi_limit_keep(limit, holder->permit.since_ns)) {
		holder->permit.held = false;
		holder = NULL;
	} else if (!holder && egi_limit_try_take(limit)) {
		permit_begin(worker);
		holder = worker;
	}
	if (holder)
		holder->permit.used = true;
	return holder != NULL;
}

bool egi_permit_hold(struct egi_worker *worker)
{
	if (egi_permit_try(worker))
		return true;
	egi_claim_put_back(&worker->claim);
	egi_permit_lend();
	if (permit_wait(worker)) {
		permit_begin(worker);
		worker_call_next(worker);
	}
	return false;
}

void egi_permit_dismiss_slow(struct eg_group_state *state)
{
	if (!egi_state_has_tasks(state))
		egi_limit_call(state->limit, state);
}
