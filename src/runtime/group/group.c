/* SPDX-License-Identifier: MIT */
/*
 * The group: its life from the outside. What happens inside lies below:
 *
 *   go.c        submission, the fast path; go_loop.c: of ranges; submit.c: what asks or waits for room; call.c: calling the crew
 *   wait.c      waiting, and what is left to do when everything is done
 *   stats.c     how far it is, for who asks; progress.c: for who is told, by those who wait; observe.c: what happens
 *   limit.c     how many may run; options.c: what a program may ask for when it makes a group
 *   visit.c     a thread comes to run tasks, and leaves: crew, waiter or submitter
 *   worker.c    the loop that runs tasks; schedule.c: which; fail.c: what their errors do; slot_data.c: what a program has
 *               made for each slot
 *   state.c     all that a group is: gate.c (who is there), slots.c, count.c (when everything is done)
 *   runtime/crew/     the process's threads, and how groups ask for them
 *   runtime/queue/    one submitter's pending tasks, and what a worker has claimed of them
 *   task/panic.c      recovery of a task that gives up
 *
 * A group lives through these states; the first use of an all-zero group makes its state:
 *
 *   zero --init, first use--> open --destroy--> closed --everything done--> zero
 *                              ^ |
 *                        reset +-+ wait: stays open, its context is over
 */
#include "runtime/group/group.h"

#include <string.h>

#include "error/report.h"
#include "fault/mode.h"
#include "os/clock.h"
#include "runtime/group/count.h"
#include "runtime/group/done.h"
#include "runtime/group/fail.h"
#include "runtime/group/observe.h"
#include "runtime/group/options.h"
#include "runtime/group/progress.h"
#include "runtime/group/slot_data.h"
#include "runtime/group/wait.h"

/* Makes the state of an all-zero group on its first use. */
int egi_group_make(eg_group *group, struct eg_group_state **ret_state)
{
	struct eg_group_state *state = egi_state_create(&egi_options_default);

	if (!state)
		return -ENOMEM;
	/* [P2] full: the state before the pointer; pairs with [P1]. Another thread may have been faster. */
	if (!egi_cas_ptr(&group->eg_state, NULL, state)) {
		egi_state_abandon(state);
		return egi_group_find(group, ret_state);
	}
	*ret_state = state;
	return 0;
}

static void context_is_cancelled(struct egi_ctx_watch *watch)
{
	egi_state_halt(EGI_CONTAINER_OF(watch, struct eg_group_state, watch));
}

/* Makes the context for a round's tasks: the parent itself, or one derived from it. */
static int state_make_ctx(const struct eg_group_state *state, eg_ctx **ret_ctx)
{
	if (!state->owns_ctx) {
		*ret_ctx = state->parent;
		return 0;
	}
	return eg_ctx_with_cancel(state->parent, ret_ctx);
}

/* Only what skips tasks, or has submitters wait for room, wants to be told of the context's end. */
static void state_set_ctx(struct eg_group_state *state, eg_ctx *ctx)
{
	bool watches = (state->flags & EG_GROUP_SKIP_UNSTARTED) != 0 || state->backlog != 0;

	state->ctx = ctx;
	egi_ctx_watch_add(watches ? ctx : NULL, &state->watch, context_is_cancelled);
}

static void state_drop_ctx(struct eg_group_state *state)
{
	eg_ctx *ctx = state->ctx;

	if (!ctx)
		return;
	egi_ctx_watch_remove(ctx, &state->watch);
	/* Other waiters may be about to return, or wait for a permit: see round_end, and permit.c. */
	egi_mutex_lock(&state->lock);
	state->ctx = NULL;
	egi_mutex_unlock(&state->lock);
	if (state->owns_ctx)
		eg_ctx_unref(ctx);
}

static void state_drop_parent(struct eg_group_state *state)
{
	if (!state->parent)
		return;
	eg_ctx_unref(state->parent);
	state->parent = NULL;
}

int egi_group_begin(eg_group *group, eg_ctx *parent, const struct eg_group_options *taken)
{
	struct eg_group_state *state;
	eg_ctx *ctx;
	int err = egi_fault_prepare(taken->fault);

	if (err)
		return err;
	state = egi_state_create(taken);
	if (!state)
		return -ENOMEM;
	state->owns_ctx = (taken->flags & EG_GROUP_NO_CANCEL) == 0;
	state->parent = eg_ctx_ref(parent);
	err = state_make_ctx(state, &ctx);
	if (err) {
		state_drop_parent(state);
		egi_state_abandon(state);
		return err;
	}
	state_set_ctx(state, ctx);
	memset(group, 0, sizeof(*group));
	/* [P2] release: the state before the pointer; pairs with [P1]. */
	egi_store_release_ptr(&group->eg_state, state);
	return 0;
}

int eg_group_init(eg_group *group, eg_ctx *parent, const struct eg_group_options *options)
{
	struct eg_group_options taken = egi_options_default;
	int err = group ? 0 : -EINVAL;

	if (!err && options)
		err = egi_options_take(options, &taken);
	return err ? err : egi_group_begin(group, parent, &taken);
}

static int group_wait(eg_group *group, bool helps, int64_t deadline_ns, eg_error **ret_error)
{
	struct eg_group_state *state;
	int err = egi_group_find(group, &state), code;

	if (err || !state)
		return err;
	helps = helps && (state->flags & (EG_GROUP_NO_HELP | EGI_GROUP_PROGRESS)) == 0;
	err = egi_wait(state, helps, deadline_ns, &code, ret_error);
	return err ? err : code;
}

int eg_group_wait(eg_group *group)
{
	return group_wait(group, true, EGI_FOREVER, NULL);
}

int eg_group_wait_until(eg_group *group, int64_t deadline_ns)
{
	return group_wait(group, false, deadline_ns, NULL);
}

int eg_group_pass(eg_group *group)
{
	eg_error *error = NULL;
	int code = group_wait(group, true, EGI_FOREVER, &error);

	(void)eg_fail_with(error);
	return code;
}

eg_error *eg_group_error(const eg_group *group)
{
	struct eg_group_state *state = group ? egi_group_state(group) : NULL;

	return state ? egi_failures_first(&state->failures) : NULL;
}

size_t eg_group_errors(const eg_group *group, size_t max, eg_error **ret_errors)
{
	struct eg_group_state *state;

	if (!ret_errors || egi_group_find(group, &state) || !state)
		return 0;
	return egi_failures_list(&state->failures, max, ret_errors);
}

size_t eg_group_error_count(const eg_group *group)
{
	struct eg_group_state *state;

	return egi_group_find(group, &state) || !state ? 0 : egi_failures_total(&state->failures);
}

int eg_group_report(const eg_group *group, FILE *stream)
{
	struct eg_group_state *state;
	int err = stream ? egi_group_find(group, &state) : -EINVAL;

	return err || !state ? err : egi_report(&state->failures, stream);
}

eg_ctx *eg_group_ctx(const eg_group *group)
{
	struct eg_group_state *state = group ? egi_group_state(group) : NULL;

	return state ? state->ctx : NULL;
}

int eg_group_cancel(eg_group *group, eg_error *cause)
{
	struct eg_group_state *state;
	int err = egi_group_find(group, &state);

	if (err)
		return err;
	if (!state || !state->owns_ctx)
		return -EINVAL;
	return eg_ctx_cancel(state->ctx, cause);
}

int eg_group_fail(eg_group *group, eg_error *error)
{
	struct eg_group_state *state;
	int err;

	if (!error)
		return -EINVAL;
	err = egi_group_open(group, &state);
	if (err)
		return err;
	/* [W2] acquire: pairs with [W1]. */
	if (egi_load_acquire_u32(&state->closed) != 0)
		return -ECANCELED;
	if (egi_failures_wants(&state->failures))
		egi_state_fail(state, eg_error_ref(error));
	else
		egi_state_fail_unkept(state);
	if ((state->flags & EGI_GROUP_OBSERVED) != 0)
		egi_observe_fail(state, error);
	return 0;
}

int eg_group_reset(eg_group *group)
{
	struct eg_group_state *state;
	eg_ctx *ctx;
	int err = egi_group_find(group, &state);

	if (err || !state)
		return err;
	if (!egi_state_is_done(state))
		return -EBUSY;
	err = state_make_ctx(state, &ctx);
	if (err)
		return err;
	egi_done_waited(state, true);
	state_drop_ctx(state);
	egi_state_reset(state);
	/* They may be there still. */
	egi_mutex_lock(&state->lock);
	state_set_ctx(state, ctx);
	egi_mutex_unlock(&state->lock);
	return 0;
}

/* Ends a group with whatever is unfinished in it. Returns 0, EG_EINSIDE or EG_EFORKED. */
static int state_close(struct eg_group_state *state)
{
	int code, err;

	if (egi_recovery_is_inside(state) || egi_progress_is_inside(state))
		return EG_EINSIDE;
	egi_gate_share(&state->gate);
	egi_state_close(state);
	if (state->owns_ctx)
		eg_ctx_cancel(state->ctx, NULL);
	/* [E2] full, by the swap [W5] of egi_state_close: what it says before the look at sleepers. */
	egi_event_notify(&state->room);
	egi_event_notify(&state->finished); /* the same: holds do not count any more */
	err = egi_wait(state, true, EGI_FOREVER, &code, NULL);
	if (!err) /* its tasks have ended, and nobody else may hold it or release it now */
		egi_store_relaxed_u64(&state->released, egi_load_relaxed_u64(&state->held));
	return err;
}

int eg_group_destroy(eg_group *group)
{
	struct eg_group_state *state;
	int err;

	if (!group)
		return 0;
	err = egi_group_find(group, &state);
	if (!err && state) {
		bool ended = egi_state_end_alone(state);

		if (!ended)
			err = state_close(state);
		if (err == EG_EINSIDE)
			return err;
		if (err != EG_EFORKED) {
			/* Which calls the program's functions: they find a group that is closed, and not one that is gone. */
			if (!ended && (state->flags & EGI_GROUP_SLOT_DATA) != 0)
				egi_slot_data_finish(state);
			if (state->owns_ctx)
				eg_ctx_cancel(state->ctx, NULL);
			egi_done_close_fd(state);
			state_drop_ctx(state);
			state_drop_parent(state);
			ended ? egi_state_discard(state) : egi_state_abandon(state);
		}
	}
	memset(group, 0, sizeof(*group));
	return 0;
}

void eg_group_destroyp(eg_group *group)
{
	eg_group_destroy(group);
}
