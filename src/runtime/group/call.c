/* SPDX-License-Identifier: MIT */
/*
 * A submission puts its task first and then looks whether anybody is going to come: at who watches [N1], or at the gate [G1].
 * Whoever ceases to watch, or leaves, says so first and then looks for tasks. So at least one of the two sees the other.
 */
#include "runtime/group/call.h"

/*
 * Whether the group's tasks need not start at once: nobody has come to it yet, or its waiter runs them before others come. Then a
 * call would only cost the submitter time. A hint: nothing is ordered.
 */
static bool may_wait(const struct eg_group_state *state)
{
	return egi_gate_word_is_biased(egi_gate_look(&state->gate)) ||
	       egi_load_relaxed_u32(&state->is_helped) != 0;
}

void egi_state_tell(struct eg_group_state *state, struct egi_queue *queue)
{
	if (queue == &state->first_queue) {
		/* Only the owner shows the group, and nobody else puts tasks into its queue. */
		bool shown = egi_request_is_shown(&state->request) ||
			     (egi_gate_is_owner(&state->gate) && egi_notices_show(&state->request));

		/* [N1] light: the notice and the task before the look whether anybody watches; pairs with [N2]. */
		egi_fence_light();
		if (EGI_LIKELY(shown && egi_crew_is_watching() && may_wait(state)))
			return;
		/* The fast path does not ask. */
		if (!shown)
			egi_queue_stop(queue, EGI_STOP_UNSHOWN);
	}
	/*
	 * [G1] The task before the look at the gate; pairs with [G2]. Without it the task is left lying:
	 *
	 *     submitter                             last worker
	 *                                           finds no task
	 *     puts the task (still in its buffer)
	 *     the gate is quiet: it will be seen
	 *                                           leaves; the gate is no longer quiet
	 *                                           looks again: sees no task
	 */
	egi_fence_light();
	if (EGI_UNLIKELY(!egi_gate_is_quiet(&state->gate)))
		egi_state_call(state, false);
}

void egi_state_hide(struct eg_group_state *state, bool alone)
{
	if (!egi_request_is_shown(&state->request))
		return;
	if (alone)
		egi_notices_hide_alone(&state->request);
	else if (egi_gate_is_owner(&state->gate))
		egi_notices_hide(&state->request);
	else
		return;
	egi_queue_stop(&state->first_queue, EGI_STOP_UNSHOWN);
}

void egi_state_call(struct eg_group_state *state, bool urgent)
{
	bool waits = may_wait(state);

	egi_gate_share(&state->gate);
	if (egi_gate_post(&state->gate, urgent))
		egi_crew_call(&state->request, urgent, waits);
}
