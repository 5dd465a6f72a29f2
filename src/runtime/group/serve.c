/* SPDX-License-Identifier: MIT */
#include "runtime/group/serve.h"

#include "runtime/group/visit.h"

void egi_serve(struct eg_group_state *state)
{
	struct egi_ticket ticket = {.state = state, .inside = true, .placed = true, .answers = true};

	(void)egi_visit_run(&ticket);
}
