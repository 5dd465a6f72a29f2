/* SPDX-License-Identifier: MIT */
/*
 * A group fails: by its tasks, or from outside.
 *
 * Errors are numbered as they are recorded, so one of them is the n-th, however many come at once, and whoever has recorded it
 * halts the group. In this order:
 *
 *   the error is recorded       nothing that is woken below can come before it
 *   no task starts any more     EG_HALT_NOW, EG_HALT_SOON: a bit of `attention`
 *   the context is cancelled    EG_HALT_CANCEL, EG_HALT_NOW: with the first error as the cause, which is what a wait returns
 *   the task is counted         by the worker, afterwards: a wait that is over has all of it behind it, and so has a reset
 *
 * Between the first two a task may see the n-th error, and return; so a worker of such a group looks at the errors itself
 * before it starts another (egi_state_has_failed_enough).
 *
 * Errors of skipped tasks are counted in the same number. They come when no task starts any more, and then there is nothing
 * left to halt that is not over: the n-th error is never one of them where it matters.
 */
#include "runtime/group/fail.h"

#include "runtime/group/options.h"

static EGI_COLD void state_halt(struct eg_group_state *state)
{
	if (state->flags & EGI_GROUP_STOPS)
		egi_state_stop(state);
	if (state->halt != EG_HALT_SOON && state->owns_ctx)
		eg_ctx_cancel(state->ctx, egi_failures_first(&state->failures));
}

/* An error has been recorded, and is so many. */
static void state_note_failure(struct eg_group_state *state, uint64_t number)
{
	if (number - 1 == state->halt_after && state->halt != EG_HALT_NEVER)
		state_halt(state);
}

void egi_state_fail(struct eg_group_state *state, eg_error *error)
{
	state_note_failure(state, egi_failures_add(&state->failures, error));
}

void egi_state_fail_unkept(struct eg_group_state *state)
{
	state_note_failure(state, egi_failures_count(&state->failures, 1));
}

/* The first error can be seen before it is counted; the others cannot. */
static bool errors_are_enough(const struct eg_group_state *state)
{
	if (state->halt_after == 0)
		return egi_failures_first(&state->failures) != NULL;
	return egi_failures_total(&state->failures) > state->halt_after;
}

bool egi_state_has_failed_enough(struct eg_group_state *state)
{
	if ((state->flags & EGI_GROUP_STOPS) == 0 || !errors_are_enough(state))
		return false;
	egi_state_stop(state);
	return true;
}
