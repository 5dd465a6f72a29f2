/* SPDX-License-Identifier: MIT */
/*
 * What the runners of a line share besides its traffic: the places of its window, and whether it is over.
 *
 * Places that were used and are free are linked. The swap that takes one compares the first, and only who is in the source
 * takes any, so that the first is not taken and put back meanwhile. Those that were never used lie behind the others.
 */
#include "batch/line.h"

bool egi_line_is_over_slow(struct egi_line *line, const eg_ctx *ctx)
{
	if (egi_load_relaxed_u32(&line->is_stopped) != 0)
		return true;
	if (eg_ctx_err(ctx) == 0)
		return false;
	egi_store_relaxed_u32(&line->is_cut, 1);
	return true;
}

EGI_COLD void egi_line_count_error(struct egi_line *line)
{
	/* [P10] nothing is ordered: how many there were. */
	uint64_t errors = egi_add_u64(&line->errors, 1) + 1;

	if (line->halt != EG_HALT_NEVER && errors > line->halt_after)
		egi_store_relaxed_u32(&line->is_stopped, 1);
}

void egi_line_put_place(struct egi_line *line, struct egi_item *item)
{
	struct egi_item *first;

	egi_line_reset_place(item);
	do {
		/* [P7] acquire: not followed here, only compared below. */
		first = egi_load_acquire_ptr(&line->free);
		item->next = first;
		/* [P8] full: the place before its link; pairs with [P9]. */
	} while (!egi_cas_ptr(&line->free, first, item));
}

struct egi_item *egi_line_take_place(struct egi_line *line)
{
	struct egi_item *first;

	do {
		/* [P9] acquire: pairs with [P8]. */
		first = egi_load_acquire_ptr(&line->free);
		if (!first) {
			first = &line->items[line->source.places_begun++];
			first->line = line;
			return first;
		}
		/* [P8], too. */
	} while (!egi_cas_ptr(&line->free, first, first->next));
	return first;
}

EGI_COLD bool egi_line_submit(struct egi_line *line)
{
	if (eg_group_go_at(&line->run.group, line->run_items, line, line->site) == 0)
		return true;
	egi_traffic_uncall(&line->traffic);
	return false;
}
