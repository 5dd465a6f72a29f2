/* SPDX-License-Identifier: MIT */
/*
 * Coming and leaving. A thread takes a place, then a slot; it gives back the slot, then the place. Between its last look for
 * tasks and the moment at which its place is free a submitter may have found the group full, and left its task to this
 * thread. So whoever leaves looks once more, behind a heavy fence:
 *
 *   submitter                          thread that leaves
 *                                      finds no task
 *   puts a task
 *   light fence [G1]
 *   the gate is quiet: goes away
 *                                      its place is free: the gate is not quiet
 *                                      heavy fence [G2]
 *                                      looks again
 *
 * If it finds one it takes a place again, unless somebody else has been faster, who looks in turn. Whoever cannot go on,
 * because its thread ends or there is no memory for a slot, calls the crew.
 */
#include "runtime/group/visit.h"

#include "runtime/group/call.h"
#include "runtime/group/count.h"
#include "runtime/group/done.h"
#include "runtime/group/permit.h"
#include "runtime/group/schedule.h"
#include "runtime/group/worker.h"

/* Leaves the slot. What is still claimed, after a task ended its thread, say, is the next owner's, or a thief's. */
static void slot_leave(struct egi_worker *worker)
{
	egi_permit_return(worker);
	egi_claim_leave(&worker->claim);
	egi_slots_return(&worker->state->slots, worker);
}

/* The thread ended inside a task: by pthread_exit, or cancelled while it helped. It was inside, with a place. */
static void visit_exited(struct egi_recovery *recovery)
{
	struct egi_worker *worker = egi_worker_exit(recovery);
	struct eg_group_state *state;

	if (!worker)
		return;
	state = worker->state;
	slot_leave(worker);
	egi_gate_leave_place(&state->gate);
	if (egi_state_has_left_over(state))
		egi_state_call(state, false);
	egi_permit_dismiss(state);
	egi_state_tell_if_done(state);
	egi_state_release(state);
}

int egi_visit_alone(struct egi_ticket *ticket)
{
	struct eg_group_state *state = ticket->state;
	struct egi_gate *gate = &state->gate;
	struct egi_worker *worker = &state->first_worker;
	enum egi_worker_end end;

	if (!egi_gate_is_mine(gate) || !egi_gate_begin_alone(gate))
		return 0;
	if (egi_gate_is_engaged(gate)) {
		egi_gate_end_alone(gate);
		return EG_EINSIDE;
	}
	ticket->alone = EGI_LIKELY(!egi_queue_has_loops(&state->first_queue))
			    ? !egi_claim_refill_alone(&worker->claim, &state->first_queue)
			    : !egi_find_first_looping(worker);
	if (ticket->alone)
		return 0;
	/* The first slot, and with it the place that the gate is going to show should the group be shared. */
	egi_slots_take_alone(&state->slots);
	egi_gate_engage_alone(gate, true);
	egi_gate_end_alone(gate);
	end = egi_worker_run(worker, true, visit_exited);
	if (end == EGI_WORKER_FORKED)
		return EG_EFORKED;
	ticket->alone = worker->biased && egi_gate_begin_alone(gate);
	if (ticket->alone) {
		egi_claim_leave_alone(&worker->claim);
		egi_slots_return_alone(&state->slots);
		egi_gate_engage_alone(gate, false);
		return 0;
	}
	egi_gate_share(gate);
	ticket->inside = true;
	/* The slot is given up last: the worker may be another thread's from then on. */
	slot_leave(worker);
	ticket->placed = end != EGI_WORKER_YIELDED || !egi_gate_yield_place(gate);
	return 0;
}

void egi_visit_enter(struct egi_ticket *ticket, bool wants_place)
{
	egi_gate_share(&ticket->state->gate);
	ticket->placed = egi_gate_enter(&ticket->state->gate, wants_place);
	ticket->inside = true;
}

/* Whether tasks find somebody who waits for them anyway, or have to have somebody called. */
static void visit_note(struct eg_group_state *state, bool is_helped)
{
	/* Nothing is ordered, and nearly always it is so already. */
	if (egi_load_relaxed_u32(&state->is_helped) != is_helped)
		egi_store_relaxed_u32(&state->is_helped, is_helped);
}

/* Works in a slot, or in one after the other. DRY: the caller still has its place; YIELDED: it has not. */
static enum egi_worker_end visit_work(const struct egi_ticket *ticket, bool *ret_has_slot)
{
	struct eg_group_state *state = ticket->state;
	enum egi_worker_end end;

	do {
		struct egi_worker *worker = egi_slots_take(&state->slots, state);
		uint64_t done;

		*ret_has_slot = worker != NULL;
		if (!worker)
			return EGI_WORKER_DRY;
		egi_find_begin(worker);
		done = worker->done;
		end = egi_worker_run(worker, false, visit_exited);
		if (end == EGI_WORKER_FORKED)
			return end;
		if (worker->done != done)
			visit_note(state, !ticket->answers);
		slot_leave(worker);
	} while (end == EGI_WORKER_YIELDED && !egi_gate_yield_place(&state->gate));
	return end;
}

bool egi_visit_run(struct egi_ticket *ticket)
{
	struct eg_group_state *state = ticket->state;

	while (ticket->placed) {
		bool has_slot;
		enum egi_worker_end end = visit_work(ticket, &has_slot);

		if (end == EGI_WORKER_FORKED)
			return false;
		ticket->placed = false;
		/* A group that is too full is quiet, and those who are left look when they leave. */
		if (end == EGI_WORKER_YIELDED)
			break;
		if ((!egi_gate_leave_place(&state->gate) && !ticket->answers) ||
		    !egi_state_has_left_over(state))
			break;
		if (has_slot) {
			ticket->placed = egi_gate_take_place(&state->gate);
			continue;
		}
		/* Somebody else comes, when there may be memory; and waiters, who may have none either, look for themselves. */
		egi_state_call(state, false);
		egi_event_notify(&state->finished);
	}
	egi_permit_dismiss(state);
	egi_state_tell_if_done(state);
	return true;
}

void egi_visit_leave(struct egi_ticket *ticket)
{
	if (ticket->alone)
		egi_gate_end_alone(&ticket->state->gate);
	else if (ticket->inside)
		egi_state_release(ticket->state);
}

void egi_visit_help(struct eg_group_state *state)
{
	struct egi_ticket ticket = {.state = state};

	egi_visit_enter(&ticket, true);
	if (egi_visit_run(&ticket))
		egi_visit_leave(&ticket);
}

void egi_visit_serve(struct eg_group_state *state)
{
	struct egi_ticket ticket = {.state = state, .inside = true, .placed = true, .answers = true};

	(void)egi_visit_run(&ticket);
}
