/* SPDX-License-Identifier: MIT */
/*
 * Most tasks end by returning 0, and nothing here is called. For all others it is, once or, if a deferred call panics,
 * again: what is left then is done with code 0.
 */
#include "runtime/group/task_end.h"

#include "error/call_site.h"
#include "os/annotate.h"
#include "runtime/group/fail.h"
#include "runtime/group/observe.h"

struct egi_error_origin egi_task_origin(struct egi_recovery *recovery)
{
	struct egi_worker *worker = egi_worker_of(recovery);
	uint32_t site;
	uint64_t index;

	if (EGI_UNLIKELY(worker->stolen != NULL)) {
		struct egi_error_origin origin = worker->stolen->origin;

		origin.worker_slot = (int)worker->slot;
		return origin;
	}
	index = egi_claim_current(&worker->claim, &site);
	return (struct egi_error_origin){(int64_t)index, (int)worker->slot, egi_site_find(site)};
}

void egi_stolen_end(struct egi_worker *worker, eg_error *error)
{
	struct egi_stolen *stolen = worker->stolen;
	struct egi_offers *offers = stolen->offers;

	worker->stolen = stolen->outer;
	stolen->offer->error = error;
	egi_annotate_release(stolen->offer);
	/* [C17] release: the error, and what the call did, before its owner goes on; pairs with [C18]. */
	egi_store_release_u32(&stolen->offer->done, 1);
	egi_fence_full(); /* [E2]: that it is done before the look at sleepers */
	egi_event_notify(&offers->joined);
}

/* The task has ended: with a code, with defers to run, or by a panic whose error waits in the recovery. */
static void worker_close_task(struct egi_worker *worker, int code)
{
	struct eg_group_state *state = worker->state;
	struct egi_recovery *recovery = &worker->recovery;
	eg_error *error;

	if (EGI_UNLIKELY(worker->stolen != NULL)) {
		error = egi_recovery_end_task(recovery, code);
		if (!egi_worker_is_forked(worker))
			egi_stolen_end(worker, error);
		else
			eg_error_unref(error);
		return;
	}
	if (code != 0 && !recovery->dirty && !egi_failures_wants(&state->failures)) {
		egi_state_fail_unkept(state);
		return;
	}
	error = egi_recovery_end_task(recovery, code);
	if (egi_worker_is_forked(worker)) {
		eg_error_unref(error);
		return;
	}
	if (error)
		egi_state_fail(state, worker->is_observed ? eg_error_ref(error) : error);
	if (worker->is_observed)
		egi_observe_end(worker, error);
}

EGI_COLD void egi_task_end(struct egi_worker *worker, int code)
{
	worker_close_task(worker, code);
	/* To whoever waits for the group, and to later tasks of the slot: see egi_copy_run. */
	egi_annotate_release(worker->state);
	egi_annotate_release(&worker->recovery);
}
