/* SPDX-License-Identifier: MIT */
/*
 * A thief's call is a part of the task that has offered it. It has that task's index in its errors, and is not counted; but the
 * slot, and the slot's data, are the thief's. A panic in it ends the call, and goes on where the owner waits.
 *
 * Who waits, and helps, runs other parts of its own task on top of its stack, under its own recovery, from which all that
 * belongs to the call below is put aside (egi_recovery_begin_inner). If such a part ends the thread, the frames of the calls
 * further out go as well, one after the other, and what they have offered must not be run any longer than they are there. So
 * each such frame has a routine that the unwinder calls before it goes:
 *
 *   pthread_exit, in a part that was taken from thread B
 *   run_inner       inner_judge: the part has ended; B may go on
 *   egi_join
 *   eg_both         egi_join_exiting: waits for B, which has what this one has offered
 *   the task
 *   the worker      the task has ended its thread
 */
#include "runtime/group/join.h"

#include "fault/mode.h"
#include "os/annotate.h"
#include "os/clock.h"
#include "os/exception.h"
#include "runtime/group/call.h"
#include "runtime/group/slot_data.h"
#include "runtime/group/task_end.h"
#include "task/live.h"

/* Who waits watches for so long before it sleeps; a sleep and a wake-up cost more. */
#define WATCH_BEFORE_SLEEP (20 * EGI_MICROSECOND)

/*
 * Telling
 */

/* Whoever waits for something that this worker runs, and has found nothing to do meanwhile. */
static void feed(struct egi_worker *worker)
{
	egi_store_relaxed_u32(&worker->hungry, 0);
	egi_fence_full(); /* [E2]: the offer before the look at sleepers */
	for (struct egi_stolen *stolen = worker->stolen; stolen; stolen = stolen->outer)
		egi_event_notify(&stolen->offers->joined);
}

EGI_COLD void egi_offers_tell(struct egi_worker *worker)
{
	struct eg_group_state *state = worker->state;

	if (egi_worker_is_forked(worker))
		return;
	if (egi_load_relaxed_u32(&worker->hungry) != 0)
		feed(worker);
	if (egi_gate_is_mine(&state->gate))
		egi_state_tell(state, &state->first_queue);
	else if (!egi_gate_is_quiet(&state->gate))
		egi_state_call(state, false);
}

/*
 * Thieves
 */

EGI_LIVE_CALLER bool egi_stolen_run(struct egi_worker *worker)
{
	const struct egi_offer *offer = worker->stolen->offer;
	int code = 0;

	egi_annotate_acquire(offer);
	worker->weight = 0;
	if ((egi_load_relaxed_u32(&worker->state->attention) & EGI_ATTENTION_DATA) != 0 && !worker->has_data)
		code = egi_slot_data_make(worker);
	EGI_RECOVERY_CALL_HERE(&worker->recovery);
	if (code == 0 && !egi_worker_is_forked(worker))
		EGI_CALL_PROGRAM(code = offer->fn(offer->ctx, offer->arg));
	egi_task_end(worker, code);
	worker->weight = 1;
	return !egi_worker_is_forked(worker);
}

/*
 * Owners
 */

/* The worker that runs what it has taken while it waited: of the calling thread, the innermost. NULL: none does. */
static struct egi_worker *inner_find(void)
{
	for (struct egi_recovery *recovery = egi_thread_self.recovery; recovery; recovery = recovery->outer) {
		struct egi_worker *worker = egi_worker_of(recovery);

		if (worker->stolen && worker->stolen->aside)
			return worker;
	}
	return NULL;
}

/* Its deferred calls are made with the others of the task that has ended its thread. */
static void inner_exited(struct egi_worker *worker)
{
	struct egi_recovery *recovery = &worker->recovery;
	eg_error *error;

	egi_recovery_add(recovery, egi_error_make_plain(EG_ERROR_EXITED, EG_EEXITED, NULL, NULL,
							"the task ended its thread"));
	error = recovery->failure;
	eg_error_unref(recovery->message);
	egi_recovery_leave_inner(recovery, worker->stolen->aside);
	recovery->dirty = true;
	worker->weight = worker->stolen->weight;
	egi_stolen_end(worker, error);
}

static _Unwind_Reason_Code inner_judge(int version, _Unwind_Action actions, _Unwind_Exception_Class kind,
				       struct _Unwind_Exception *exception, struct _Unwind_Context *context)
{
	struct egi_worker *worker;

	if ((actions & _UA_SEARCH_PHASE) != 0)
		return egi_exception_judge(version, actions, kind, exception, context);
	worker = inner_find();
	if (worker && !egi_worker_is_forked(worker))
		inner_exited(worker);
	return _URC_CONTINUE_UNWIND;
}

/* Not inlined into a frame to which a jump returns. */
static EGI_LIVE_CALLER int inner_call(struct egi_worker *worker)
{
	const struct egi_offer *offer = worker->stolen->offer;
	int code;

	egi_annotate_acquire(offer);
	EGI_RECOVERY_CALL_HERE(&worker->recovery);
	EGI_CALL_JUDGED(inner_judge, code = offer->fn(offer->ctx, offer->arg));
	return code;
}

/* The frame to which a panic of such a call returns. */
static EGI_LIVE_CALLER eg_error *inner_call_recovered(struct egi_worker *worker)
{
	int code = 0;

	if (setjmp(worker->recovery.jump_to)) {
		EGI_RECOVERY_CALL_HERE(&worker->recovery);
		egi_fault_close();
		return egi_recovery_end_inner(&worker->recovery, 0);
	}
	code = inner_call(worker);
	EGI_RECOVERY_CALL_HERE(&worker->recovery);
	return egi_recovery_end_inner(&worker->recovery, code);
}

/* Runs what was taken on top of the task that waits. */
static EGI_NOINLINE void run_inner(struct egi_worker *worker, struct egi_stolen *stolen)
{
	struct egi_recovery_aside aside;
	eg_error *error;

	stolen->outer = worker->stolen;
	/* cppcheck-suppress autoVariables ; it is gone from there when this returns */
	stolen->aside = &aside;
	stolen->weight = worker->weight;
	stolen->base = worker->offers->top;
	worker->stolen = stolen;
	worker->weight = 0;
	egi_recovery_begin_inner(&worker->recovery, &aside, __builtin_frame_address(0));
	error = inner_call_recovered(worker);
	egi_recovery_leave_inner(&worker->recovery, &aside);
	worker->weight = stolen->weight;
	if (EGI_LIKELY(!egi_worker_is_forked(worker))) {
		egi_stolen_end(worker, error);
		return;
	}
	worker->stolen = stolen->outer;
	eg_error_unref(error);
}

/* Whether the offer is done: looks for something to do meanwhile, and then sleeps until there is. */
static bool join_turn(struct egi_worker *worker, struct egi_offer *offer, bool helps)
{
	struct egi_event *joined = &worker->offers->joined;
	struct egi_worker *thief = offer->thief;
	struct egi_stolen stolen;
	int64_t end = egi_clock_after(WATCH_BEFORE_SLEEP);
	bool may_look_again = egi_crew_has_cpus(), seen = !may_look_again;
	uint32_t key;

	do {
		for (int i = 0; i < 32; i++)
			egi_stall();
		if (egi_load_acquire_u32(&offer->done) != 0) /* [C18] acquire: pairs with [C17] */
			return true;
		/* What is gone at the second look is not worth a theft. */
		if (helps && egi_offers_has(egi_worker_offers(thief))) {
			if (seen && egi_offers_steal(egi_worker_offers(thief), &thief->recovery, worker,
						     &offer->done, &stolen)) {
				run_inner(worker, &stolen);
				return false;
			}
			seen = true;
		}
	} while (may_look_again && eg_clock_now_ns() < end);
	egi_event_prepare(joined, &key);
	if (helps) {
		egi_store_relaxed_u32(&thief->hungry, 1);
		egi_fence_heavy(); /* [C19] hungry before the look at what is offered; pairs with [C20] */
	}
	/* [C18] acquire: pairs with [C17]. */
	if (egi_load_acquire_u32(&offer->done) == 0 && !(helps && egi_offers_has(egi_worker_offers(thief))))
		(void)egi_event_wait(joined, key, egi_crew_sleeps(EGI_FOREVER));
	egi_event_finish(joined);
	return false;
}

eg_error *egi_join(struct egi_worker *worker, uint32_t at, bool helps)
{
	struct egi_offers *offers = worker->offers;
	struct egi_offer *offer = &offers->offers[at];
	eg_error *error;

	/* Its place is kept. */
	egi_store_release_u32(&offers->top, at + 1); /* [C11] release: nothing is open there */
	while (!join_turn(worker, offer, helps))
		/* By what it has run meanwhile. */
		if (egi_worker_is_forked(worker))
			return NULL;
	egi_annotate_acquire(offer);
	error = offer->error;
	egi_store_release_u32(&offers->top, at); /* [C11] release: nothing is open there */
	egi_offers_settle(offers, at);
	return error;
}

/* The innermost one of the calling thread's offers, above those of which the calls are still running, is closed. */
EGI_COLD void egi_join_exiting(void)
{
	for (struct egi_recovery *recovery = egi_thread_self.recovery; recovery; recovery = recovery->outer) {
		struct egi_worker *worker = egi_worker_of(recovery);
		uint32_t base = worker->stolen ? worker->stolen->base : 0;
		struct egi_offers *offers = worker->offers;

		if (!offers || offers->top == base || egi_worker_is_forked(worker))
			continue;
		if (!egi_offers_take_back(offers, offers->top - 1))
			eg_error_unref(egi_join(worker, offers->top, false));
		return;
	}
}
