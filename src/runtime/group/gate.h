/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_GATE_H
#define EGI_GROUP_GATE_H

/*
 * A group's gate: who is at work on the group, and whether its maker still has it to itself.
 *
 * The word says who is there, in 64 bits, so that every decision about it is one swap and no two contradict one another:
 *
 *   running   places taken: threads that run the group's tasks, or look for one; at most the limit
 *   holders   threads inside: those running, those waiting, those on their way out
 *   limit     how many may run; EGI_GATE_MAX without a limit
 *   posted    the group is on the crew's board: some thread will come and look
 *   dead      destroyed; the last holder frees the state
 *   biased    only the thread that made the group has used it; the bits of running and holders hold the low bits of
 *             the group's life instead, so that no two biased words are equal
 *
 * A group is quiet when a submitter need not call for help: somebody will come, or nobody may. The word changes only when
 * threads come and go, so for a submitter it is a line that stays in its cache.
 *
 * Bias. Most groups are filled, waited for and destroyed by one thread. A group starts biased towards the thread that makes
 * it, its owner: as long as no other thread uses it, the owner submits, waits and destroys without a locked instruction or a
 * fence. It works on what others might look at in sections, between egi_gate_begin_alone and egi_gate_end_alone; whoever
 * else comes first says so in `contested`, and has the group shared once the owner is out of its section. That is once and
 * for all: a group is never biased again.
 *
 *   owner                                 other thread
 *   busy = 1                              contested = this life
 *   light fence [B1]                      heavy fence [B2]
 *   looks at contested                    waits until busy is 0
 *   takes tasks with plain stores         makes the word a shared one; takes tasks with locked instructions
 *   busy = 0
 *
 * At least one of them sees the other. A group that has one submitter and is finished before the crew comes to it
 * therefore costs no more than its tasks.
 *
 * Gates are type-stable while the crew's lock is held: a thread of the crew may come to one whose group is gone, and whose
 * memory is another group's. The life tells: no two groups have the same.
 */

#include "os/atomic.h"
#include "os/fence.h"
#include "os/thread.h"

struct egi_gate {
	EGI_ALIGNED uint64_t
	    word;           /* whoever comes and goes, by swaps; while it is biased the owner, in sections */
	uint64_t contested; /* whoever wants the group to be shared, by swaps: the life in which that is so */
	uint32_t busy;      /* the owner: it is inside a section */
	uint32_t engaged;   /* the owner, in sections: it has a place, which a biased word does not show */
	uint64_t owner; /* set when the group begins and when it is closed: its maker, or EGI_OWNER_NONE */
	uint64_t life;  /* the same */
};

#define EGI_OWNER_NONE UINT64_MAX

#define EGI_GATE_BITS 20
#define EGI_GATE_MAX ((UINT64_C(1) << EGI_GATE_BITS) - 1)

#define EGI_GATE_RUNNING_ONE UINT64_C(1)
#define EGI_GATE_HOLDERS_ONE (UINT64_C(1) << EGI_GATE_BITS)
#define EGI_GATE_LIMIT_ONE (UINT64_C(1) << (2 * EGI_GATE_BITS))
#define EGI_GATE_POSTED (UINT64_C(1) << 60)
#define EGI_GATE_DEAD (UINT64_C(1) << 61)
#define EGI_GATE_BIASED (UINT64_C(1) << 62)
#define EGI_GATE_LIFE (EGI_GATE_LIMIT_ONE - 1)

/*
 * The word
 */

static inline uint64_t egi_gate_word_running(uint64_t word)
{
	return word & EGI_GATE_MAX;
}

static inline uint64_t egi_gate_word_holders(uint64_t word)
{
	return word >> EGI_GATE_BITS & EGI_GATE_MAX;
}

static inline uint64_t egi_gate_word_limit(uint64_t word)
{
	return word >> (2 * EGI_GATE_BITS) & EGI_GATE_MAX;
}

static inline bool egi_gate_word_is_biased(uint64_t word)
{
	return (word & EGI_GATE_BIASED) != 0;
}

static inline bool egi_gate_word_has_room(uint64_t word)
{
	return (word & (EGI_GATE_DEAD | EGI_GATE_BIASED)) == 0 &&
	       egi_gate_word_running(word) < egi_gate_word_limit(word);
}

static inline bool egi_gate_word_is_quiet(uint64_t word)
{
	return (word & EGI_GATE_POSTED) != 0 ||
	       (!egi_gate_word_has_room(word) && !egi_gate_word_is_biased(word));
}

/* Whether the group may be posted: a thread may come. `again`: also if one has been asked for. */
static inline bool egi_gate_word_may_post(uint64_t word, bool again)
{
	return egi_gate_word_has_room(word) && (again || (word & EGI_GATE_POSTED) == 0);
}

/*
 * Questions. The answer may be out of date at once, but to whoever is behind [G1] or [G2].
 */

static inline uint64_t egi_gate_look(const struct egi_gate *gate)
{
	return egi_load_relaxed_u64(&gate->word);
}

static inline bool egi_gate_has_room(const struct egi_gate *gate)
{
	return egi_gate_word_has_room(egi_gate_look(gate));
}

static inline bool egi_gate_is_quiet(const struct egi_gate *gate)
{
	return egi_gate_word_is_quiet(egi_gate_look(gate));
}

static inline bool egi_gate_may_post(const struct egi_gate *gate, bool again)
{
	return egi_gate_word_may_post(egi_gate_look(gate), again);
}

static inline bool egi_gate_is_posted(const struct egi_gate *gate)
{
	return (egi_gate_look(gate) & EGI_GATE_POSTED) != 0;
}

/* How many places are taken. */
static inline uint64_t egi_gate_running(const struct egi_gate *gate)
{
	uint64_t word = egi_gate_look(gate);

	if (egi_gate_word_is_biased(word))
		return egi_load_relaxed_u32(&gate->engaged);
	return egi_gate_word_running(word);
}

/* EGI_GATE_MAX: none. */
static inline uint64_t egi_gate_limit(const struct egi_gate *gate)
{
	return egi_gate_word_limit(egi_gate_look(gate));
}

/* More are running than the limit allows. */
static inline bool egi_gate_is_crowded(const struct egi_gate *gate)
{
	uint64_t word = egi_gate_look(gate);

	return egi_gate_word_running(word) > egi_gate_word_limit(word);
}

/* A thread is inside that does not run tasks: it waits. */
static inline bool egi_gate_has_waiters(const struct egi_gate *gate)
{
	uint64_t word = egi_gate_look(gate);

	return egi_gate_word_holders(word) > egi_gate_word_running(word);
}

/* A limit as the gate keeps it; what does not fit is no limit. */
static inline uint64_t egi_gate_limit_of(int limit)
{
	return limit <= 0 || (uint64_t)limit > EGI_GATE_MAX ? EGI_GATE_MAX : (uint64_t)limit;
}

/*
 * The life of a group. Before anything of it is made: egi_gate_begin_life. Afterwards, by egi_gate_open, the calling thread
 * has the group to itself, or, without `biased`, everybody may use it.
 */

/* Once, when the memory is new. */
void egi_gate_init(struct egi_gate *gate);

/* A number that no other group has had, in this process; when the thread has none left, that of some more. */
uint64_t egi_gate_take_lives(void);

static inline uint64_t egi_gate_new_life(void)
{
	struct egi_thread *self = &egi_thread_self;

	return EGI_LIKELY(self->life_next != self->life_end) ? self->life_next++ : egi_gate_take_lives();
}

static inline void egi_gate_begin_life(struct egi_gate *gate)
{
	/* [J3] release: the end of the life before; pairs with [J4]. */
	egi_store_release_u64(&gate->life, egi_gate_new_life());
}

static inline void egi_gate_open(struct egi_gate *gate, uint64_t limit, bool biased)
{
	uint64_t word = limit * EGI_GATE_LIMIT_ONE;

	egi_store_relaxed_u32(&gate->engaged, 0);
	gate->owner = biased ? egi_thread_self.id : EGI_OWNER_NONE;
	if (biased)
		word |= EGI_GATE_BIASED | (gate->life & EGI_GATE_LIFE);
	/* [J1] release: what a group begins with before its word; pairs with [J2]. */
	egi_store_release_u64(&gate->word, word);
}

/* Nobody is the owner, and no thread finds its queue by the life, any more. */
void egi_gate_disown(struct egi_gate *gate);

/* The group is no more. True: nobody is inside; or else the last one that leaves is told. */
bool egi_gate_kill(struct egi_gate *gate);

/*
 * The owner alone
 */

static inline bool egi_gate_is_owner(const struct egi_gate *gate)
{
	return egi_load_relaxed_u64(&gate->owner) == egi_thread_self.id;
}

/* Whether the caller is the owner of a group that may still be biased. */
static inline bool egi_gate_is_mine(const struct egi_gate *gate)
{
	return egi_gate_is_owner(gate) && egi_gate_word_is_biased(egi_gate_look(gate));
}

/* In a section: the owner takes a place, or gives it up. The word shows it once the group is shared. */
static inline void egi_gate_engage_alone(struct egi_gate *gate, bool engaged)
{
	egi_store_relaxed_u32(&gate->engaged, engaged);
}

static inline bool egi_gate_is_engaged(const struct egi_gate *gate)
{
	return egi_load_relaxed_u32(&gate->engaged) != 0;
}

/* For others: whether the owner is inside a section. If not, what it has done in its last one is seen. */
static inline bool egi_gate_is_busy(const struct egi_gate *gate)
{
	/* [B4] acquire: pairs with [B3]. */
	return egi_load_acquire_u32(&gate->busy) != 0;
}

static inline void egi_gate_end_alone(struct egi_gate *gate)
{
	/* [B3] release: what was done before others may come in; pairs with [B4]. */
	egi_store_release_u32(&gate->busy, 0);
}

/*
 * The owner only: enters a section. False if the group is shared, or about to be; the owner is then to call egi_gate_share.
 * Sections are short, and call nothing that waits for another thread.
 */
static inline bool egi_gate_begin_alone(struct egi_gate *gate)
{
	egi_store_relaxed_u32(&gate->busy, 1);
	egi_fence_light(); /* [B1] busy before the look for others; pairs with [B2] */
	/* [B5] acquire: the look before what is done in the section; pairs with [B6]. */
	if (EGI_LIKELY(egi_load_acquire_u64(&gate->contested) != egi_load_relaxed_u64(&gate->life) &&
		       egi_gate_word_is_biased(egi_gate_look(gate))))
		return true;
	egi_gate_end_alone(gate);
	return false;
}

/* In a section. */
static inline void egi_gate_limit_alone(struct egi_gate *gate, uint64_t limit)
{
	uint64_t word = egi_gate_look(gate) & ~(EGI_GATE_MAX * EGI_GATE_LIMIT_ONE);

	egi_store_relaxed_u64(&gate->word, word | limit * EGI_GATE_LIMIT_ONE);
}

/* In a section that is the last: the group is no more. */
static inline void egi_gate_kill_alone(struct egi_gate *gate)
{
	egi_store_relaxed_u64(&gate->word, EGI_GATE_DEAD);
}

/* Ends the bias: on return all threads may use the gate and the slots. Not inside a section. */
void egi_gate_share(struct egi_gate *gate);

/* The same for a thread that may come late: false if the owner is inside a section, or the group is no more. */
bool egi_gate_try_share(struct egi_gate *gate);

/*
 * Coming and going, when the group is shared
 */

/* Becomes a holder, and takes a place if there is one and it is wanted. Returns whether a place was taken. */
bool egi_gate_enter(struct egi_gate *gate, bool wants_place);

/* Ceases to be one. True: the caller was the last one inside a group that is no more. */
bool egi_gate_leave(struct egi_gate *gate);

/* A holder takes a place. */
bool egi_gate_take_place(struct egi_gate *gate);

/*
 * A holder gives up its place. Returns whether a submitter may have relied on it: the group was quiet because it was full,
 * and is no longer. The caller must then look for tasks again, with egi_state_has_left_over.
 */
bool egi_gate_leave_place(struct egi_gate *gate);

/* The same if it is one too many. It has given up its slot before, so that no more slots are in use than places. */
bool egi_gate_yield_place(struct egi_gate *gate);

/*
 * For the crew, which may come when the group is no more: which life the gate is in, and whether a thread is of use there
 * if tasks wait.
 */
bool egi_gate_glance(const struct egi_gate *gate, uint64_t *ret_life);

/* Marks the group as posted, if it may be. */
bool egi_gate_post(struct egi_gate *gate, bool again);

/* The post is taken down: by a thread that enters and takes a place, if there is one; or because nothing is left to do. */
bool egi_gate_answer(struct egi_gate *gate);
void egi_gate_unpost(struct egi_gate *gate);

/* Returns whether there was no room for a thread before, and there is now: then left-over tasks are to be looked for. */
bool egi_gate_change_limit(struct egi_gate *gate, uint64_t limit);

#endif
