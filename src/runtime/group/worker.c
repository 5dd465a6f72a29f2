/* SPDX-License-Identifier: MIT */
/*
 * The loop that runs tasks. What it does for every task is in worker_loop, and no more than that: take the next one from the
 * claim, look at the word that asks something of all workers, call, count. What is claimed of loops (queue/loop.h) is run in
 * indices.c; either goes on with its own kind, and leaves the other to the other. A panic lands in worker_run_recovered, and
 * the loop is entered again; whatever else a task may end with is seen by its code, or by what it has left in its recovery.
 */
#include "runtime/group/worker.h"

#include <errno.h>

#include "fault/mode.h"
#include "os/exception.h"
#include "runtime/group/attend.h"
#include "runtime/group/indices.h"
#include "runtime/group/join.h"
#include "runtime/group/schedule.h"
#include "runtime/group/task_end.h"
#include "task/live.h"

int eg_task_slot(void)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;

	return recovery ? (int)egi_worker_of(recovery)->slot : -1;
}

void *eg_task_slot_data(void)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;

	return recovery ? egi_worker_of(recovery)->data : NULL;
}

static EGI_LIVE_CALLER enum egi_worker_end worker_loop(struct egi_worker *worker)
{
	struct eg_group_state *state = worker->state;
	struct egi_recovery *recovery = &worker->recovery;
	enum egi_worker_end end;

	if (EGI_UNLIKELY(egi_claim_is_loop(&worker->claim))) {
		end = egi_indices_run(worker);
		if (end != EGI_WORKER_TURNED)
			return end;
	}
	worker->weight = 1;
	EGI_RECOVERY_CALL_HERE(recovery);
	for (;;) {
		struct egi_task task;
		int code;

		if (EGI_UNLIKELY(!egi_claim_next(&worker->claim, &task))) {
			if (EGI_LIKELY(worker->biased) ? !egi_find_more_biased(worker)
						       : !egi_find_more(worker))
				return EGI_WORKER_DRY;
			if (EGI_UNLIKELY(worker->stolen != NULL)) {
				if (!egi_stolen_run(worker))
					return EGI_WORKER_FORKED;
			} else if (EGI_UNLIKELY(egi_claim_is_loop(&worker->claim))) {
				end = egi_indices_run(worker);
				if (end != EGI_WORKER_TURNED)
					return end;
			} else {
				continue;
			}
			EGI_RECOVERY_CALL_HERE(recovery);
			continue;
		}
		/*
		 * Looked at after the claim, like the context below: a wait may have ended and a reset begun a new
		 * round while this worker was looking for a task of it.
		 */
		if (EGI_UNLIKELY(egi_load_relaxed_u32(&state->attention) != 0)) {
			end = egi_attend(worker);
			EGI_RECOVERY_CALL_HERE(recovery);
			if (end == EGI_WORKER_PASSES)
				continue;
			if (end != EGI_WORKER_STARTS)
				return end;
		}
		EGI_CALL_PROGRAM(code = egi_task_fn(&task)(state->ctx, task.arg));
		if (EGI_UNLIKELY((code | recovery->dirty) != 0)) {
			egi_task_end(worker, code);
			if (egi_worker_is_forked(worker))
				return EGI_WORKER_FORKED;
		}
		egi_task_count(worker, state, 1);
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
		egi_task_end(worker, 0);
		egi_task_count(worker, worker->state, worker->weight);
	}
	end = worker_loop(worker);
	egi_recovery_leave(&worker->recovery);
	return end;
}

/* The task becomes an error, and the worker is left as if it had found nothing. */
EGI_LIVE_CALLER struct egi_worker *egi_worker_exit(struct egi_recovery *recovery)
{
	struct egi_worker *worker = egi_worker_of(recovery);
	struct eg_group_state *state = worker->state;

	if (egi_worker_is_forked(worker))
		return NULL;
	egi_gate_share(&state->gate);
	worker->biased = false;
	egi_recovery_enter(recovery, __builtin_frame_address(0));
	EGI_RECOVERY_CALL_HERE(recovery);
	if (!setjmp(recovery->jump_to))
		egi_recovery_add(recovery, egi_error_make_plain(EG_ERROR_EXITED, EG_EEXITED, NULL, NULL,
								"the task ended its thread"));
	egi_task_end(worker, 0);
	egi_recovery_leave(recovery);
	egi_task_count(worker, state, worker->weight);
	worker->weight = 1;
	return worker;
}

enum egi_worker_end egi_worker_run(struct egi_worker *worker, bool biased,
				   void (*exited)(struct egi_recovery *recovery))
{
	struct eg_group_state *state = worker->state;
	enum egi_worker_end end;

	worker->recovery.origin = egi_task_origin;
	worker->recovery.exited = exited;
	worker->recovery.abort_on_panic = (state->flags & EG_GROUP_ABORT_ON_PANIC) != 0;
	worker->recovery.is_hooks = state->is_hooks;
	worker->biased = biased;
	egi_fault_enter(&worker->recovery, state->faults);
	end = worker_run_recovered(worker);
	egi_fault_leave(&worker->recovery);
	return end;
}
