/* SPDX-License-Identifier: MIT */
/*
 * Submission of loops, which the interface calls ranges: many tasks in one call. Nothing here is fast or slow: it is
 * done once.
 */
#include "error/call_site.h"
#include "runtime/group/group.h"
#include "runtime/group/submit.h"

static int submit_body(eg_group *group, const struct egi_body *body)
{
	struct eg_group_state *state;
	int err = egi_group_open(group, &state);

	return err ? err : egi_submit_loop(state, body);
}

int eg_group_go_each_at(eg_group *group, size_t count, eg_each_fn *fn, void *arg, struct eg_site *site)
{
	struct egi_body body = {{.each = fn}, arg, count, 1, egi_site_number(site), EGI_LOOP_EACH};

	return fn ? submit_body(group, &body) : -EINVAL;
}

int(eg_group_go_each)(eg_group *group, size_t count, eg_each_fn *fn, void *arg)
{
	return eg_group_go_each_at(group, count, fn, arg, NULL);
}

int eg_group_go_pieces_at(eg_group *group, size_t count, size_t grain, eg_piece_fn *fn, void *arg,
			  struct eg_site *site)
{
	struct egi_body body = {{.piece = fn}, arg, count, grain, egi_site_number(site), EGI_LOOP_PIECES};

	if (grain == 0) {
		body.grain = 1;
		body.kind = EGI_LOOP_TIMED;
	} else if (grain > count) {
		body.grain = count;
	}
	return fn ? submit_body(group, &body) : -EINVAL;
}

int(eg_group_go_pieces)(eg_group *group, size_t count, size_t grain, eg_piece_fn *fn, void *arg)
{
	return eg_group_go_pieces_at(group, count, grain, fn, arg, NULL);
}
