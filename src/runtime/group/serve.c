/* SPDX-License-Identifier: MIT */
#include "runtime/group/serve.h"

#include "runtime/group/worker.h"

static struct eg_group_state *state_of(struct egi_post *post)
{
	return EGI_CONTAINER_OF(post, struct eg_group_state, post);
}

static bool customer_enlist(struct egi_post *post)
{
	struct eg_group_state *state = state_of(post);
	uint64_t gate = egi_load_relaxed_u64(&state->gate), next;
	bool placed;

	do {
		placed = egi_gate_has_room(gate) && (gate & EGI_GATE_DEAD) == 0;
		next = gate & ~EGI_GATE_POSTED;
		if (placed)
			next += EGI_GATE_RUNNING_ONE + EGI_GATE_HOLDERS_ONE;
	} while (!egi_cas_u64(&state->gate, &gate, next)); /* [J6] full: pairs with [J1], [B8], [J8] */
	/* The task that the thread is about to take does not show that the group moves without it. */
	if (placed)
		state->seen_moves++;
	return placed;
}

static enum egi_post_look customer_look(struct egi_post *post, bool spare_cpu)
{
	struct eg_group_state *state = state_of(post);
	struct egi_slots_walk walk = {&state->slots, 0};
	struct egi_worker *worker;
	uint64_t moves = 0, submitted = 0;
	bool moved, fed;

	if (!egi_state_has_tasks(state))
		return EGI_POST_DONE;
	while ((worker = egi_slots_next(&walk)) != NULL)
		moves += egi_load_acquire_u64(&worker->done); /* [J12] a hint: compared with the last look */
	/* [J5] acquire: pairs with [Q2]. */
	for (struct egi_queue *queue = egi_load_acquire_ptr(&state->queues); queue; queue = queue->next) {
		moves += egi_queue_taken(queue);
		submitted += egi_queue_submitted(queue);
	}
	moved = moves != state->seen_moves;
	fed = submitted != state->seen_submitted;
	state->seen_moves = moves;
	state->seen_submitted = submitted;
	if (!moved)
		return EGI_POST_STUCK;
	/* The submitter has gone quiet, and its CPU may be free. */
	return !fed && spare_cpu ? EGI_POST_SLOW : EGI_POST_MOVING;
}

static bool customer_retire(struct egi_post *post)
{
	struct eg_group_state *state = state_of(post);

	/* A submitter may have relied on the post just before. */
	egi_gate_unpost(&state->gate);
	return egi_state_has_left_over(state) && egi_gate_post(&state->gate, true);
}

static void customer_abandon(struct egi_post *post)
{
	/* [E2] full, by the post in the gate: what may want to help is awake to look at the crew. */
	egi_event_notify(&state_of(post)->finished);
	egi_event_notify(&state_of(post)->room);
}

static void customer_serve(struct egi_post *post)
{
	struct eg_group_state *state = state_of(post);

	do {
		enum egi_worker_end end = egi_worker_run(state);

		if (end == EGI_WORKER_FORKED)
			return;
		if (end == EGI_WORKER_NO_SLOT) {
			egi_event_notify(&state->finished);
			break;
		}
		if (end == EGI_WORKER_DRY)
			egi_state_leave_place(state);
		/* The post was taken down for this thread, and submitters relied on it. */
	} while (egi_state_has_left_over(state) && egi_state_take_place(state));
	egi_state_notify_if_done(state);
}

static void customer_leave(struct egi_post *post)
{
	egi_state_release(state_of(post));
}

static bool customer_is_over(struct egi_post *post)
{
	return egi_state_unfinished(state_of(post)) == 0;
}

/* May meet a state that is no group's, or another's than was shown: it reads nothing but what is always there. */
static enum egi_post_glance customer_glance(struct egi_post *post)
{
	struct eg_group_state *state = state_of(post);
	uint64_t life = egi_load_acquire_u64(&state->life); /* [J4] acquire: pairs with [J3] */

	uint64_t gate = egi_load_acquire_u64(&state->gate); /* [J2] acquire: pairs with [J1], [B8] */

	/* Nobody may come; a worker that leaves, or whoever raises the limit, sees to the tasks that are left. */
	if ((gate & EGI_GATE_BIASED) == 0 && egi_gate_is_quiet(gate))
		return EGI_POST_NOTHING;
	if (!egi_queue_has_tasks(&state->first_queue) && !egi_claim_has_tasks(&state->first_worker.claim))
		return EGI_POST_NOTHING;
	if (state->seen_life == life)
		return EGI_POST_OLD;
	state->seen_life = life;
	return EGI_POST_NEW;
}

static enum egi_post_adoption customer_adopt(struct egi_post *post)
{
	struct eg_group_state *state = state_of(post);

	if (!egi_state_try_share(state))
		return EGI_POST_BUSY;
	return egi_gate_post(&state->gate, false) ? EGI_POST_ADOPTED : EGI_POST_LEFT;
}

const struct egi_post_customer egi_customer = {
    .enlist = customer_enlist,
    .look = customer_look,
    .retire = customer_retire,
    .abandon = customer_abandon,
    .serve = customer_serve,
    .leave = customer_leave,
    .is_over = customer_is_over,
    .glance = customer_glance,
    .adopt = customer_adopt,
};
