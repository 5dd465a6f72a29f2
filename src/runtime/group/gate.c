/* SPDX-License-Identifier: MIT */
/*
 * What ends a bias, and who comes and goes afterwards. gate.h says what they are.
 *
 * Whoever changes the word to something after which it has to look elsewhere looks after the swap, which is a full fence;
 * whoever puts something there first looks at the word afterwards. So of a worker that leaves and a submitter that relies on
 * it [G1] [G2], of a post and a sleeper [E2], at least one sees the other.
 */
#include "runtime/group/gate.h"

#include "os/pause.h"
#include "os/verify.h"

/* How many lives a thread takes at once, so that threads which make groups all the time hardly meet at the counter. */
#define LIVES_AT_ONCE 65536

EGI_COLD uint64_t egi_gate_take_lives(void)
{
	static uint64_t last;
	struct egi_thread *self = &egi_thread_self;

	/* [J9] nothing is ordered: numbers that nobody else has. */
	self->life_next = egi_add_u64(&last, LIVES_AT_ONCE) + 1;
	self->life_end = self->life_next + LIVES_AT_ONCE;
	return self->life_next++;
}

void egi_gate_init(struct egi_gate *gate)
{
	gate->word = EGI_GATE_DEAD;
	gate->contested = 0;
	gate->busy = 0;
}

void egi_gate_disown(struct egi_gate *gate)
{
	/* [W1] release, both: no thread finds its queue without coming by `closed`; pairs with [W2]. */
	egi_store_release_u64(&gate->owner, EGI_OWNER_NONE);
	egi_store_release_u64(&gate->life, egi_gate_new_life()); /* [W1] */
}

bool egi_gate_kill(struct egi_gate *gate)
{
	/* [J7] full: what its owner has done before the group is dead; pairs with itself. */
	return egi_gate_word_holders(egi_add_u64(&gate->word, EGI_GATE_DEAD)) == 0;
}

/*
 * The end of a bias
 */

static bool is_biased_in(uint64_t word, uint64_t life)
{
	return egi_gate_word_is_biased(word) && ((word ^ life) & EGI_GATE_LIFE) == 0;
}

/* Makes a biased word one that all may use. Who comes late finds it done; nobody else changes a biased word now. */
static void gate_open_to_all(struct egi_gate *gate, uint64_t word)
{
	uint64_t shared = word & (EGI_GATE_MAX * EGI_GATE_LIMIT_ONE);

	if (egi_gate_is_engaged(gate))
		shared += EGI_GATE_RUNNING_ONE + EGI_GATE_HOLDERS_ONE;
	/* [B8] full: what the owner has done alone before the word is everybody's; pairs with [J2], [J6]. */
	egi_cas_u64(&gate->word, &word, shared);
}

/*
 * Says that somebody else is here. The crew comes through notices, which may be out of date: the state may be another
 * group's by now, and that group may be contested. It must remain so, or its owner would not notice:
 *
 *   crew                            owner                             third thread
 *   reads life 1
 *                                   destroys group 1, makes group 2
 *                                                                     contested = 2, owner is not busy
 *   contested = 1
 *                                   sees no contest, enters a section
 *                                                                     takes tasks too
 *
 * Hence the swap, which fails if `contested` has changed since it was read, and the look at the life in between. Whoever finds
 * that another thread has contested this life makes the fence all the same, since the other may not have come to it:
 *
 *   one                             another                           owner
 *   reads `contested`, the life
 *                                                                     busy = 1 (in its buffer), sees no contest
 *                                   contested = 1
 *   its swap fails
 *   busy is 0: shares the group
 *   takes tasks                                                       takes them too
 */
static bool gate_contest(struct egi_gate *gate, uint64_t life)
{
	/* [B7] acquire: `contested` before the life; pairs with [B6]. */
	uint64_t before = egi_load_acquire_u64(&gate->contested);

	/* [J4] acquire: the life before the swap; pairs with [J3]. */
	if (egi_load_acquire_u64(&gate->life) != life)
		return false;
	/* [B6] full: after the look at the life; pairs with [B5], [B7]. */
	if (before != life && !egi_cas_u64(&gate->contested, &before, life) && before != life)
		return false;
	egi_fence_heavy(); /* [B2] the contest before the look at busy; pairs with [B1] */
	return true;
}

/*
 * Has the owner know that somebody else is here, unless the group is shared. False if that group is no more: the life and
 * the word are of different groups, or the life has changed.
 */
static bool gate_call_owner(struct egi_gate *gate, uint64_t *ret_life)
{
	/* [J4] acquire: pairs with [J3]. */
	uint64_t life = egi_load_acquire_u64(&gate->life);
	/* [J2] acquire: pairs with [J1], [B8]. */
	uint64_t word = egi_load_acquire_u64(&gate->word);

	*ret_life = life;
	return !egi_gate_word_is_biased(word) || (is_biased_in(word, life) && gate_contest(gate, life));
}

/*
 * Afterwards: ends the bias if the owner is out of its section. The word is read then, and not before:
 *
 *   owner                           other thread
 *                                   reads the word: limit 4
 *   sets the limit to 2, in a section
 *                                   contests; the owner is not busy
 *                                   swaps the word with limit 4 for a shared one: fails, and so for ever
 */
static bool gate_try_end_bias(struct egi_gate *gate, uint64_t life)
{
	uint64_t word;

	if (egi_gate_is_busy(gate))
		return false;
	/* [J2] acquire: pairs with [B8], if another thread was faster. */
	word = egi_load_acquire_u64(&gate->word);
	if (is_biased_in(word, life))
		gate_open_to_all(gate, word);
	/* [J2] acquire: pairs with [B8], whoever has made it. */
	return !egi_gate_word_is_biased(egi_load_acquire_u64(&gate->word));
}

bool egi_gate_try_share(struct egi_gate *gate)
{
	uint64_t life;

	return gate_call_owner(gate, &life) && gate_try_end_bias(gate, life);
}

void egi_gate_share(struct egi_gate *gate)
{
	/* [J2] acquire: pairs with [J1], [B8]. */
	uint64_t word = egi_load_acquire_u64(&gate->word), life;
	unsigned turns = 0;

	if (!egi_gate_word_is_biased(word))
		return;
	if (egi_gate_is_owner(gate)) {
		gate_open_to_all(gate, word);
		return;
	}
	/* Only a group that lives is shared, so its life stays, and it is contested once. */
	while (!gate_call_owner(gate, &life))
		egi_pause(&turns);
	while (!gate_try_end_bias(gate, life))
		egi_pause(&turns);
}

/*
 * Coming and going
 */

bool egi_gate_enter(struct egi_gate *gate, bool wants_place)
{
	uint64_t word = egi_gate_look(gate), next;
	bool placed;

	do {
		EGI_VERIFY(egi_gate_word_holders(word) < EGI_GATE_MAX,
			   "more than a million threads wait for one group");
		placed = wants_place && egi_gate_word_has_room(word);
		next = word + EGI_GATE_HOLDERS_ONE + (placed ? EGI_GATE_RUNNING_ONE : 0);
	} while (!egi_cas_u64(&gate->word, &word, next)); /* [J6] full: pairs with [J1], [B8], [J8] */
	return placed;
}

bool egi_gate_leave(struct egi_gate *gate)
{
	/* [J7] full: all that was done inside before the hold is given back; pairs with itself. */
	uint64_t before = egi_add_u64(&gate->word, ~EGI_GATE_HOLDERS_ONE + 1);

	return (before & EGI_GATE_DEAD) != 0 && egi_gate_word_holders(before) == 1;
}

bool egi_gate_take_place(struct egi_gate *gate)
{
	uint64_t word = egi_gate_look(gate);

	do {
		if (!egi_gate_word_has_room(word))
			return false;
	} while (!egi_cas_u64(&gate->word, &word, word + EGI_GATE_RUNNING_ONE)); /* [J6] pairs with [J8] */
	return true;
}

bool egi_gate_leave_place(struct egi_gate *gate)
{
	/*
	 * [G2] full, and where that matters followed by the heavy fence of egi_state_has_left_over; pairs with [G1].
	 * [J8] full: the slot given back before the place; pairs with [J6].
	 */
	uint64_t before = egi_add_u64(&gate->word, ~EGI_GATE_RUNNING_ONE + 1);

	return egi_gate_word_is_quiet(before) && !egi_gate_word_is_quiet(before - EGI_GATE_RUNNING_ONE);
}

bool egi_gate_yield_place(struct egi_gate *gate)
{
	uint64_t word = egi_gate_look(gate);

	do {
		if (egi_gate_word_running(word) <= egi_gate_word_limit(word))
			return false;
	} while (!egi_cas_u64(&gate->word, &word, word - EGI_GATE_RUNNING_ONE)); /* [J8] pairs with [J6] */
	return true;
}

bool egi_gate_glance(const struct egi_gate *gate, uint64_t *ret_life)
{
	uint64_t life = egi_load_acquire_u64(&gate->life); /* [J4] acquire: pairs with [J3] */

	*ret_life = life;
	/* [J2] acquire: pairs with [J1], [B8]. */
	return !egi_gate_word_is_quiet(egi_load_acquire_u64(&gate->word));
}

bool egi_gate_post(struct egi_gate *gate, bool again)
{
	uint64_t word = egi_gate_look(gate);

	do {
		if (!egi_gate_word_may_post(word, again))
			return false;
	} while (!egi_cas_u64(&gate->word, &word,
			      word | EGI_GATE_POSTED)); /* [J11] full: the task before the post */
	return true;
}

bool egi_gate_answer(struct egi_gate *gate)
{
	uint64_t word = egi_gate_look(gate), next;
	bool placed;

	do {
		placed = egi_gate_word_has_room(word);
		next = word & ~EGI_GATE_POSTED;
		if (placed)
			next += EGI_GATE_RUNNING_ONE + EGI_GATE_HOLDERS_ONE;
	} while (!egi_cas_u64(&gate->word, &word, next)); /* [J6] full: pairs with [J1], [B8], [J8] */
	return placed;
}

void egi_gate_unpost(struct egi_gate *gate)
{
	uint64_t word = egi_gate_look(gate);

	/* [G2] full, and followed by the heavy fence of egi_state_has_left_over; pairs with [G1]. */
	while (!egi_cas_u64(&gate->word, &word, word & ~EGI_GATE_POSTED))
		;
}

bool egi_gate_change_limit(struct egi_gate *gate, uint64_t limit)
{
	uint64_t word = egi_gate_look(gate), next;

	do {
		next = (word & ~(EGI_GATE_MAX * EGI_GATE_LIMIT_ONE)) | limit * EGI_GATE_LIMIT_ONE;
		/*
		 * [J10] full: slots_max is raised before and lowered after; pairs with [J6].
		 * [G2] full, and followed by the heavy fence of egi_state_has_left_over; pairs with [G1].
		 */
	} while (!egi_cas_u64(&gate->word, &word, next));
	return !egi_gate_word_has_room(word) && egi_gate_word_has_room(next);
}
