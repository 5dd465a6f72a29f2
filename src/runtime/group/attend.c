/* SPDX-License-Identifier: MIT */
/*
 * The worker has a task in its hands. It may have to give it back, because there are too many workers; or to skip it,
 * and what else is claimed; or something comes before it.
 */
#include "runtime/group/attend.h"

#include <errno.h>

#include "os/annotate.h"
#include "runtime/group/fail.h"
#include "runtime/group/observe.h"
#include "runtime/group/permit.h"
#include "runtime/group/schedule.h"
#include "runtime/group/slot_data.h"
#include "runtime/group/task_end.h"
#include "task/copy.h"

/* Why tasks do not start: the context is over, or errors have stopped the group. */
static eg_error *skip_cause(struct eg_group_state *state)
{
	eg_error *cause = state->ctx ? eg_ctx_cause(state->ctx) : NULL;

	return eg_error_ref(cause ? cause : egi_failures_first(&state->failures));
}

/* An error that says what a task would have been and why it did not start. */
static eg_error *worker_skip_error(struct egi_worker *worker)
{
	struct egi_error_origin origin = egi_task_origin(&worker->recovery);
	eg_error *error = egi_error_make_plain(EG_ERROR_SKIPPED, -ECANCELED, skip_cause(worker->state), NULL,
					       "canceled before it started");

	origin.worker_slot = -1;
	egi_error_set_origin(error, origin);
	return error;
}

/* Tasks that have been skipped, and counted as failed, are done. */
static void worker_count_skipped(struct egi_worker *worker, uint64_t skipped)
{
	egi_failures_skip(&worker->state->failures, skipped);
	if (egi_find_is_asked(worker, EGI_ATTENTION_OBSERVE))
		egi_observe_skip(worker, skipped);
	egi_annotate_release(worker->state);
	egi_task_count(worker, worker->state, skipped);
}

/*
 * Tasks that were accepted and are not to start: this one and what else is claimed. There may be millions, so they are
 * counted together.
 */
static void worker_skip_tasks(struct egi_worker *worker)
{
	struct eg_group_state *state = worker->state;
	struct egi_task task = worker->claim.tasks[worker->claim.front - 1];
	uint64_t skipped = 0, unkept = 0;

	do {
		if (egi_task_fn(&task) == egi_copy_run)
			egi_copy_free(task.arg);
		if (egi_failures_wants(&state->failures))
			egi_failures_add(&state->failures, worker_skip_error(worker));
		else
			unkept++;
		skipped++;
	} while (egi_find_is_asked(worker, EGI_ATTENTION_SKIP) && egi_claim_next(&worker->claim, &task));
	egi_failures_count(&state->failures, unkept);
	worker_count_skipped(worker, skipped);
}

/*
 * Indices that were accepted and are not to start: of what was last taken from the claim, so many; then of all others.
 * There may be 2^56, and so the rest of the claim, and of its loop, are counted at once when their errors are not kept.
 */
static void worker_skip_indices(struct egi_worker *worker)
{
	struct eg_group_state *state = worker->state;
	struct egi_claim *claim = &worker->claim;
	uint64_t indices = worker->weight, skipped = 0, unkept = 0, begin;

	while (indices > 0 && egi_failures_wants(&state->failures)) {
		egi_failures_add(&state->failures, worker_skip_error(worker));
		skipped += indices;
		unkept += indices - 1;
		indices = egi_claim_next_piece(claim, &begin);
	}
	/* Something is left, and nobody wants to know of each. */
	if (indices > 0) {
		indices += egi_claim_next_rest(claim) + egi_queue_drop_loop(claim->queue);
		skipped += indices;
		unkept += indices;
	}
	egi_failures_count(&state->failures, unkept);
	worker_count_skipped(worker, skipped);
}

/*
 * Whether what has not started is to be skipped. Somebody may have said so; or the context is over, or there are errors
 * enough, and that has not been said yet. A task that it woke has seen the end, and so does the look that follows, on
 * whatever thread that is:
 *
 *   ending thread                   worker
 *   the context is over
 *   wakes the task                  the task returns
 *                                   nobody has said so: starts the next
 *   says so
 */
static bool worker_skips(struct egi_worker *worker)
{
	struct eg_group_state *state = worker->state;

	/* [W10] acquire: the context's end, and its cause, before the word to skip; pairs with [W5]. */
	if ((egi_load_acquire_u32(&state->attention) & EGI_ATTENTION_SKIP) != 0)
		return true;
	if (!egi_find_is_asked(worker, EGI_ATTENTION_LOOK))
		return false;
	if (egi_state_has_failed_enough(state))
		return true;
	if ((state->flags & EG_GROUP_SKIP_UNSTARTED) == 0 || eg_ctx_err(state->ctx) == 0)
		return false;
	egi_state_halt(state);
	return egi_find_is_asked(worker, EGI_ATTENTION_SKIP);
}

/*
 * What comes before a claimed task in groups that have it: its beginning is told, and the data of the slot is made.
 * False: the task has ended with that, without having been called.
 */
static EGI_COLD bool worker_begin_task(struct egi_worker *worker)
{
	int code = 0;

	if (egi_find_is_asked(worker, EGI_ATTENTION_OBSERVE))
		egi_observe_begin(worker);
	if (egi_find_is_asked(worker, EGI_ATTENTION_DATA) && !worker->has_data)
		code = egi_slot_data_make(worker);
	/* Either may have forked, and the child has come here. */
	if (code == 0 && !egi_worker_is_forked(worker))
		return true;
	egi_task_end(worker, code);
	if (!egi_worker_is_forked(worker))
		egi_task_count(worker, worker->state, worker->weight);
	return false;
}

/* Whether more are running than the limit allows, as somebody has asked the workers to see to. */
static bool worker_is_one_too_many(struct egi_worker *worker)
{
	struct eg_group_state *state = worker->state;

	if (!egi_find_is_asked(worker, EGI_ATTENTION_SHRINK))
		return false;
	if (egi_gate_is_crowded(&state->gate))
		return true;
	egi_state_ask(state, 0, EGI_ATTENTION_SHRINK);
	/* Behind the swap [W5]. The limit may have been lowered again in between. */
	if (egi_gate_is_crowded(&state->gate))
		egi_state_ask(state, EGI_ATTENTION_SHRINK, 0);
	return false;
}

enum egi_worker_end egi_attend(struct egi_worker *worker)
{
	if (worker_is_one_too_many(worker)) {
		egi_claim_put_back(&worker->claim);
		return EGI_WORKER_YIELDED;
	}
	if (worker_skips(worker)) {
		if (egi_claim_is_loop(&worker->claim))
			worker_skip_indices(worker);
		else
			worker_skip_tasks(worker);
		return EGI_WORKER_PASSES;
	}
	if (egi_find_is_asked(worker, EGI_ATTENTION_PERMIT) && !egi_permit_hold(worker))
		return EGI_WORKER_PASSES;
	if (!egi_find_is_asked(worker, EGI_ATTENTION_TASK) || worker_begin_task(worker))
		return EGI_WORKER_STARTS;
	return egi_worker_is_forked(worker) ? EGI_WORKER_FORKED : EGI_WORKER_PASSES;
}
