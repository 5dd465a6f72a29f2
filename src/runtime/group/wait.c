/* SPDX-License-Identifier: MIT */
/*
 * A wait: the caller runs tasks while there are some and it may, and sleeps otherwise, until everything is done.
 *
 * The thread that made a group has it to itself at first, and waits in sections of its bias (state.h); then it is one of
 * several, each of which is a holder of the state until it has seen that everything is done.
 */
#include "runtime/group/wait.h"

#include <errno.h>

#include "os/annotate.h"
#include "os/clock.h"
#include "runtime/group/worker.h"

/* A waiter with nothing to do watches for so long before it sleeps; a sleep and a wake-up cost more. */
#define WATCH_BEFORE_SLEEP (10 * EGI_MICROSECOND)

/* Nothing to do, but something runs: often it ends before a sleep would have begun. */
static bool watch_until_done(struct eg_group_state *state)
{
	int64_t end;

	if (!egi_crew_has_cpus())
		return false;
	end = egi_clock_after(WATCH_BEFORE_SLEEP);
	do {
		for (int i = 0; i < 32; i++)
			egi_stall();
		if (egi_state_unfinished(state) == 0)
			return true;
	} while (!egi_state_has_tasks(state) && eg_clock_now_ns() < end);
	return false;
}

/*
 * The waiter is about to run one of several tasks itself. They may need one another, and threads that cannot be had just
 * now.
 */
static void await_thread(struct eg_group_state *state)
{
	if (egi_hire_shortage_now() != EGI_SHORTAGE_NONE &&
	    egi_gate_has_room(&state->gate) && egi_state_unfinished(state) > 1)
		egi_crew_await_thread();
}

/*
 * Waits as a holder until everything is done. `placed` says whether the caller starts with a place; without
 * `helps` it takes one only when no thread can be had. Returns 0, EG_EUNFINISHED or EG_EFORKED; the caller is still a
 * holder, and has no place.
 */
static int state_wait(struct eg_group_state *state, bool placed, bool helps, int64_t deadline_ns)
{
	for (;;) {
		uint32_t key;
		bool in_time = true;

		if (placed) {
			enum egi_worker_end end;

			await_thread(state);
			end = egi_worker_run(state);
			if (end == EGI_WORKER_FORKED)
				return EG_EFORKED;
			if (end == EGI_WORKER_DRY && egi_gate_leave_place(&state->gate) &&
			    egi_state_has_left_over(state))
				egi_state_call(state, false);
			egi_state_notify_if_done(state);
		}
		if (egi_state_unfinished(state) == 0 || (placed && watch_until_done(state)))
			return 0;
		egi_event_prepare(&state->finished, &key);
		placed = (helps || egi_crew_is_missing()) && egi_state_has_tasks(state) &&
			 egi_gate_take_place(&state->gate);
		if (!placed && egi_state_unfinished(state) != 0) {
			int64_t until_ns = egi_crew_sleeps(deadline_ns);

			in_time = egi_event_wait(&state->finished, key, until_ns) || until_ns < deadline_ns;
		}
		egi_event_finish(&state->finished);
		if (!in_time && egi_state_unfinished(state) != 0)
			return EG_EUNFINISHED;
	}
}

/*
 * What a wait returns once everything is done: the first error's code. What the call says of itself is told apart from
 * what a task may have passed on from a call on another group.
 */
static int result_of(const eg_error *first)
{
	int code = eg_error_code(first);

	switch (code) {
	case EG_EUNFINISHED:
		return -ETIMEDOUT;
	case EG_EINSIDE:
		return -EDEADLK;
	case EG_EFORKED:
		return -EOWNERDEAD;
	default:
		return code;
	}
}

/*
 * What a wait still has to do when everything is done. Another waiter may be faster and destroy the group, so that the
 * state is only looked at while something keeps it: a hold on it, or a section of its owner. What comes afterwards is
 * taken from it before.
 *
 *   waiter                             waiter that destroys
 *   everything is done                 everything is done
 *   [takes what it returns]
 *   gives its hold back
 *                                      destroys, frees the state
 *   cancels the context, returns       frees the group
 */
struct round {
	eg_ctx *ctx; /* to be cancelled, with a reference; or NULL */
	eg_error
	    *error; /* what the group has failed with, with a reference if the caller wants it; or NULL */
	int code;
};

/* The context of a round that is over is over too, unless it is someone else's. */
static eg_ctx *round_ctx(struct eg_group_state *state)
{
	if (!state->ctx || eg_ctx_err(state->ctx) != 0)
		return NULL;
	/* [W7] release: before the context ends [X1]; pairs with [W8]. */
	egi_store_release_u32(&state->over, 1);
	return eg_ctx_ref(state->ctx);
}

static void round_end(struct eg_group_state *state, bool wants_error, struct round *ret_round)
{
	eg_error *first = egi_failures_first(&state->failures);

	egi_annotate_acquire(state);
	ret_round->code = result_of(first);
	ret_round->error = wants_error ? eg_error_ref(first) : NULL;
	ret_round->ctx = NULL;
	egi_state_hide(state);
	if (!state->owns_ctx)
		return;
	egi_mutex_lock(&state->lock);
	ret_round->ctx = round_ctx(state);
	egi_mutex_unlock(&state->lock);
}

/* The same in a section. */
static void round_end_alone(struct eg_group_state *state, bool wants_error, struct round *ret_round)
{
	eg_error *first = state->failures.first;

	egi_annotate_acquire(state);
	ret_round->code = result_of(first);
	ret_round->error = wants_error ? eg_error_ref(first) : NULL;
	egi_state_hide_alone(state);
	ret_round->ctx = state->owns_ctx ? round_ctx(state) : NULL;
}

/* The rest. */
static void round_finish(const struct round *round, int *ret_code, eg_error **ret_error)
{
	if (round->ctx) {
		eg_ctx_cancel(round->ctx, NULL);
		eg_ctx_unref(round->ctx);
	}
	*ret_code = round->code;
	if (ret_error)
		*ret_error = round->error;
}

/*
 * Waits on the thread towards which the group is biased. True: the wait is over, with *ret_err its result. False: others
 * have come, and *ret_placed says whether the caller has a place; *ret_holds, whether it is a holder.
 */
static bool wait_biased(struct eg_group_state *state, bool *ret_placed, bool *ret_holds, bool wants_error,
			struct round *ret_round, int *ret_err)
{
	enum egi_worker_end end = egi_worker_run_biased(state);

	*ret_holds = end == EGI_WORKER_DRY || end == EGI_WORKER_YIELDED;
	*ret_placed = end == EGI_WORKER_DRY;
	switch (end) {
	case EGI_WORKER_DONE:
		round_end_alone(state, wants_error, ret_round);
		egi_gate_end_alone(&state->gate);
		*ret_err = 0;
		return true;
	case EGI_WORKER_INSIDE:
		*ret_err = EG_EINSIDE;
		return true;
	case EGI_WORKER_FORKED:
		*ret_err = EG_EFORKED;
		return true;
	default:
		return false;
	}
}

int egi_wait(struct eg_group_state *state, bool helps, int64_t deadline_ns, int *ret_code,
	     eg_error **ret_error)
{
	bool placed = false, holds = false;
	struct round round;
	int err;

	if (helps && wait_biased(state, &placed, &holds, ret_error != NULL, &round, &err)) {
		if (err == 0)
			round_finish(&round, ret_code, ret_error);
		return err;
	}
	if (!holds) {
		if (egi_recovery_is_inside(state))
			return EG_EINSIDE;
		egi_gate_share(&state->gate);
		placed = egi_gate_enter(&state->gate, helps);
	}
	err = state_wait(state, placed, helps, deadline_ns);
	if (err == EG_EFORKED)
		return err;
	/* Still a holder: another waiter may have destroyed the group by now. */
	if (err == 0)
		round_end(state, ret_error != NULL, &round);
	egi_state_release(state);
	if (err == 0)
		round_finish(&round, ret_code, ret_error);
	return err;
}
