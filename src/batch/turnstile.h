/* SPDX-License-Identifier: MIT */
#ifndef EGI_BATCH_TURNSTILE_H
#define EGI_BATCH_TURNSTILE_H

/*
 * A turnstile lets items into a stage one at a time, each in its turn: in order, that is its number; otherwise a number drawn
 * when it comes, so that those who come first go first. Nobody waits: an item whose turn it is not stays here, and whoever
 * leaves takes over the next one if it has come.
 *
 * There is a slot for each turn of a window. The one who comes and the one who leaves before it meet there, each by a swap, and
 * the second of the two finds what the first has left:
 *
 *   item 7 leaves                          item 8 comes
 *   swaps "it is your turn" into slot 8
 *                                          swaps itself into slot 8, finds its turn: goes in
 *
 *                                          swaps itself into slot 8, finds nothing: stays
 *   swaps "it is your turn" into slot 8,
 *   finds item 8: takes it over
 *
 * So an item goes in once, and never is one left while nobody is in the stage. Slots are used again after a window: an item
 * has its place in the window until it has passed, so those that have not are numbers in a row, from the one whose turn it
 * is, and fewer than there are slots.
 */

#include "os/atomic.h"

struct egi_item;

struct egi_turnstile {
	struct egi_item **slots;
	uint64_t mask;  /* how many there are, less one */
	uint64_t drawn; /* numbers drawn */

	/* An item that was taken over, and that some runner is to take into the stage (runner.c); or NULL. */
	struct egi_item *ready;
} EGI_ALIGNED;

/* What lies in the slot of the one whose turn it is, until it comes. */
#define EGI_TURNSTILE_TURN ((struct egi_item *)(uintptr_t)1)

/* `slots` are all NULL, a power of two of them, and no fewer than items in the window. */
static inline void egi_turnstile_init(struct egi_turnstile *turnstile, struct egi_item **slots, size_t count)
{
	turnstile->slots = slots;
	turnstile->mask = count - 1;
	turnstile->slots[0] = EGI_TURNSTILE_TURN;
}

static inline uint64_t egi_turnstile_draw(struct egi_turnstile *turnstile)
{
	/* [P5] nothing is ordered: a number of one's own. */
	return egi_add_u64(&turnstile->drawn, 1);
}

/* True: the item is in. False: it stays here, and is somebody else's from now on. */
static inline bool egi_turnstile_enter(struct egi_turnstile *turnstile, struct egi_item *item, uint64_t turn)
{
	struct egi_item **slot = &turnstile->slots[turn & turnstile->mask];

	/*
	 * [P4] acquire: what was done in the stage before; pairs with the swap in leave. The swap says more: what the item
	 * is, to whoever takes it over.
	 */
	if (egi_load_acquire_ptr(slot) != EGI_TURNSTILE_TURN &&
	    egi_swap_ptr(slot, item) != EGI_TURNSTILE_TURN)
		return false;
	/* The slot is used again only when this item has left, which tells everybody. */
	*slot = NULL;
	return true;
}

/* The item with that turn leaves. The next one, which is in now, if it has come; or NULL. */
static inline struct egi_item *egi_turnstile_leave(struct egi_turnstile *turnstile, uint64_t turn)
{
	struct egi_item **slot = &turnstile->slots[(turn + 1) & turnstile->mask];
	struct egi_item *next = egi_swap_ptr(slot, EGI_TURNSTILE_TURN);

	if (next)
		*slot = NULL;
	return next;
}

#endif
