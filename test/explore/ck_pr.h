/* SPDX-License-Identifier: MIT */
#ifndef CK_PR_H
#define CK_PR_H

/*
 * Concurrency Kit's ck_pr.h for the schedule explorer.
 *
 * The same names as in the stock header, with the explorer behind them: every access is a point at which
 * another thread may go on, stores may stay in a buffer of their thread for a while, and read-modify-writes
 * and the fences that order a store before a load empty it. That is how x86-64 orders memory, so the fences
 * that cost nothing there do nothing here. The build puts this folder on the include path before the
 * system's; ck_ring.h and src/os/atomic.h take it unchanged.
 *
 * Only what this library and ck_ring.h use is here: int, unsigned int, 32 and 64 bits, pointers.
 */

#define CK_PR_WATCHED /* says to src/os/atomic.h that every access has to come here, on all machines */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ck_cc.h>
#include <ck_limits.h>
#include <ck_md.h>

uint64_t explore_load(const void *at, unsigned size);
void explore_store(void *at, unsigned size, uint64_t value);
/* Returns the value before. */
uint64_t explore_exchange(void *at, unsigned size, uint64_t value);
uint64_t explore_add(void *at, unsigned size, uint64_t delta);
uint64_t explore_and(void *at, unsigned size, uint64_t mask);
uint64_t explore_or(void *at, unsigned size, uint64_t bits);
uint64_t explore_swap(void *at, unsigned size, uint64_t expected, uint64_t value);
void explore_fence(void);
void explore_stall(void);

#define CK_EXPLORE_FUNCTION __attribute__((always_inline, unused)) static inline

/*
 * Fences
 */

CK_EXPLORE_FUNCTION void ck_pr_barrier(void)
{
	__asm__ __volatile__("" ::: "memory");
}

CK_EXPLORE_FUNCTION void ck_pr_stall(void)
{
	explore_stall();
}

#define CK_EXPLORE_FENCE(name, how)                              \
	CK_EXPLORE_FUNCTION void ck_pr_fence_##name(void)        \
	{                                                        \
		how();                                           \
	}                                                        \
	CK_EXPLORE_FUNCTION void ck_pr_fence_strict_##name(void) \
	{                                                        \
		how();                                           \
	}

CK_EXPLORE_FENCE(load_depends, ck_pr_barrier)
CK_EXPLORE_FENCE(atomic, ck_pr_barrier)
CK_EXPLORE_FENCE(atomic_load, ck_pr_barrier)
CK_EXPLORE_FENCE(atomic_store, ck_pr_barrier)
CK_EXPLORE_FENCE(store_atomic, ck_pr_barrier)
CK_EXPLORE_FENCE(load_atomic, ck_pr_barrier)
CK_EXPLORE_FENCE(load_store, ck_pr_barrier)
CK_EXPLORE_FENCE(load, ck_pr_barrier)
CK_EXPLORE_FENCE(store, ck_pr_barrier)
CK_EXPLORE_FENCE(acquire, ck_pr_barrier)
CK_EXPLORE_FENCE(release, ck_pr_barrier)
CK_EXPLORE_FENCE(acqrel, ck_pr_barrier)
CK_EXPLORE_FENCE(lock, ck_pr_barrier)
CK_EXPLORE_FENCE(unlock, ck_pr_barrier)
CK_EXPLORE_FENCE(store_load, explore_fence)
CK_EXPLORE_FENCE(memory, explore_fence)

CK_EXPLORE_FUNCTION void ck_pr_rfo(const void *target)
{
	(void)target;
}

/*
 * Integers
 */

#define CK_EXPLORE_INTEGER(name, type)                                                                  \
	CK_EXPLORE_FUNCTION type ck_pr_load_##name(const type *target)                                  \
	{                                                                                               \
		return (type)explore_load(target, sizeof(type));                                        \
	}                                                                                               \
	CK_EXPLORE_FUNCTION void ck_pr_store_##name(type *target, type value)                           \
	{                                                                                               \
		explore_store(target, sizeof(type), (uint64_t)value);                                   \
	}                                                                                               \
	CK_EXPLORE_FUNCTION bool ck_pr_cas_##name##_value(type *target, type compare, type set,         \
							  type *original)                               \
	{                                                                                               \
		*original = (type)explore_swap(target, sizeof(type), (uint64_t)compare, (uint64_t)set); \
		return *original == compare;                                                            \
	}                                                                                               \
	CK_EXPLORE_FUNCTION bool ck_pr_cas_##name(type *target, type compare, type set)                 \
	{                                                                                               \
		return (type)explore_swap(target, sizeof(type), (uint64_t)compare, (uint64_t)set) ==    \
		       compare;                                                                         \
	}                                                                                               \
	CK_EXPLORE_FUNCTION type ck_pr_fas_##name(type *target, type value)                             \
	{                                                                                               \
		return (type)explore_exchange(target, sizeof(type), (uint64_t)value);                   \
	}                                                                                               \
	CK_EXPLORE_FUNCTION type ck_pr_faa_##name(type *target, type delta)                             \
	{                                                                                               \
		return (type)explore_add(target, sizeof(type), (uint64_t)delta);                        \
	}                                                                                               \
	CK_EXPLORE_FUNCTION void ck_pr_add_##name(type *target, type delta)                             \
	{                                                                                               \
		explore_add(target, sizeof(type), (uint64_t)delta);                                     \
	}                                                                                               \
	CK_EXPLORE_FUNCTION void ck_pr_sub_##name(type *target, type delta)                             \
	{                                                                                               \
		explore_add(target, sizeof(type), (uint64_t)0 - (uint64_t)delta);                       \
	}                                                                                               \
	CK_EXPLORE_FUNCTION void ck_pr_and_##name(type *target, type mask)                              \
	{                                                                                               \
		explore_and(target, sizeof(type), (uint64_t)mask);                                      \
	}                                                                                               \
	CK_EXPLORE_FUNCTION void ck_pr_or_##name(type *target, type bits)                               \
	{                                                                                               \
		explore_or(target, sizeof(type), (uint64_t)bits);                                       \
	}                                                                                               \
	CK_EXPLORE_FUNCTION void ck_pr_inc_##name(type *target)                                         \
	{                                                                                               \
		explore_add(target, sizeof(type), 1);                                                   \
	}                                                                                               \
	CK_EXPLORE_FUNCTION void ck_pr_dec_##name(type *target)                                         \
	{                                                                                               \
		explore_add(target, sizeof(type), UINT64_MAX);                                          \
	}                                                                                               \
	CK_EXPLORE_FUNCTION bool ck_pr_dec_##name##_is_zero(type *target)                               \
	{                                                                                               \
		return (type)explore_add(target, sizeof(type), UINT64_MAX) == (type)1;                  \
	}

CK_EXPLORE_INTEGER(int, int)
CK_EXPLORE_INTEGER(uint, unsigned int)
CK_EXPLORE_INTEGER(32, uint32_t)
CK_EXPLORE_INTEGER(64, uint64_t)

/*
 * Pointers. As in the stock header the target is passed as void *, and a load has the type of what it loads.
 */

#define ck_pr_load_ptr(target) ((__typeof__(*(target)))(uintptr_t)explore_load((target), sizeof(void *)))
#define ck_pr_store_ptr(target, value) explore_store((target), sizeof(void *), (uint64_t)(uintptr_t)(value))
#define ck_pr_store_ptr_unsafe(target, value) ck_pr_store_ptr((target), (value))

CK_EXPLORE_FUNCTION bool ck_pr_cas_ptr_value(void *target, void *compare, void *set, void *original)
{
	void *before = (void *)(uintptr_t)explore_swap(target, sizeof(void *), (uint64_t)(uintptr_t)compare,
						       (uint64_t)(uintptr_t)set);

	*(void **)original = before;
	return before == compare;
}

CK_EXPLORE_FUNCTION bool ck_pr_cas_ptr(void *target, void *compare, void *set)
{
	return explore_swap(target, sizeof(void *), (uint64_t)(uintptr_t)compare, (uint64_t)(uintptr_t)set) ==
	       (uint64_t)(uintptr_t)compare;
}

CK_EXPLORE_FUNCTION void *ck_pr_fas_ptr(void *target, void *value)
{
	return (void *)(uintptr_t)explore_exchange(target, sizeof(void *), (uint64_t)(uintptr_t)value);
}

CK_EXPLORE_FUNCTION void *ck_pr_faa_ptr(void *target, uintptr_t delta)
{
	return (void *)(uintptr_t)explore_add(target, sizeof(void *), delta);
}

#undef CK_EXPLORE_INTEGER
#undef CK_EXPLORE_FENCE
#undef CK_EXPLORE_FUNCTION

#endif
