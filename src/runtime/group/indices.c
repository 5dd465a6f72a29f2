/* SPDX-License-Identifier: MIT */
/*
 * What is claimed of a loop is run by loops of its own, so that the one for single tasks (worker.c) is as short as it
 * was. They do the same for every call: they take the next unit from the claim, look at the word that asks something of
 * all workers, call, count. A call counts for as many tasks as it has indices, however it ends; where a panic lands they
 * are on the worker.
 */
#include "runtime/group/indices.h"

#include "context/tree.h"
#include "os/annotate.h"
#include "os/exception.h"
#include "runtime/group/options.h"
#include "runtime/group/schedule.h"
#include "runtime/group/task_end.h"
#include "task/live.h"

/* What the submitter did, and the slot's tasks before: see egi_submit_loop and egi_task_end. */
static void indices_begin(const struct egi_worker *worker)
{
	egi_annotate_acquire(&worker->claim.queue->loops);
	egi_annotate_acquire(&worker->recovery);
}

/* Claims more. False, and why, if there is nothing for the loop of this kind: none at all, or something of another kind. */
static bool indices_find(struct egi_worker *worker, bool is_each, enum egi_worker_end *ret_end)
{
	const struct egi_claim *claim = &worker->claim;

	*ret_end = EGI_WORKER_DRY;
	if (worker->biased ? !egi_find_more_biased(worker) : !egi_find_more(worker))
		return false;
	*ret_end = EGI_WORKER_TURNED;
	if (worker->stolen || !egi_claim_is_loop(claim) || (claim->body.kind == EGI_LOOP_EACH) != is_each)
		return false;
	indices_begin(worker);
	return true;
}

/* The index that has been taken; or the next of the claim, or of another that is found; if it is to be started. */
static EGI_COLD uint32_t indices_next(struct egi_worker *worker, uint32_t at, enum egi_worker_end *ret_end)
{
	while (at == EGI_CLAIM_NONE && (at = egi_claim_advance(&worker->claim)) == EGI_CLAIM_NONE)
		if (!indices_find(worker, true, ret_end))
			return at;
	*ret_end = EGI_WORKER_STARTS;
	if (egi_load_relaxed_u32(&worker->state->attention) != 0)
		*ret_end = egi_attend(worker);
	return at;
}

/*
 * Calls for one index after the other. With `looks`, as in every loop of one call (batch/run.c), there is nothing to see
 * to while the workers are asked for no more than to look at the context, and that is not over. It is looked at with an
 * index in hand: once the last one is counted the group may be destroyed, and its context with it. `careful` where there
 * is more to do at the end of each: somebody may wait for room, or a tool that looks for data races is told
 * (os/annotate.h), and every call is ended as one that has left something to do.
 */
static inline __attribute__((always_inline)) enum egi_worker_end run_each(struct egi_worker *worker,
									  bool looks, bool careful)
{
	struct eg_group_state *state = worker->state;
	struct egi_recovery *recovery = &worker->recovery;
	struct egi_claim *claim = &worker->claim;
	const int annotates = careful && egi_annotates();

	EGI_RECOVERY_CALL_HERE(recovery);
	for (;;) {
		uint32_t attention = egi_load_relaxed_u32(&state->attention);
		uint32_t at =
		    egi_claim_advance_quick(claim, looks ? attention ^ EGI_ATTENTION_LOOK : attention);
		int code;

		if (EGI_UNLIKELY(at == EGI_CLAIM_NONE) ||
		    (looks && EGI_UNLIKELY(egi_ctx_may_be_over(state->ctx)))) {
			enum egi_worker_end end;

			at = indices_next(worker, at, &end);
			EGI_RECOVERY_CALL_HERE(recovery);
			if (end == EGI_WORKER_PASSES)
				continue;
			if (end != EGI_WORKER_STARTS)
				return end;
		}
		EGI_CALL_PROGRAM(code =
				     claim->body.fn.each(state->ctx, claim->body.arg, claim->sequence + at));
		if (EGI_UNLIKELY((code | recovery->dirty | annotates) != 0)) {
			egi_task_end(worker, code);
			if (egi_worker_is_forked(worker))
				return EGI_WORKER_FORKED;
		}
		if (careful)
			egi_task_count(worker, state, 1);
		else
			egi_task_count_quick(worker, 1);
	}
}

static EGI_LIVE_CALLER enum egi_worker_end indices_run_each(struct egi_worker *worker)
{
	return run_each(worker, false, false);
}

static EGI_LIVE_CALLER enum egi_worker_end indices_run_each_looking(struct egi_worker *worker)
{
	return run_each(worker, true, false);
}

static EGI_LIVE_CALLER enum egi_worker_end indices_run_each_carefully(struct egi_worker *worker)
{
	return run_each(worker, false, true);
}

static EGI_LIVE_CALLER enum egi_worker_end indices_run_pieces(struct egi_worker *worker)
{
	struct eg_group_state *state = worker->state;
	struct egi_recovery *recovery = &worker->recovery;
	struct egi_claim *claim = &worker->claim;
	const int annotates = egi_annotates();

	EGI_RECOVERY_CALL_HERE(recovery);
	for (;;) {
		uint64_t begin, indices = egi_claim_next_piece(claim, &begin);
		enum egi_worker_end end;
		int code;

		if (EGI_UNLIKELY(indices == 0)) {
			if (indices_find(worker, false, &end))
				continue;
			return end;
		}
		worker->weight = indices;
		if (EGI_UNLIKELY(egi_load_relaxed_u32(&state->attention) != 0)) {
			end = egi_attend(worker);
			EGI_RECOVERY_CALL_HERE(recovery);
			if (end == EGI_WORKER_PASSES)
				continue;
			if (end != EGI_WORKER_STARTS)
				return end;
		}
		EGI_CALL_PROGRAM(
		    code = claim->body.fn.piece(state->ctx, claim->body.arg, begin, begin + indices));
		if (EGI_UNLIKELY((code | recovery->dirty | annotates) != 0)) {
			egi_task_end(worker, code);
			if (egi_worker_is_forked(worker))
				return EGI_WORKER_FORKED;
		}
		egi_task_count(worker, state, indices);
	}
}

/* Whether the workers are asked to look at the context before each start, and at nothing else: not at errors, either. */
static bool state_looks(const struct eg_group_state *state)
{
	return (state->flags & (EG_GROUP_SKIP_UNSTARTED | EGI_GROUP_STOPS)) == EG_GROUP_SKIP_UNSTARTED;
}

static enum egi_worker_end run_claim(struct egi_worker *worker)
{
	const struct eg_group_state *state = worker->state;
	enum egi_worker_end end;

	if (worker->claim.body.kind == EGI_LOOP_EACH) {
		if (state->backlog != 0 || egi_annotates())
			return indices_run_each_carefully(worker);
		return state_looks(state) ? indices_run_each_looking(worker) : indices_run_each(worker);
	}
	end = indices_run_pieces(worker);
	worker->weight = 1;
	return end;
}

enum egi_worker_end egi_indices_run(struct egi_worker *worker)
{
	enum egi_worker_end end;

	do {
		indices_begin(worker);
		end = run_claim(worker);
	} while (end == EGI_WORKER_TURNED && !worker->stolen && egi_claim_is_loop(&worker->claim));
	return end;
}
