/* SPDX-License-Identifier: MIT */
/*
 * Making and freeing the stack, and the side of the thieves.
 */
#include "runtime/group/offers.h"

#include <stdlib.h>

struct egi_offers *egi_offers_create(void)
{
	struct egi_offers *offers = aligned_alloc(EGI_CACHE_PAIR, sizeof(*offers));

	if (!offers)
		return NULL;
	offers->top = offers->bottom = offers->robbed = 0;
	egi_mutex_init(&offers->lock);
	offers->joined = (struct egi_event){0, 0};
	return offers;
}

void egi_offers_free(struct egi_offers *offers)
{
	if (!offers)
		return;
	egi_mutex_finish(&offers->lock);
	free(offers);
}

EGI_COLD bool egi_offers_take_back_slow(struct egi_offers *offers, uint32_t at)
{
	bool is_mine;

	egi_mutex_lock(&offers->lock);
	is_mine = offers->bottom <= at;
	egi_mutex_unlock(&offers->lock);
	return is_mine;
}

void egi_offers_settle(struct egi_offers *offers, uint32_t at)
{
	egi_mutex_lock(&offers->lock);
	egi_store_release_u32(&offers->bottom,
			      at); /* [C15] release: for searchers; thieves are kept out by the lock. */
	egi_mutex_unlock(&offers->lock);
}

struct egi_offer *egi_offers_steal(struct egi_offers *offers, struct egi_worker *thief, const uint32_t *until)
{
	struct egi_offer *stolen = NULL;
	uint32_t bottom;

	if (!egi_offers_has(offers) || !egi_mutex_try_lock(&offers->lock))
		return NULL;
	egi_store_relaxed_u32(&offers->robbed, 1);
	egi_fence_heavy(); /* [C14] the announcement before the look at top; pairs with [C13] */
	bottom = offers->bottom;
	/*
	 * [C12] acquire: pairs with [C11]. And then whether it is still part of what is waited for: what was offered before
	 * that was done is.
	 * [C18] acquire: pairs with [C17].
	 */
	if (bottom < egi_load_acquire_u32(&offers->top) && (!until || egi_load_acquire_u32(until) == 0)) {
		stolen = &offers->offers[bottom];
		stolen->thief = thief;
		stolen->error = NULL;
		/* [C15] release: who has it before it is gone; pairs with [C16]. */
		egi_store_release_u32(&offers->bottom, bottom + 1);
	}
	/* [C15] release: the raised bottom before the owner goes on; pairs with [C16]. */
	egi_store_release_u32(&offers->robbed, 0);
	egi_mutex_unlock(&offers->lock);
	return stolen;
}
