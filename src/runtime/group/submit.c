/* SPDX-License-Identifier: MIT */
/*
 * A task goes into the calling thread's queue, and then somebody is told of it. Whether it may is asked before: that is
 * nothing for most groups, and a count under a lock for those with a backlog or for a submission that may not wait. Whoever
 * finds no room sleeps until a worker has made some, and gives up when the group is over; if no thread is to be had that
 * could make room, it runs tasks itself.
 */
#include "runtime/group/submit.h"

#include <errno.h>

#include "context/wait.h"
#include "os/annotate.h"
#include "os/clock.h"
#include "runtime/group/call.h"
#include "runtime/group/count.h"
#include "runtime/group/permit.h"
#include "runtime/group/visit.h"

/* Beyond EGI_QUEUES_MAX submitters share a queue, which then needs a lock. */
static EGI_COLD int put_shared(struct eg_group_state *state, struct egi_queue *queue, struct egi_task task)
{
	int err;

	egi_mutex_lock(&state->sharing);
	err = egi_queue_put(queue, task);
	egi_mutex_unlock(&state->sharing);
	return err;
}

/* The same for a loop. */
static int submit_put_loop(struct eg_group_state *state, const struct egi_body *body)
{
	struct egi_queue *queue = egi_state_queue(state);
	int err;

	if (!queue)
		return -ENOMEM;
	egi_annotate_release(&queue->loops);
	if (queue->owner == EGI_QUEUE_SHARED)
		egi_mutex_lock(&state->sharing);
	err = egi_queue_put_loop(queue, body);
	if (queue->owner == EGI_QUEUE_SHARED)
		egi_mutex_unlock(&state->sharing);
	if (!err)
		egi_state_tell(state, queue);
	return err;
}

/* Puts a task into the calling thread's queue and sees to it that somebody comes for it. */
static int submit_put(struct eg_group_state *state, struct egi_task task)
{
	struct egi_queue *queue = egi_state_queue_fast(state);
	int err;

	if (EGI_UNLIKELY(!queue))
		queue = egi_state_queue(state);
	if (EGI_UNLIKELY(!queue))
		return -ENOMEM;
	if (EGI_UNLIKELY(queue->owner == EGI_QUEUE_SHARED))
		err = put_shared(state, queue, task);
	else
		err = egi_queue_put(queue, task);
	if (EGI_LIKELY(err == 0))
		egi_state_tell(state, queue);
	return err;
}

bool egi_submit_known(struct eg_group_state *state, struct egi_task task)
{
	struct egi_queue *queue = egi_state_queue_fast(state);

	if (!queue || (!egi_queue_spill(queue, task) && egi_queue_put(queue, task) != 0))
		return false;
	egi_state_tell(state, queue);
	return true;
}

static bool has_room(struct eg_group_state *state, enum egi_submit_mode mode)
{
	uint64_t limit = egi_gate_limit(&state->gate);

	if (mode == EGI_SUBMIT_TRY || state->backlog < 0)
		return limit == EGI_GATE_MAX || egi_state_unfinished(state) < limit;
	return state->backlog == 0 || egi_state_pending(state) < (uint64_t)state->backlog;
}

/* Whether a submitter that is waiting for room should give up. */
static bool is_over(const struct eg_group_state *state)
{
	/* [W4] acquire: pairs with [W3]. [W2] acquire: pairs with [W1]. */
	return egi_load_acquire_u32(&state->halted) != 0 || egi_load_acquire_u32(&state->closed) != 0;
}

/* What is to be put: a task, or a loop. */
struct offer {
	struct egi_task task;
	const struct egi_body *body;
};

/* One attempt. The lock makes asking and putting one step, so that the bound holds among submitters. */
static int try_submit(struct eg_group_state *state, const struct offer *offer, enum egi_submit_mode mode)
{
	int err = -EAGAIN;

	egi_mutex_lock(&state->submission);
	if (has_room(state, mode))
		err = offer->body ? submit_put_loop(state, offer->body) : submit_put(state, offer->task);
	egi_mutex_unlock(&state->submission);
	return err;
}

/* Whether tasks wait that no other thread is ever going to start. */
static bool must_help(struct eg_group_state *state)
{
	return egi_crew_is_missing() && egi_permit_is_free(state) && egi_gate_has_room(&state->gate) &&
	       egi_state_has_tasks(state);
}

/*
 * False when the time has come until which to wait for room. Whoever ends the context says so, but for a deadline that no
 * thread sees to. A context that a wait has ended does not matter.
 */
static bool sleep_for_room(struct eg_group_state *state, uint32_t key)
{
	int64_t deadline_ns = EGI_FOREVER, until_ns = EGI_FOREVER;

	/* [W8] acquire: pairs with [W7]; looked at again at each turn. */
	if (egi_load_acquire_u32(&state->over) == 0) {
		if (egi_timer_is_by_clock())
			deadline_ns = egi_timer_fires_ns(eg_ctx_deadline(state->ctx));
		until_ns = egi_ctx_wakes_ns(state->ctx, deadline_ns);
	}
	until_ns = egi_crew_sleeps(until_ns);
	egi_permit_lend();
	return egi_event_wait(&state->room, key, until_ns) || until_ns < deadline_ns;
}

/* Asks for room, and waits for it unless that is not wanted. */
static int submit_offer(struct eg_group_state *state, const struct offer *offer, enum egi_submit_mode mode)
{
	int err;

	while ((err = try_submit(state, offer, mode)) == -EAGAIN && mode == EGI_SUBMIT_GO) {
		uint32_t key;
		bool in_time = true;

		if (is_over(state))
			return -ECANCELED;
		egi_event_prepare(&state->room, &key);
		if (must_help(state))
			egi_visit_help(state);
		else if (!has_room(state, mode) && !is_over(state))
			in_time = sleep_for_room(state, key);
		egi_event_finish(&state->room);
		if (!in_time)
			egi_state_halt(state);
	}
	return err;
}

/* The same, by a task of another group perhaps: it may have lent its place while it waited. */
static int submit_bounded(struct eg_group_state *state, const struct offer *offer, enum egi_submit_mode mode)
{
	int err = submit_offer(state, offer, mode);

	egi_permit_resume();
	return err;
}

/* A submission that does not ask for room. A task of the group spills instead of waiting: what it waits for might be itself. */
static bool asks_nobody(struct eg_group_state *state)
{
	return state->backlog == 0 || egi_recovery_is_inside(state);
}

static bool is_closed(const struct eg_group_state *state)
{
	/* [W2] acquire: pairs with [W1]. */
	return egi_load_acquire_u32(&state->closed) != 0;
}

int egi_submit(struct eg_group_state *state, struct egi_task task, enum egi_submit_mode mode)
{
	struct offer offer;

	if (is_closed(state))
		return -ECANCELED;
	if (mode == EGI_SUBMIT_GO && asks_nobody(state))
		return submit_put(state, task);
	offer = (struct offer){.task = task};
	return submit_bounded(state, &offer, mode);
}

int egi_submit_loop(struct eg_group_state *state, const struct egi_body *body)
{
	struct offer offer = {.body = body};

	if (is_closed(state))
		return -ECANCELED;
	if (body->count == 0)
		return 0;
	if (asks_nobody(state))
		return submit_put_loop(state, body);
	return submit_bounded(state, &offer, EGI_SUBMIT_GO);
}
