/* SPDX-License-Identifier: MIT */
/*
 * A slot's data is its worker's: whoever has the slot has the data, and what one holder has left the next one sees, as with
 * all else of a worker. It is made by the first task of the slot, since only tasks know where to fail, and since a slot that
 * is never used is to cost nothing. So the loop that runs tasks has to ask, and asks by a bit of the word that it reads for
 * every task anyway.
 *
 * States outlive their groups, and workers with them: a group that ends leaves no data behind.
 */
#include "runtime/group/slot_data.h"

#include "os/annotate.h"
#include "os/exception.h"
#include "os/verify.h"
#include "task/live.h"
#include "task/panic.h"

EGI_LIVE_CALLER int egi_slot_data_make(struct egi_worker *worker)
{
	struct eg_group_state *state = worker->state;
	const struct egi_slot_hooks *hooks = &state->slot_hooks;
	void *data = NULL;
	int code = 0;

	EGI_RECOVERY_CALL_HERE(&worker->recovery);
	if (hooks->init)
		EGI_CALL_PROGRAM(code = hooks->init(state->ctx, hooks->arg, &data));
	if (code != 0)
		return code;
	worker->data = data;
	worker->has_data = true;
	return 0;
}

void egi_slot_data_finish(struct eg_group_state *state)
{
	const struct egi_slot_hooks *hooks = &state->slot_hooks;
	struct egi_slots_walk walk = {&state->slots, 0};
	unsigned *forbidden = egi_panic_forbidden();
	struct egi_worker *worker;

	egi_annotate_acquire(state);
	while ((worker = egi_slots_next(&walk)) != NULL) {
		void *data = worker->data;
		unsigned before = *forbidden;

		if (!worker->has_data)
			continue;
		worker->has_data = false;
		worker->data = NULL;
		if (!hooks->finish)
			continue;
		++*forbidden;
		EGI_CALL_PROGRAM(hooks->finish(hooks->arg, data));
		EGI_VERIFY(--*forbidden == before, "slot_finish left panics forbidden, or allowed them");
	}
}
