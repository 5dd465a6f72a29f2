/* SPDX-License-Identifier: MIT */
#ifndef CK_PR_H
#define CK_PR_H

/*
 * Concurrency Kit's ck_pr.h for ThreadSanitizer builds.
 *
 * The stock header is inline assembly, in which ThreadSanitizer sees no atomic access at all, and orders plain
 * accesses by stand-alone fences, which it ignores. Here the same names are __atomic builtins that carry their
 * order themselves: every load acquires, every store releases, every read-modify-write does both. The build puts
 * this folder on the include path before the system's, so that ck_ring.h and src/os/atomic.h take it unchanged.
 *
 * What that can and cannot show: it reports every access to shared data that no pair of atomic accesses orders,
 * which is nearly every protocol bug. It does not report a release fence missing before a store, because all
 * stores release here; for that, src/os/atomic.h maps its relaxed accesses to the _relaxed names below.
 *
 * Fences stay real instructions where the hardware needs one (store before load), so that the protocols built on
 * them work; they give ThreadSanitizer no edge.
 *
 * Only what this library and ck_ring.h use is here: int, unsigned int, 32 and 64 bits, pointers.
 */

#define CK_PR_ORDERED /* says to src/os/atomic.h that plain names order, and that the _relaxed ones exist */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ck_cc.h>
#include <ck_limits.h>
#include <ck_md.h>

#define CK_TSAN_FUNCTION __attribute__((always_inline, unused)) static inline

/*
 * Fences
 */

CK_TSAN_FUNCTION void ck_pr_barrier(void)
{
	__asm__ __volatile__("" ::: "memory");
}

CK_TSAN_FUNCTION void ck_pr_stall(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__asm__ __volatile__("pause" ::: "memory");
#else
	ck_pr_barrier();
#endif
}

/*
 * A full fence in assembly: as a builtin it would be refused by gcc's -Wtsan, and as a read-modify-write of a
 * common variable it would order all threads in ThreadSanitizer's eyes and hide races.
 */
CK_TSAN_FUNCTION void ck_pr_fence_full(void)
{
#if defined(__x86_64__)
	__asm__ __volatile__("mfence" ::: "memory");
#elif defined(__aarch64__)
	__asm__ __volatile__("dmb ish" ::: "memory");
#else
	__sync_synchronize();
#endif
}

#if defined(__x86_64__)
#define CK_TSAN_FENCE_WEAK() ck_pr_barrier()
#else
#define CK_TSAN_FENCE_WEAK() ck_pr_fence_full()
#endif

#define CK_TSAN_FENCE(name, how)                              \
	CK_TSAN_FUNCTION void ck_pr_fence_##name(void)        \
	{                                                     \
		how;                                          \
	}                                                     \
	CK_TSAN_FUNCTION void ck_pr_fence_strict_##name(void) \
	{                                                     \
		how;                                          \
	}

CK_TSAN_FENCE(load_depends, ck_pr_barrier())
CK_TSAN_FENCE(atomic, CK_TSAN_FENCE_WEAK())
CK_TSAN_FENCE(atomic_load, CK_TSAN_FENCE_WEAK())
CK_TSAN_FENCE(atomic_store, CK_TSAN_FENCE_WEAK())
CK_TSAN_FENCE(store_atomic, CK_TSAN_FENCE_WEAK())
CK_TSAN_FENCE(load_atomic, CK_TSAN_FENCE_WEAK())
CK_TSAN_FENCE(load_store, CK_TSAN_FENCE_WEAK())
CK_TSAN_FENCE(load, CK_TSAN_FENCE_WEAK())
CK_TSAN_FENCE(store, CK_TSAN_FENCE_WEAK())
CK_TSAN_FENCE(acquire, CK_TSAN_FENCE_WEAK())
CK_TSAN_FENCE(release, CK_TSAN_FENCE_WEAK())
CK_TSAN_FENCE(acqrel, CK_TSAN_FENCE_WEAK())
CK_TSAN_FENCE(lock, CK_TSAN_FENCE_WEAK())
CK_TSAN_FENCE(unlock, CK_TSAN_FENCE_WEAK())
CK_TSAN_FENCE(store_load, ck_pr_fence_full())
CK_TSAN_FENCE(memory, ck_pr_fence_full())

CK_TSAN_FUNCTION void ck_pr_rfo(const void *target)
{
	(void)target;
}

/*
 * Integers
 */

#define CK_TSAN_INTEGER(name, type)                                                                          \
	CK_TSAN_FUNCTION type ck_pr_load_##name(const type *target)                                          \
	{                                                                                                    \
		return __atomic_load_n(target, __ATOMIC_ACQUIRE);                                            \
	}                                                                                                    \
	CK_TSAN_FUNCTION type ck_pr_load_##name##_relaxed(const type *target)                                \
	{                                                                                                    \
		return __atomic_load_n(target, __ATOMIC_RELAXED);                                            \
	}                                                                                                    \
	CK_TSAN_FUNCTION void ck_pr_store_##name(type *target, type value)                                   \
	{                                                                                                    \
		__atomic_store_n(target, value, __ATOMIC_RELEASE);                                           \
	}                                                                                                    \
	CK_TSAN_FUNCTION void ck_pr_store_##name##_relaxed(type *target, type value)                         \
	{                                                                                                    \
		__atomic_store_n(target, value, __ATOMIC_RELAXED);                                           \
	}                                                                                                    \
	CK_TSAN_FUNCTION bool ck_pr_cas_##name##_value(type *target, type compare, type set, type *original) \
	{                                                                                                    \
		bool done = __atomic_compare_exchange_n(target, &compare, set, false, __ATOMIC_SEQ_CST,      \
							__ATOMIC_SEQ_CST);                                   \
		*original = compare;                                                                         \
		return done;                                                                                 \
	}                                                                                                    \
	CK_TSAN_FUNCTION bool ck_pr_cas_##name(type *target, type compare, type set)                         \
	{                                                                                                    \
		return __atomic_compare_exchange_n(target, &compare, set, false, __ATOMIC_SEQ_CST,           \
						   __ATOMIC_SEQ_CST);                                        \
	}                                                                                                    \
	CK_TSAN_FUNCTION type ck_pr_fas_##name(type *target, type value)                                     \
	{                                                                                                    \
		return __atomic_exchange_n(target, value, __ATOMIC_SEQ_CST);                                 \
	}                                                                                                    \
	CK_TSAN_FUNCTION type ck_pr_faa_##name(type *target, type value)                                     \
	{                                                                                                    \
		return __atomic_fetch_add(target, value, __ATOMIC_SEQ_CST);                                  \
	}                                                                                                    \
	CK_TSAN_FUNCTION void ck_pr_add_##name(type *target, type value)                                     \
	{                                                                                                    \
		__atomic_fetch_add(target, value, __ATOMIC_SEQ_CST);                                         \
	}                                                                                                    \
	CK_TSAN_FUNCTION void ck_pr_sub_##name(type *target, type value)                                     \
	{                                                                                                    \
		__atomic_fetch_sub(target, value, __ATOMIC_SEQ_CST);                                         \
	}                                                                                                    \
	CK_TSAN_FUNCTION void ck_pr_and_##name(type *target, type value)                                     \
	{                                                                                                    \
		__atomic_fetch_and(target, value, __ATOMIC_SEQ_CST);                                         \
	}                                                                                                    \
	CK_TSAN_FUNCTION void ck_pr_or_##name(type *target, type value)                                      \
	{                                                                                                    \
		__atomic_fetch_or(target, value, __ATOMIC_SEQ_CST);                                          \
	}                                                                                                    \
	CK_TSAN_FUNCTION void ck_pr_xor_##name(type *target, type value)                                     \
	{                                                                                                    \
		__atomic_fetch_xor(target, value, __ATOMIC_SEQ_CST);                                         \
	}                                                                                                    \
	CK_TSAN_FUNCTION void ck_pr_inc_##name(type *target)                                                 \
	{                                                                                                    \
		__atomic_fetch_add(target, (type)1, __ATOMIC_SEQ_CST);                                       \
	}                                                                                                    \
	CK_TSAN_FUNCTION void ck_pr_dec_##name(type *target)                                                 \
	{                                                                                                    \
		__atomic_fetch_sub(target, (type)1, __ATOMIC_SEQ_CST);                                       \
	}                                                                                                    \
	CK_TSAN_FUNCTION bool ck_pr_inc_##name##_is_zero(type *target)                                       \
	{                                                                                                    \
		return __atomic_add_fetch(target, (type)1, __ATOMIC_SEQ_CST) == 0;                           \
	}                                                                                                    \
	CK_TSAN_FUNCTION bool ck_pr_dec_##name##_is_zero(type *target)                                       \
	{                                                                                                    \
		return __atomic_sub_fetch(target, (type)1, __ATOMIC_SEQ_CST) == 0;                           \
	}                                                                                                    \
	CK_TSAN_FUNCTION void ck_pr_dec_##name##_zero(type *target, bool *zero)                              \
	{                                                                                                    \
		*zero = ck_pr_dec_##name##_is_zero(target);                                                  \
	}                                                                                                    \
	CK_TSAN_FUNCTION void ck_pr_inc_##name##_zero(type *target, bool *zero)                              \
	{                                                                                                    \
		*zero = ck_pr_inc_##name##_is_zero(target);                                                  \
	}

CK_TSAN_INTEGER(int, int)
CK_TSAN_INTEGER(uint, unsigned int)
CK_TSAN_INTEGER(32, uint32_t)
CK_TSAN_INTEGER(64, uint64_t)

/*
 * Pointers. As in the stock header the target is passed as void *, and a load has the type of what it loads.
 */

#define ck_pr_load_ptr(target) ((__typeof__(*(target)))__atomic_load_n((target), __ATOMIC_ACQUIRE))
#define ck_pr_load_ptr_relaxed(target) ((__typeof__(*(target)))__atomic_load_n((target), __ATOMIC_RELAXED))
#define ck_pr_store_ptr(target, value) __atomic_store_n((target), (value), __ATOMIC_RELEASE)
#define ck_pr_store_ptr_relaxed(target, value) __atomic_store_n((target), (value), __ATOMIC_RELAXED)
#define ck_pr_store_ptr_unsafe(target, value) __atomic_store_n((void **)(target), (value), __ATOMIC_RELEASE)

CK_TSAN_FUNCTION bool ck_pr_cas_ptr_value(void *target, void *compare, void *set, void *original)
{
	bool done = __atomic_compare_exchange_n((void **)target, &compare, set, false, __ATOMIC_SEQ_CST,
						__ATOMIC_SEQ_CST);

	*(void **)original = compare;
	return done;
}

CK_TSAN_FUNCTION bool ck_pr_cas_ptr(void *target, void *compare, void *set)
{
	return __atomic_compare_exchange_n((void **)target, &compare, set, false, __ATOMIC_SEQ_CST,
					   __ATOMIC_SEQ_CST);
}

CK_TSAN_FUNCTION void *ck_pr_fas_ptr(void *target, void *value)
{
	return __atomic_exchange_n((void **)target, value, __ATOMIC_SEQ_CST);
}

CK_TSAN_FUNCTION void *ck_pr_faa_ptr(void *target, uintptr_t value)
{
	return (void *)__atomic_fetch_add((uintptr_t *)target, value, __ATOMIC_SEQ_CST);
}

#undef CK_TSAN_INTEGER
#undef CK_TSAN_FENCE
#undef CK_TSAN_FENCE_WEAK
#undef CK_TSAN_FUNCTION

#endif
