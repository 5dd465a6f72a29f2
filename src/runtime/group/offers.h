/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_OFFERS_H
#define EGI_GROUP_OFFERS_H

/*
 * Calls that a running task has yet to make, and offers to others: the halves of eg_both. A worker has a stack of them. The
 * task takes its last offer back when it comes to it; a worker of the group that has nothing else to do takes the oldest one,
 * which mostly has the most in it.
 *
 *     offers   0    1    2    3    4
 *              ^ bottom: the oldest that nobody has taken
 *                                  ^ top: where the next one goes
 *
 * It is the protocol of claims (queue/claim.h), upside down: the owner raises and lowers `top` without a lock, and looks
 * whether a thief is about; a thief says so in `robbed`, passes the heavy fence, and raises `bottom` under the lock. The bad
 * case:
 *
 *   owner                                thief
 *   sees no thief, bottom is 4
 *                                        reads top: 5, takes 4
 *   lowers top to 4, calls 4
 *
 * An offer that was taken keeps its place until its owner has waited for it: what it has come to is left there. So the taken
 * ones lie below all others; while their owner waits for the last one it has offered nothing.
 *
 * Who waits for an offer that was taken runs meanwhile what the thief offers: all of that is part of what it waits for, since
 * a thief has no open offer when it takes one. Anything else might wait for what the waiter is going to do afterwards.
 */

#include <errgroup/task.h>

#include "os/annotate.h"
#include "os/event.h"
#include "os/fence.h"
#include "os/mutex.h"
#include "task/recovery.h"

struct egi_worker;

/* What is offered beyond so many levels is called in turn: the oldest offers are the ones that matter. */
#ifndef EGI_OFFERS
#define EGI_OFFERS 64
#endif

struct egi_offer {
	/* the owner's, before it is offered */
	eg_task_fn *fn;
	void *arg;
	eg_ctx *ctx;

	/* the thief's */
	struct egi_worker *thief; /* under lock */
	eg_error *error;          /* what the call has failed with; before `done` */
	uint32_t done;
};

struct egi_offers {
	EGI_ALIGNED uint32_t top; /* the owner, for each offer */

	/* thieves, under lock; the owner, when it has waited for one */
	EGI_ALIGNED uint32_t bottom;
	uint32_t robbed; /* a thief is at it */
	struct egi_mutex lock;
	struct egi_event joined; /* the owner sleeps, until an offer is done or its thief has some */
	struct egi_offer offers[EGI_OFFERS];
};

/* What a worker has taken of another one's task, and runs. */
struct egi_stolen {
	struct egi_offers *offers; /* whose it was */
	struct egi_offer *offer;
	struct egi_error_origin origin; /* of the task that has offered it */
	struct egi_stolen *outer;       /* what the worker was running when it took this one, or NULL */

	/* taken while it waited: of the call that waits what belongs to it, its weight, and how many offers are open; or NULL and 0 */
	const struct egi_recovery_aside *aside;
	uint64_t weight;
	uint32_t base;
};

/* NULL without memory. */
struct egi_offers *egi_offers_create(void);
void egi_offers_free(struct egi_offers *offers);

/* Whether there is one that a thief could take: a hint, looked at again under the lock, or behind [G2]. None of NULL. */
static inline bool egi_offers_has(const struct egi_offers *offers)
{
	/* [C12] acquire: bottom, then top; pairs with [C11]. */
	return offers && egi_load_acquire_u32(&offers->bottom) < egi_load_acquire_u32(&offers->top);
}

/* Whether a call is being made with an offer open, or taken: then there are likely to be more soon. A hint. None of NULL. */
static inline bool egi_offers_are_made(const struct egi_offers *offers)
{
	return offers && egi_load_relaxed_u32(&offers->top) != 0;
}

/* Owner, with room: offers a call. To be followed by a look at who might take it. */
static inline uint32_t egi_offers_push(struct egi_offers *offers, eg_task_fn *fn, void *arg, eg_ctx *ctx)
{
	uint32_t at = offers->top;
	struct egi_offer *offer = &offers->offers[at];

	offer->fn = fn;
	offer->arg = arg;
	offer->ctx = ctx;
	egi_store_relaxed_u32(&offer->done, 0);
	egi_annotate_release(offer);
	egi_store_release_u32(&offers->top,
			      at + 1); /* [C11] release: the offer before it is open; pairs with [C12] */
	return at;
}

/* The out-of-line part of egi_offers_take_back: a thief is about, or has been. */
bool egi_offers_take_back_slow(struct egi_offers *offers, uint32_t at);

/* Owner: takes its last offer back. False: a thief has it. */
static inline bool egi_offers_take_back(struct egi_offers *offers, uint32_t at)
{
	egi_store_release_u32(&offers->top, at); /* [C11] release: what is offered below it, too */
	egi_fence_light(); /* [C13] the lowered top before the look for a thief; pairs with [C14] */
	/* [C16] acquire: pairs with [C15]. The bottom is read last: a thief that has come and gone has raised it. */
	if (EGI_LIKELY(egi_load_acquire_u32(&offers->robbed) == 0) &&
	    EGI_LIKELY(egi_load_relaxed_u32(&offers->bottom) <= at))
		return true;
	return egi_offers_take_back_slow(offers, at);
}

/* Owner: an offer that was taken is done, and its place is free. */
void egi_offers_settle(struct egi_offers *offers, uint32_t at);

/*
 * Takes the oldest offer, and says whose it is and where it comes from. False if there is none, or another thief is at it.
 *
 * @owner  the recovery of the worker that offers, under which the task runs
 * @until  only while this is 0: then what is offered is part of what is waited for. NULL: whatever there is
 */
bool egi_offers_steal(struct egi_offers *offers, struct egi_recovery *owner, struct egi_worker *thief,
		      const uint32_t *until, struct egi_stolen *ret_stolen);

#endif
