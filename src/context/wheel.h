/* SPDX-License-Identifier: MIT */
#ifndef EGI_CONTEXT_WHEEL_H
#define EGI_CONTEXT_WHEEL_H

/*
 * A hierarchical timing wheel: any number of deadlines, added and removed in constant time and without memory.
 *
 * Time is counted in ticks of 2^16 ns, from 2^62 ns before the clock's zero, since a clock that the program was given by
 * somebody may be below that; a deadline is rounded up to the next tick, so nothing is ever early. A tick has
 * eight digits of six bits. A timer lies at the level of the highest digit in which its tick differs from the wheel's,
 * in the slot of that digit. The wheel's own digits only rise, so the slots of a level are reached in order, and what
 * comes next is the first filled slot of the lowest level that has one. When the wheel reaches a slot of a higher level,
 * the timers there differ from it in lower digits only, and move down; each timer moves at most seven times.
 *
 * The wheel has no lock and no clock of its own.
 */

#include <sys/queue.h>

#include "os/compiler.h"

#define EGI_WHEEL_TICK_BITS 16
#define EGI_WHEEL_LEVELS 8
#define EGI_WHEEL_SLOTS 64

struct egi_timer {
	uint64_t tick;
	unsigned slot; /* where it is listed; of no meaning for a timer that is due */
	bool armed;    /* it is listed */
	LIST_ENTRY(egi_timer) link;
};

LIST_HEAD(egi_timers, egi_timer);

struct egi_wheel {
	uint64_t tick;  /* whatever is armed is later than this, or in one of the two lists */
	uint64_t armed; /* how many are */
	uint64_t filled[EGI_WHEEL_LEVELS]; /* a bit for each slot that is not empty */
	struct egi_timers slots[EGI_WHEEL_LEVELS * EGI_WHEEL_SLOTS];
	struct egi_timers moving; /* on their way to lower levels */
	struct egi_timers due;
};

#define EGI_WHEEL_EPOCH (UINT64_C(1) << 62)

/* Nanoseconds since the first tick; times before it are in it. */
static inline uint64_t egi_wheel_since(int64_t time_ns)
{
	uint64_t since = (uint64_t)time_ns + EGI_WHEEL_EPOCH;

	return since > INT64_MAX + EGI_WHEEL_EPOCH ? 0 : since;
}

/* The tick in which a time lies, and the first one that does not begin before it. */
static inline uint64_t egi_wheel_tick_of(int64_t time_ns)
{
	return egi_wheel_since(time_ns) >> EGI_WHEEL_TICK_BITS;
}

static inline uint64_t egi_wheel_tick(int64_t time_ns)
{
	return (egi_wheel_since(time_ns) + (UINT64_C(1) << EGI_WHEEL_TICK_BITS) - 1) >> EGI_WHEEL_TICK_BITS;
}

/* When a tick begins; INT64_MAX if that is beyond the clock's range. */
static inline int64_t egi_wheel_time(uint64_t tick)
{
	uint64_t since = tick << EGI_WHEEL_TICK_BITS;

	return since > INT64_MAX + EGI_WHEEL_EPOCH ? INT64_MAX : (int64_t)(since - EGI_WHEEL_EPOCH);
}

/* Arms a timer for a time other than INT64_MAX. */
void egi_wheel_add(struct egi_wheel *wheel, struct egi_timer *timer, int64_t due_ns, int64_t now_ns);

/* Disarms a timer that is armed. */
void egi_wheel_remove(struct egi_wheel *wheel, struct egi_timer *timer);

/*
 * Turns the wheel up to a time, until some timers are due. Does a bounded amount of work: true if there is more to do
 * at once.
 */
bool egi_wheel_turn(struct egi_wheel *wheel, int64_t now_ns);

/* Takes a timer that is due out of the wheel, disarmed. NULL if there is none. */
struct egi_timer *egi_wheel_take(struct egi_wheel *wheel);

/* When to turn the wheel next; INT64_MIN: at once; INT64_MAX if nothing is armed. */
int64_t egi_wheel_next_ns(const struct egi_wheel *wheel);

#endif
