/* SPDX-License-Identifier: MIT */
#ifndef EGI_BATCH_PASSAGE_H
#define EGI_BATCH_PASSAGE_H

/*
 * The way of an item through a stage with a turnstile, and those items that were taken over there and wait for a runner.
 */

#include "batch/line.h"
#include "os/annotate.h"

/*
 * The item has come to the stage. False: it stays there, and is somebody else's from now on. One that is inside already was
 * taken over; one that has ended only passes the stages that are in order.
 */
static inline bool egi_passage_enter(struct egi_stage *stage, struct egi_item *item)
{
	struct egi_turnstile *turnstile = stage->turnstile;

	if (EGI_UNLIKELY(item->is_inside) || (!stage->is_in_order && !item->value))
		return true;
	item->turn = stage->is_in_order ? item->number : egi_turnstile_draw(turnstile);
	/* Before it is somebody else's. */
	item->is_inside = true;
	egi_annotate_release(item);
	if (EGI_UNLIKELY(!egi_turnstile_enter(turnstile, item, item->turn)))
		return false;
	egi_annotate_acquire(stage);
	return true;
}

/* The item leaves the stage, if it is inside. The one that comes after it, and is inside now; or NULL. */
static inline struct egi_item *egi_passage_leave(struct egi_stage *stage, struct egi_item *item)
{
	if (!item->is_inside)
		return NULL;
	item->is_inside = false;
	egi_annotate_release(stage);
	return egi_turnstile_leave(stage->turnstile, item->turn);
}

/* Leaves an item that was taken over to whoever comes first. */
void egi_passage_offer(struct egi_item *item);

/* Takes one. There is one for each runner that was told so (traffic.h). */
struct egi_item *egi_passage_find(struct egi_line *line);

#endif
