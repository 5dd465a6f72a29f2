/* SPDX-License-Identifier: MIT */
/*
 * A wait: the caller runs tasks while there are some and it may, and sleeps otherwise, until everything is done.
 *
 * A waiter is a visitor (visit.h): the thread that made the group alone at first, any other inside. When everything is done
 * it still has to end the round, while its ticket keeps the state.
 */
#include "runtime/group/wait.h"

#include <errno.h>

#include "os/annotate.h"
#include "os/clock.h"
#include "runtime/group/call.h"
#include "runtime/group/count.h"
#include "runtime/group/done.h"
#include "runtime/group/permit.h"
#include "runtime/group/progress.h"
#include "runtime/group/visit.h"

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
		if (egi_state_is_done(state))
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
	if (egi_hire_shortage_now() != EGI_SHORTAGE_NONE && egi_gate_has_room(&state->gate) &&
	    egi_state_unfinished(state) > 1)
		egi_crew_await_thread();
}

/*
 * Waits inside until everything is done. Without `helps` the caller takes a place only when no thread can be had. Returns 0,
 * EG_EUNFINISHED or EG_EFORKED.
 */
static int wait_inside(struct egi_ticket *ticket, bool helps, int64_t deadline_ns)
{
	struct eg_group_state *state = ticket->state;

	for (;;) {
		uint32_t key;
		int64_t wakes_ns = deadline_ns;
		bool worked = ticket->placed, in_time = true;

		if (worked) {
			await_thread(state);
			if (!egi_visit_run(ticket))
				return EG_EFORKED;
		}
		if (egi_state_is_done(state) || (worked && watch_until_done(state)))
			return 0;
		/* Whoever helps is about to destroy the group. */
		if (EGI_UNLIKELY((state->flags & EGI_GROUP_PROGRESS) != 0) && !helps)
			wakes_ns = egi_progress_tell(state, deadline_ns);
		egi_event_prepare(&state->finished, &key);
		ticket->placed = (helps || (egi_crew_is_missing() && egi_permit_is_free(state))) &&
				 egi_state_has_tasks(state) && egi_gate_take_place(&state->gate);
		if (!ticket->placed && !egi_state_is_done(state)) {
			int64_t until_ns = egi_crew_sleeps(wakes_ns);

			egi_permit_lend();
			in_time = egi_event_wait(&state->finished, key, until_ns) || until_ns < deadline_ns;
		}
		egi_event_finish(&state->finished);
		if (!in_time && !egi_state_is_done(state))
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
 * state is only looked at while the ticket keeps it. What comes afterwards is taken from it before.
 *
 *   waiter                             waiter that destroys
 *   everything is done                 everything is done
 *   [takes what it returns]
 *   gives its hold back
 *                                      destroys, frees the state
 *   cancels the context, returns       frees the group
 */
struct round {
	eg_ctx *ctx;     /* to be cancelled, with a reference; or NULL */
	eg_error *error; /* what the group has failed with, with a reference; or NULL */
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

static void round_end(const struct egi_ticket *ticket, struct round *ret_round)
{
	struct eg_group_state *state = ticket->state;
	eg_error *first;

	egi_annotate_acquire(state);
	/* What is done by then the descriptor does not tell of again: its errors are there. */
	if (!ticket->alone)
		egi_done_waited(state, true);
	first = egi_failures_first(&state->failures);
	ret_round->code = EGI_LIKELY(!first) ? 0 : result_of(first);
	ret_round->error = eg_error_ref(first);
	ret_round->ctx = NULL;
	egi_state_hide(state, ticket->alone);
	if (!state->owns_ctx)
		return;
	if (!ticket->alone)
		egi_mutex_lock(&state->lock);
	ret_round->ctx = round_ctx(state);
	if (!ticket->alone)
		egi_mutex_unlock(&state->lock);
}

/* The rest. */
static void round_finish(const struct round *round, int *ret_code, eg_error **ret_error)
{
	if (round->ctx) {
		/* An error that has not halted the group is the cause all the same. */
		eg_ctx_cancel(round->ctx, round->error);
		eg_ctx_unref(round->ctx);
	}
	*ret_code = round->code;
	if (ret_error)
		*ret_error = round->error;
	else
		eg_error_unref(round->error);
}

/* Waits until everything is done, by whatever ticket. With any other return than 0 or EG_EUNFINISHED it is empty. */
static int wait_until_done(struct egi_ticket *ticket, bool helps, int64_t deadline_ns)
{
	struct eg_group_state *state = ticket->state;
	int err = helps ? egi_visit_alone(ticket) : 0;

	if (err || ticket->alone)
		return err;
	if (!ticket->inside) {
		if (egi_recovery_is_inside(state) || egi_progress_is_inside(state))
			return EG_EINSIDE;
		egi_visit_enter(ticket, helps);
	}
	err = wait_inside(ticket, helps, deadline_ns);
	if (!err && EGI_UNLIKELY((state->flags & EGI_GROUP_TELLS) != 0))
		egi_progress_end(state);
	return err;
}

int egi_wait(struct eg_group_state *state, bool helps, int64_t deadline_ns, int *ret_code,
	     eg_error **ret_error)
{
	struct egi_ticket ticket = {.state = state};
	struct round round;
	int err = wait_until_done(&ticket, helps, deadline_ns);

	if (err && err != EG_EUNFINISHED)
		return err;
	if (!err)
		round_end(&ticket, &round);
	else
		egi_done_waited(state, false);
	egi_visit_leave(&ticket);
	if (!err)
		round_finish(&round, ret_code, ret_error);
	/* A task that called, and whose place may have been lent in here: by a task of a group that has stayed this thread's alone, too. */
	if (EGI_UNLIKELY(egi_thread_self.recovery != NULL))
		egi_permit_resume();
	return err;
}
