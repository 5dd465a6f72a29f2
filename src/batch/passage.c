/* SPDX-License-Identifier: MIT */
/*
 * Items on offer. A stage has room for one: an item that was taken over is inside until it has left, and no other is taken over
 * there meanwhile. How many there are is a part of the traffic, so that no runner ends while there is one.
 */
#include "batch/passage.h"

EGI_COLD void egi_passage_offer(struct egi_item *item)
{
	struct egi_line *line = item->line;

	/* [P11] release: the item before who is told of it [P3] looks for it; pairs with [P12]. */
	egi_store_release_ptr(&line->stages[item->stage].turnstile->ready, item);
	egi_line_call(line, egi_traffic_add_ready(&line->traffic));
}

/* Looks for it from the end: what is nearest to it makes room soonest. */
EGI_COLD struct egi_item *egi_passage_find(struct egi_line *line)
{
	for (uint32_t i = line->count;; i = i > 1 ? i : line->count) {
		struct egi_turnstile *turnstile = line->stages[--i].turnstile;
		struct egi_item *item;

		/* [P12] acquire: pairs with [P11]. */
		if (!turnstile || !egi_load_acquire_ptr(&turnstile->ready))
			continue;
		item = egi_swap_ptr(&turnstile->ready, NULL);
		if (item)
			return item;
	}
}
