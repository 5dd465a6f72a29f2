/* SPDX-License-Identifier: MIT */
/*
 * Whoever ends the last task, or gives back the last hold, looks whether somebody sleeps, and then whether everything is done.
 *
 * The descriptor is one more who sleeps, from the moment at which it is made: so nobody asks for it who finds no sleeper. It is
 * made before it is counted as a sleeper, and then whoever makes it looks for itself:
 *
 *     makes the descriptor               ends the last task
 *                                        counts it; nobody sleeps: tells nobody
 *     opens it, sleepers = 1
 *     looks: everything is done: raises it
 *
 * Without the look it would never be readable.
 *
 * It is raised once for what was submitted, and not again when a wait has returned for that. The one who tells may be late:
 *
 *     ends the last task                 event loop
 *     counts it
 *                                        waits, finds everything done, lowers the descriptor
 *                                        submits more
 *     raises it
 *
 * So it is raised only if more was submitted than when a wait last lowered it, and all of that is done, under the lock. What
 * was submitted is read first: who sees less than there is leaves it to those who end the rest.
 */
#include "runtime/group/done.h"

#include "runtime/group/count.h"

/* Under lock. */
static void fd_raise_if_done(struct eg_group_state *state)
{
	uint64_t submitted = egi_state_submitted(state);

	if (state->done_fd.read < 0 || state->done_fd_raised || submitted == state->done_fd_waited ||
	    !egi_state_is_done(state))
		return;
	state->done_fd_raised = true;
	egi_ctx_fd_raise_once(state->done_fd.write);
}

static EGI_COLD void fd_tell(struct eg_group_state *state)
{
	egi_mutex_lock(&state->lock);
	fd_raise_if_done(state);
	egi_mutex_unlock(&state->lock);
}

/* A hint for those who come when it is there already; who misses it was in time. */
static bool has_fd(const struct eg_group_state *state)
{
	return egi_load_relaxed_u32(&state->has_done_fd) != 0;
}

void egi_state_tell_if_done(struct eg_group_state *state)
{
	/* [E2] full, before this load, by the gate change, or the release of a hold; pairs with [E1]. */
	if (egi_load_acquire_u32(&state->finished.sleepers) == 0 || !egi_state_is_done(state))
		return;
	egi_event_notify(&state->finished);
	if (has_fd(state))
		fd_tell(state);
}

/* Under lock. */
static int fd_make(struct eg_group_state *state)
{
	uint32_t key;
	int err = egi_ctx_fd_open(&state->done_fd);

	if (err)
		return err;
	state->done_fd_raised = false;
	state->done_fd_waited = UINT64_MAX;
	egi_store_relaxed_u32(&state->has_done_fd, 1);
	/* [E1] full, in there: the descriptor before the sleeper, and the sleeper before the look; pairs with [E2]. */
	egi_event_prepare(&state->finished, &key);
	fd_raise_if_done(state);
	return 0;
}

int egi_done_fd(struct eg_group_state *state)
{
	int result = 0;

	egi_mutex_lock(&state->lock);
	if (state->done_fd.read < 0)
		result = fd_make(state);
	if (result == 0)
		result = state->done_fd.read;
	egi_mutex_unlock(&state->lock);
	return result;
}

/* Under lock. */
static void fd_lower(struct eg_group_state *state)
{
	if (state->done_fd_raised)
		egi_ctx_fd_lower(&state->done_fd);
	state->done_fd_raised = false;
}

void egi_done_waited(struct eg_group_state *state, bool done)
{
	uint64_t submitted;

	if (!has_fd(state))
		return;
	egi_mutex_lock(&state->lock);
	submitted = egi_state_submitted(state);
	if (!egi_state_is_done(state)) {
		fd_lower(state);
	} else if (done) {
		fd_lower(state);
		state->done_fd_waited = submitted;
	}
	egi_mutex_unlock(&state->lock);
}

void egi_done_close_fd(struct eg_group_state *state)
{
	if (!has_fd(state))
		return;
	egi_mutex_lock(&state->lock);
	egi_store_relaxed_u32(&state->has_done_fd, 0);
	egi_event_finish(&state->finished);
	egi_ctx_fd_close(&state->done_fd);
	egi_mutex_unlock(&state->lock);
}
