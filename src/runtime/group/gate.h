/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_GATE_H
#define EGI_GROUP_GATE_H

/*
 * Who is at work on a group, in one 64-bit word, so that every decision about it is one compare-and-swap:
 *
 *   running   slots taken: threads that run the group's tasks, or look for one; at most the limit
 *   holders   threads inside the state: those running, those waiting, those on their way out
 *   limit     how many may run; GATE_MAX without a limit
 *   posted    the group is on the crew's board: some thread will come and look
 *   dead      destroyed; the last holder frees the state
 *   biased    only the thread that made the group has used it, and keeps its place elsewhere (state.h); the bits of
 *             running and holders hold the low bits of the group's life instead, so that no two biased gates are equal
 *
 * A group is quiet when a submitter need not call for help: somebody will come, or nobody may. The word changes
 * only when threads come and go, so for a submitter it is a line that stays in its cache.
 */

#include "os/atomic.h"

#define EGI_GATE_BITS 20
#define EGI_GATE_MAX ((UINT64_C(1) << EGI_GATE_BITS) - 1)

#define EGI_GATE_RUNNING_ONE UINT64_C(1)
#define EGI_GATE_HOLDERS_ONE (UINT64_C(1) << EGI_GATE_BITS)
#define EGI_GATE_LIMIT_ONE (UINT64_C(1) << (2 * EGI_GATE_BITS))
#define EGI_GATE_POSTED (UINT64_C(1) << 60)
#define EGI_GATE_DEAD (UINT64_C(1) << 61)
#define EGI_GATE_BIASED (UINT64_C(1) << 62)
#define EGI_GATE_LIFE (EGI_GATE_LIMIT_ONE - 1)

static inline uint64_t egi_gate_running(uint64_t gate)
{
	return gate & EGI_GATE_MAX;
}

static inline uint64_t egi_gate_holders(uint64_t gate)
{
	return gate >> EGI_GATE_BITS & EGI_GATE_MAX;
}

static inline uint64_t egi_gate_limit(uint64_t gate)
{
	return gate >> (2 * EGI_GATE_BITS) & EGI_GATE_MAX;
}

/* A limit as the gate keeps it; what does not fit is no limit. */
static inline uint64_t egi_gate_limit_of(int limit)
{
	return limit <= 0 || (uint64_t)limit > EGI_GATE_MAX ? EGI_GATE_MAX : (uint64_t)limit;
}

static inline bool egi_gate_has_room(uint64_t gate)
{
	return (gate & (EGI_GATE_DEAD | EGI_GATE_BIASED)) == 0 &&
	       egi_gate_running(gate) < egi_gate_limit(gate);
}

static inline bool egi_gate_is_quiet(uint64_t gate)
{
	return (gate & EGI_GATE_POSTED) != 0 || (!egi_gate_has_room(gate) && (gate & EGI_GATE_BIASED) == 0);
}

/* Marks the group as posted, if it has room for a thread. `again`: also if it is posted already. */
static inline bool egi_gate_post(uint64_t *at, bool again)
{
	uint64_t gate = egi_load_relaxed_u64(at);

	do {
		if (!egi_gate_has_room(gate) || (!again && (gate & EGI_GATE_POSTED) != 0))
			return false;
	} while (!egi_cas_u64(at, &gate, gate | EGI_GATE_POSTED)); /* [J11] full: the task before the post */
	return true;
}

/* The gate of a group that is used by the thread that made it. */
static inline uint64_t egi_gate_biased(uint64_t limit, uint64_t life)
{
	return EGI_GATE_BIASED | limit * EGI_GATE_LIMIT_ONE | (life & EGI_GATE_LIFE);
}

/* What a biased gate becomes when it is to be used by all; `engaged`: its thread has a place. */
static inline uint64_t egi_gate_shared(uint64_t gate, bool engaged)
{
	gate &= EGI_GATE_MAX * EGI_GATE_LIMIT_ONE;
	return engaged ? gate + EGI_GATE_RUNNING_ONE + EGI_GATE_HOLDERS_ONE : gate;
}

static inline void egi_gate_unpost(uint64_t *at)
{
	uint64_t gate = egi_load_relaxed_u64(at);

	/* [G2] full, and followed by the heavy fence of egi_state_has_left_over; pairs with [G1]. */
	while (!egi_cas_u64(at, &gate, gate & ~EGI_GATE_POSTED))
		;
}

#endif
