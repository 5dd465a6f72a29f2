/* SPDX-License-Identifier: MIT */
/*
 * The request was taken down for this thread, and submitters relied on it: so it looks again after it has left its place, and
 * goes on if there is something left.
 */
#include "runtime/group/serve.h"

#include "runtime/group/worker.h"

void egi_serve(struct eg_group_state *state)
{
	do {
		enum egi_worker_end end = egi_worker_run(state);

		if (end == EGI_WORKER_FORKED)
			return;
		if (end == EGI_WORKER_NO_SLOT) {
			egi_event_notify(&state->finished);
			break;
		}
		if (end == EGI_WORKER_DRY)
			egi_gate_leave_place(&state->gate);
	} while (egi_state_has_left_over(state) && egi_gate_take_place(&state->gate));
	egi_state_notify_if_done(state);
}
