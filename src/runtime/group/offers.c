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

/*
 * Under lock, while the owner is kept from going on beyond any of its offers: it is in a call that it has made with this one open,
 * and nothing that is read of its task changes in there.
 */
static void take(struct egi_offers *offers, struct egi_recovery *owner, struct egi_worker *thief, uint32_t at,
		 struct egi_stolen *ret_stolen)
{
	struct egi_offer *offer = &offers->offers[at];

	*ret_stolen = (struct egi_stolen){.offers = offers, .offer = offer, .origin = owner->origin(owner)};
	if (owner->part >= 0)
		ret_stolen->origin.task_index = owner->part;
	offer->thief = thief;
	offer->error = NULL;
	/* [C15] release: who has it before it is gone; pairs with [C16]. */
	egi_store_release_u32(&offers->bottom, at + 1);
}

bool egi_offers_steal(struct egi_offers *offers, struct egi_recovery *owner, struct egi_worker *thief,
		      const uint32_t *until, struct egi_stolen *ret_stolen)
{
	uint32_t bottom;
	bool found;

	if (!egi_offers_has(offers) || !egi_mutex_try_lock(&offers->lock))
		return false;
	egi_store_relaxed_u32(&offers->robbed, 1);
	egi_fence_heavy(); /* [C14] the announcement before the look at top; pairs with [C13] */
	bottom = offers->bottom;
	/*
	 * [C12] acquire: pairs with [C11]. And then whether it is still part of what is waited for: what was offered before
	 * that was done is.
	 * [C18] acquire: pairs with [C17].
	 */
	found = bottom < egi_load_acquire_u32(&offers->top) && (!until || egi_load_acquire_u32(until) == 0);
	if (found)
		take(offers, owner, thief, bottom, ret_stolen);
	/* [C15] release: the raised bottom before the owner goes on; pairs with [C16]. */
	egi_store_release_u32(&offers->robbed, 0);
	egi_mutex_unlock(&offers->lock);
	return found;
}
