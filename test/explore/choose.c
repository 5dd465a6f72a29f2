/* SPDX-License-Identifier: MIT */
/*
 * Who decides.
 *
 * A schedule is the list of its deviations from the default: "at the 17th point, the next thread instead". It
 * comes from the search, point by point; or a random generator makes it up on the way, in one of two manners:
 *
 *   at random       any of what is possible, with a likelihood that is drawn once for the whole run, so that
 *                   some runs have few switches and some have many
 *   by priorities   PCT (Burckhardt et al., 2010): threads have random priorities and the highest goes on; at a
 *                   few random points that of the one that goes on becomes the lowest
 *
 * In either, stores are held back and let go at random.
 *
 * The search also asks here whether a state has been seen before: then everything that can follow has been
 * seen too, or is going to be, if it was seen with at least as many delays left.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "engine.h"

#define KNOWN_BUCKETS ((size_t)1 << 21)
#define KNOWN_WAYS 4
#define BUDGET_BITS 3
#define CHANGES_MAX 16

struct schedule schedule KEPT;

/* States: the fingerprint's upper bits, and the delays that were left plus one. */
static uint64_t *known KEPT;

static struct {
	unsigned density; /* of switches, in 1/256 */
	unsigned holds, drains, fires;
	uint32_t change_at[CHANGES_MAX];
	int priorities[THREADS_MAX];
	int lowest;
} chance KEPT;

void choose_init(void)
{
	known = mmap(NULL, KNOWN_BUCKETS * KNOWN_WAYS * sizeof(*known), PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	schedule.room = STEPS_MAX;
	/* It is looked up at random: with small pages most of the time would go into finding them. */
	madvise(known, KNOWN_BUCKETS * KNOWN_WAYS * sizeof(*known), MADV_HUGEPAGE);
	schedule.decisions = calloc(schedule.room, sizeof(*schedule.decisions));
}

void choose_forget(void)
{
	madvise(known, KNOWN_BUCKETS * KNOWN_WAYS * sizeof(*known), MADV_DONTNEED);
}

unsigned choice_cost(unsigned choice)
{
	return choice >= CHOICE_SWITCH && choice < CHOICE_HOLD ? choice - CHOICE_SWITCH + 1 : 1;
}

void choose_list(const struct decision *decisions, uint32_t count, unsigned budget, bool merges,
		 uint64_t *offers)
{
	schedule.chooser = CHOOSE_LIST;
	if (count > 0)
		memcpy(schedule.decisions, decisions, count * sizeof(*decisions));
	schedule.count = count;
	schedule.next = 0;
	schedule.budget = budget;
	schedule.merges = merges;
	schedule.offers = offers;
}

static uint64_t draw(void)
{
	uint64_t x = schedule.random += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static bool chance_in_256(unsigned weight)
{
	return (draw() >> 32 & 255) < weight;
}

void choose_random(uint64_t seed, unsigned changes, uint32_t length)
{
	static const unsigned densities[] = {128, 64, 32, 16, 8, 4};
	static const unsigned holds[] = {0, 32, 128, 224};

	schedule.chooser = changes ? CHOOSE_PRIORITIES : CHOOSE_RANDOM;
	schedule.seed = schedule.random = seed;
	schedule.count = 0;
	schedule.changes = changes < CHANGES_MAX ? changes : CHANGES_MAX;
	chance.density = densities[draw() % 6];
	chance.holds = holds[draw() % 4];
	chance.drains = 8u << draw() % 4;
	chance.fires = draw() % 4 == 0 ? 16 : 1;
	chance.lowest = 0;
	for (unsigned i = 0; i < schedule.changes; i++)
		chance.change_at[i] = (uint32_t)(draw() % (length + 1));
}

void choose_new_thread(unsigned thread)
{
	if (schedule.chooser == CHOOSE_PRIORITIES)
		chance.priorities[thread] = (int)(draw() >> 40) + 1;
}

/*
 * States
 */

static uint64_t state_print(bool must)
{
	uint64_t print = print_mix(machine.prints, machine.current | (uint64_t)must << 8);
	uint32_t buffered = machine.buffered;

	print = print_mix(print, machine.ready ^ (uint64_t)machine.now << 16);
	for (; buffered != 0; buffered &= buffered - 1) {
		unsigned thread = (unsigned)__builtin_ctz(buffered);

		print = print_mix(print, thread << 8 | machine.threads[thread].buffer.count);
	}
	return print;
}

/*
 * Whether a state is known with so many delays left; makes it known if not. What is forgotten costs time
 * alone.
 */
static bool state_is_known(uint64_t print, unsigned budget)
{
	uint64_t *bucket = &known[(print >> 32) % KNOWN_BUCKETS * KNOWN_WAYS];
	uint64_t mask = (UINT64_C(1) << BUDGET_BITS) - 1;
	unsigned victim = 0;

	for (unsigned i = 0; i < KNOWN_WAYS; i++) {
		if (((bucket[i] ^ print) & ~mask) == 0 && bucket[i] != 0) {
			if ((bucket[i] & mask) > budget)
				return true;
			victim = i;
			break;
		}
		if ((bucket[i] & mask) < (bucket[victim] & mask))
			victim = i;
	}
	bucket[victim] = (print & ~mask) | (budget + 1);
	return false;
}

static unsigned choose_from_list(uint32_t step, uint64_t offer, bool must)
{
	if (schedule.next < schedule.count) {
		const struct decision *decision = &schedule.decisions[schedule.next];

		if (decision->step != step)
			return CHOICE_DEFAULT;
		schedule.next++;
		return (offer & CHOICE_BIT(decision->choice)) != 0 ? decision->choice : CHOICE_DEFAULT;
	}
	if (schedule.merges && state_is_known(state_print(must), schedule.budget)) {
		machine.cut = true;
		machine.step = step;
		threads_abandon();
	}
	schedule.offers[step] = offer;
	return CHOICE_DEFAULT;
}

void choose_spent(bool must)
{
	/* A state is looked up once in a while: equal ones stay equal. */
	if (schedule.merges && (machine.prints & 7) == 0 && state_is_known(state_print(must), 0)) {
		machine.cut = true;
		threads_abandon();
	}
}

/*
 * Chance
 */

static unsigned draw_of(uint64_t bits)
{
	unsigned nth = (unsigned)(draw() % (unsigned)__builtin_popcountll(bits));

	while (nth-- > 0)
		bits &= bits - 1;
	return (unsigned)__builtin_ctzll(bits);
}

#define SWITCHES ((CHOICE_BIT(CHOICE_HOLD) - 1) & ~(CHOICE_BIT(CHOICE_SWITCH) - 1))

static unsigned choose_switch_at_random(uint64_t offer, bool must)
{
	uint64_t switches = offer & SWITCHES;

	/* When the thread cannot go on the default is one of several equals. */
	if (must)
		return switches ? draw_of(switches | CHOICE_BIT(CHOICE_DEFAULT)) : CHOICE_DEFAULT;
	return switches && chance_in_256(chance.density) ? draw_of(switches) : CHOICE_DEFAULT;
}

static unsigned choose_switch_by_priority(uint32_t step, uint64_t offer, bool must)
{
	int *mine = &chance.priorities[machine.current];
	unsigned best = CHOICE_DEFAULT, place = 0;
	int best_priority;

	if (must)
		*mine = --chance.lowest; /* it stalls, or sleeps */
	for (unsigned i = 0; i < schedule.changes; i++)
		if (chance.change_at[i] == step)
			*mine = --chance.lowest;
	best_priority = must ? INT32_MIN : *mine;
	/* The ready ones in the circle's order are what SWITCH and, if it must, the default stand for. */
	for (unsigned i = 1; i < machine.threads_count; i++) {
		unsigned thread = (machine.current + i) % machine.threads_count;
		unsigned choice;

		if ((machine.ready >> thread & 1) == 0)
			continue;
		choice =
		    must ? (place == 0 ? CHOICE_DEFAULT : CHOICE_SWITCH + place - 1) : CHOICE_SWITCH + place;
		place++;
		if (chance.priorities[thread] > best_priority &&
		    (choice == CHOICE_DEFAULT || (offer & CHOICE_BIT(choice)) != 0)) {
			best_priority = chance.priorities[thread];
			best = choice;
		}
	}
	return best;
}

static unsigned choose_by_chance(uint32_t step, uint64_t offer, bool must)
{
	uint64_t drains = offer & ~(CHOICE_BIT(CHOICE_DRAIN) - 1);

	if ((offer & CHOICE_BIT(CHOICE_HOLD)) != 0 && chance_in_256(chance.holds))
		return CHOICE_HOLD;
	if (drains && chance_in_256(chance.drains))
		return draw_of(drains);
	if ((offer & CHOICE_BIT(CHOICE_FIRE)) != 0 && chance_in_256(chance.fires))
		return CHOICE_FIRE;
	if (schedule.chooser == CHOOSE_RANDOM)
		return choose_switch_at_random(offer, must);
	return choose_switch_by_priority(step, offer, must);
}

unsigned choose(uint64_t offer, bool must)
{
	uint32_t step = machine.step++;
	unsigned choice;

	if (step >= STEPS_MAX)
		explore_fail("livelock: no end after %d decisions", STEPS_MAX);
	if (schedule.chooser == CHOOSE_LIST)
		return choose_from_list(step, offer, must);
	choice = choose_by_chance(step, offer, must);
	if (choice != CHOICE_DEFAULT)
		schedule.decisions[schedule.count++] = (struct decision){step, choice};
	return choice;
}
