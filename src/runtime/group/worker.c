/* SPDX-License-Identifier: MIT */
/*
 * The loop that runs tasks. What it does for every task is in worker_loop, and no more than that: take the next one from the
 * claim, look at the word that asks something of all workers, call, count. A panic lands in worker_run_recovered, and the
 * loop is entered again; whatever else a task may end with is seen by its code, or by what it has left in its recovery.
 */
#include "runtime/group/worker.h"

#include <errno.h>

#include "error/call_site.h"
#include "fault/mode.h"
#include "os/annotate.h"
#include "os/exception.h"
#include "os/verify.h"
#include "runtime/group/fail.h"
#include "runtime/group/schedule.h"
#include "task/copy.h"
#include "task/live.h"

static struct egi_worker *worker_of(struct egi_recovery *recovery)
{
	return EGI_CONTAINER_OF(recovery, struct egi_worker, recovery);
}

/* A copy of the task's thread in a forked child: its group is dead, and locks may be held by nobody. */
static bool worker_is_forked(const struct egi_worker *worker)
{
	return worker->state->fork_count != egi_thread_fork_count;
}

int eg_task_slot(void)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;

	return recovery ? (int)worker_of(recovery)->slot : -1;
}

static struct egi_error_origin worker_origin(struct egi_recovery *recovery)
{
	struct egi_worker *worker = worker_of(recovery);
	uint64_t index;
	const struct egi_task *task = egi_claim_current(&worker->claim, &index);

	return (struct egi_error_origin){(int64_t)index, (int)worker->slot,
					 egi_site_find(egi_task_site(task))};
}

/* The task has ended: with a code, with defers to run, or by a panic whose error waits in the recovery. */
static void worker_close_task(struct egi_worker *worker, int code)
{
	struct eg_group_state *state = worker->state;
	struct egi_recovery *recovery = &worker->recovery;
	eg_error *error;

	if (code != 0 && !recovery->dirty && !egi_failures_wants(&state->failures)) {
		egi_state_fail_unkept(state);
		return;
	}
	error = egi_recovery_end_task(recovery, code);
	if (!error)
		return;
	if (worker_is_forked(worker))
		eg_error_unref(error);
	else
		egi_state_fail(state, error);
}

static EGI_COLD void worker_end_task(struct egi_worker *worker, int code)
{
	worker_close_task(worker, code);
	/* To whoever waits for the group, and to later tasks of the slot: see egi_copy_run. */
	egi_annotate_release(worker->state);
	egi_annotate_release(&worker->recovery);
}

/* Counts the task, or the tasks, that just ended. */
static void worker_count(struct egi_worker *worker, struct eg_group_state *state, uint64_t ended)
{
	/* [D2] release: what the task did before its count; pairs with [D1]. */
	egi_store_release_u64(&worker->done, worker->done + ended);
	if (state->backlog == 0)
		return;
	egi_fence_full(); /* [E2]: the count before the look at sleepers */
	egi_event_notify(&state->room);
}

/* Why tasks do not start: the context is over, or errors have stopped the group. */
static eg_error *skip_cause(struct eg_group_state *state)
{
	eg_error *cause = state->ctx ? eg_ctx_cause(state->ctx) : NULL;

	return eg_error_ref(cause ? cause : egi_failures_first(&state->failures));
}

/* An error that says what a task would have been and why it did not start. */
static eg_error *worker_skip_error(struct egi_worker *worker)
{
	struct egi_error_origin origin = worker_origin(&worker->recovery);
	eg_error *error = egi_error_make_plain(EG_ERROR_SKIPPED, -ECANCELED, skip_cause(worker->state), NULL,
					       "canceled before it started");

	origin.worker_slot = -1;
	egi_error_set_origin(error, origin);
	return error;
}

/*
 * Tasks that were accepted and are not to start: this one and what else is claimed. There may be millions, so they are
 * counted together.
 */
static EGI_COLD void worker_skip(struct egi_worker *worker, struct egi_task task)
{
	struct eg_group_state *state = worker->state;
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
	egi_annotate_release(state);
	worker_count(worker, state, skipped);
}

/*
 * Whether what has not started is to be skipped. Somebody may have said so; or the context is over, or there are errors
 * enough, and that has not been said yet. A task that it woke has seen the end, and so does the look that follows, on whatever thread that is:
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

/* Whether more are running than the limit allows, as somebody has asked the workers to see to. */
static bool worker_is_one_too_many(struct eg_group_state *state)
{
	if (egi_gate_is_crowded(&state->gate))
		return true;
	egi_state_ask(state, 0, EGI_ATTENTION_SHRINK);
	/* Behind the swap [W5]. The limit may have been lowered again in between. */
	if (egi_gate_is_crowded(&state->gate))
		egi_state_ask(state, EGI_ATTENTION_SHRINK, 0);
	return false;
}

static EGI_LIVE_CALLER enum egi_worker_end worker_loop(struct egi_worker *worker)
{
	struct eg_group_state *state = worker->state;
	struct egi_recovery *recovery = &worker->recovery;

	EGI_RECOVERY_CALL_HERE(recovery);
	for (;;) {
		struct egi_task task;
		int code;

		if (EGI_UNLIKELY(!egi_claim_next(&worker->claim, &task))) {
			if (EGI_LIKELY(worker->biased) ? egi_find_more_biased(worker) : egi_find_more(worker))
				continue;
			return EGI_WORKER_DRY;
		}
		/*
		 * Looked at after the claim, like the context below: a wait may have ended and a reset begun a new
		 * round while this worker was looking for a task of it.
		 */
		if (EGI_UNLIKELY(egi_load_relaxed_u32(&state->attention) != 0)) {
			if (egi_find_is_asked(worker, EGI_ATTENTION_SHRINK) &&
			    worker_is_one_too_many(state)) {
				egi_claim_put_back(&worker->claim);
				return EGI_WORKER_YIELDED;
			}
			if (worker_skips(worker)) {
				worker_skip(worker, task);
				continue;
			}
		}
		EGI_CALL_PROGRAM(code = egi_task_fn(&task)(state->ctx, task.arg));
		if (EGI_UNLIKELY(code != 0 || recovery->dirty)) {
			worker_end_task(worker, code);
			if (worker_is_forked(worker))
				return EGI_WORKER_FORKED;
		}
		worker_count(worker, state, 1);
	}
}

/* The frame to which a panic returns. It has nothing of its own that a jump could spoil. */
static EGI_LIVE_CALLER enum egi_worker_end worker_run_recovered(struct egi_worker *worker)
{
	enum egi_worker_end end;

	egi_recovery_enter(&worker->recovery, __builtin_frame_address(0));
	if (setjmp(worker->recovery.jump_to)) {
		EGI_RECOVERY_CALL_HERE(&worker->recovery);
		egi_fault_close();
		worker_end_task(worker, 0);
		worker_count(worker, worker->state, 1);
	}
	end = worker_loop(worker);
	egi_recovery_leave(&worker->recovery);
	return end;
}

/* The task becomes an error, and the worker is left as if it had found nothing. */
EGI_LIVE_CALLER struct egi_worker *egi_worker_exit(struct egi_recovery *recovery)
{
	struct egi_worker *worker = worker_of(recovery);
	struct eg_group_state *state = worker->state;

	if (worker_is_forked(worker))
		return NULL;
	egi_gate_share(&state->gate);
	worker->biased = false;
	egi_recovery_enter(recovery, __builtin_frame_address(0));
	EGI_RECOVERY_CALL_HERE(recovery);
	if (!setjmp(recovery->jump_to))
		egi_recovery_add(recovery, egi_error_make_plain(EG_ERROR_EXITED, EG_EEXITED, NULL, NULL,
								"the task ended its thread"));
	worker_end_task(worker, 0);
	egi_recovery_leave(recovery);
	worker_count(worker, state, 1);
	return worker;
}

enum egi_worker_end egi_worker_run(struct egi_worker *worker, bool biased,
				   void (*exited)(struct egi_recovery *recovery))
{
	struct eg_group_state *state = worker->state;
	enum egi_worker_end end;

	worker->recovery.group = state;
	worker->recovery.origin = worker_origin;
	worker->recovery.exited = exited;
	worker->recovery.abort_on_panic = (state->flags & EG_GROUP_ABORT_ON_PANIC) != 0;
	worker->recovery.is_hooks = state->is_hooks;
	worker->chunk = 1;
	worker->claimed_ns = 0;
	worker->tasks_are_long = false;
	worker->biased = biased;
	egi_fault_enter(&worker->recovery, state->faults);
	end = worker_run_recovered(worker);
	egi_fault_leave(&worker->recovery);
	return end;
}
