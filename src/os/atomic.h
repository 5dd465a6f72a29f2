/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_ATOMIC_H
#define EGI_OS_ATOMIC_H

/*
 * Atomic operations with their ordering spelled in the name, over Concurrency Kit's ck_pr. The only file that
 * includes ck_pr.h, so that a test build can put another atomics layer under the whole library.
 *
 *   _relaxed   no ordering
 *   _acquire   later accesses stay after this load; pairs with a release
 *   _release   earlier accesses stay before this store; pairs with an acquire
 *   no suffix  read-modify-write, full order on both sides, whether it changes anything or not: what is before it is
 *              seen by all before anything after it is done, as with egi_fence_full
 *
 * On x86 only the full fence costs an instruction besides the access. Elsewhere ck_pr has full fences only, so loads that
 * acquire and stores that release are the compiler's, which has instructions for them.
 */

#include <ck_pr.h>

#include "os/compiler.h"

/*
 * Who gives the order. A test build's ck_pr orders by itself (CK_PR_ORDERED: it has _relaxed accesses besides), or has to
 * see every access (CK_PR_WATCHED).
 */
#if defined(__x86_64__) || defined(CK_PR_ORDERED) || defined(CK_PR_WATCHED)
#define EGI_CK_LOAD_ACQUIRE(ck, from)                                  \
	(__extension__({                                               \
		__typeof__(*(from)) egi_value = ck_pr_load_##ck(from); \
		ck_pr_fence_acquire();                                 \
		egi_value;                                             \
	}))
#define EGI_CK_STORE_RELEASE(ck, to, value)      \
	do {                                     \
		ck_pr_fence_release();           \
		ck_pr_store_##ck((to), (value)); \
	} while (0)
/* Around a read-modify-write, which is a full fence itself here. */
#define EGI_CK_FENCE_BEFORE() ck_pr_fence_release()
#define EGI_CK_FENCE_AFTER() ck_pr_fence_acquire()
#else
#define EGI_CK_LOAD_ACQUIRE(ck, from) __atomic_load_n((from), __ATOMIC_ACQUIRE)
#define EGI_CK_STORE_RELEASE(ck, to, value) __atomic_store_n((to), (value), __ATOMIC_RELEASE)
/*
 * Release before and acquire after, as locks need them, would let a store before pass a load after:
 *
 *     sleeper                             notifier
 *     sleepers + 1 (still in its buffer)
 *     nothing to do
 *                                         makes something to do
 *                                         sleepers == 0: no wake
 *     sleeps for ever
 */
#define EGI_CK_FENCE_BEFORE() ck_pr_fence_memory()
#define EGI_CK_FENCE_AFTER() ck_pr_fence_memory()
#endif

#ifdef CK_PR_ORDERED
#define EGI_CK_LOAD_RELAXED(ck, from) ck_pr_load_##ck##_relaxed(from)
#define EGI_CK_STORE_RELAXED(ck, to, value) ck_pr_store_##ck##_relaxed((to), (value))
#else
#define EGI_CK_LOAD_RELAXED(ck, from) ck_pr_load_##ck(from)
#define EGI_CK_STORE_RELAXED(ck, to, value) ck_pr_store_##ck((to), (value))
#endif

#define EGI_ATOMIC_LOADS_STORES(name, type, ck)                                                  \
	static inline type egi_load_relaxed_##name(const type *from)                             \
	{                                                                                        \
		return EGI_CK_LOAD_RELAXED(ck, from);                                            \
	}                                                                                        \
	static inline type egi_load_acquire_##name(const type *from)                             \
	{                                                                                        \
		return EGI_CK_LOAD_ACQUIRE(ck, from);                                            \
	}                                                                                        \
	static inline void egi_store_relaxed_##name(type *to, type value)                        \
	{                                                                                        \
		EGI_CK_STORE_RELAXED(ck, to, value);                                             \
	}                                                                                        \
	static inline void egi_store_release_##name(type *to, type value)                        \
	{                                                                                        \
		EGI_CK_STORE_RELEASE(ck, to, value);                                             \
	}                                                                                        \
	/* Stores `desired` if the value is *expected; otherwise *expected becomes the value. */ \
	static inline bool egi_cas_##name(type *at, type *expected, type desired)                \
	{                                                                                        \
		type before;                                                                     \
		bool done;                                                                       \
		EGI_CK_FENCE_BEFORE();                                                           \
		done = ck_pr_cas_##ck##_value(at, *expected, desired, &before);                  \
		EGI_CK_FENCE_AFTER();                                                            \
		if (!done)                                                                       \
			*expected = before;                                                      \
		return done;                                                                     \
	}                                                                                        \
	/* Adds and returns the value before. */                                                 \
	static inline type egi_add_##name(type *at, type delta)                                  \
	{                                                                                        \
		type before;                                                                     \
		EGI_CK_FENCE_BEFORE();                                                           \
		before = ck_pr_faa_##ck(at, delta);                                              \
		EGI_CK_FENCE_AFTER();                                                            \
		return before;                                                                   \
	}

EGI_ATOMIC_LOADS_STORES(u32, uint32_t, 32)
EGI_ATOMIC_LOADS_STORES(u64, uint64_t, 64)

/*
 * Pointers. Macros, so that the pointer keeps its type.
 */
#define egi_load_relaxed_ptr(from) ((__typeof__(*(from)))EGI_CK_LOAD_RELAXED(ptr, from))
#define egi_load_acquire_ptr(from)                                                                    \
	(__extension__({                                                                              \
		__typeof__(*(from)) egi_loaded = (__typeof__(*(from)))EGI_CK_LOAD_ACQUIRE(ptr, from); \
		egi_loaded;                                                                           \
	}))
#define egi_store_release_ptr(to, value) EGI_CK_STORE_RELEASE(ptr, to, value)
#define egi_cas_ptr(at, expected, desired)                             \
	(__extension__({                                               \
		bool egi_done;                                         \
		EGI_CK_FENCE_BEFORE();                                 \
		egi_done = ck_pr_cas_ptr((at), (expected), (desired)); \
		EGI_CK_FENCE_AFTER();                                  \
		egi_done;                                              \
	}))
#define egi_swap_ptr(at, desired)                                               \
	(__extension__({                                                        \
		__typeof__(*(at)) egi_before;                                   \
		EGI_CK_FENCE_BEFORE();                                          \
		egi_before = (__typeof__(*(at)))ck_pr_fas_ptr((at), (desired)); \
		EGI_CK_FENCE_AFTER();                                           \
		egi_before;                                                     \
	}))

/*
 * A relaxed load of a word that may be overwritten meanwhile, whose value is thrown away then. It is a builtin in a
 * function that ThreadSanitizer leaves alone, because it cannot know that the value is not used.
 */
#ifdef __SANITIZE_THREAD__
#define EGI_SPECULATIVE __attribute__((noinline, unused, no_sanitize_thread))
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EGI_SPECULATIVE __attribute__((noinline, unused, no_sanitize("thread")))
#endif
#endif
#ifndef EGI_SPECULATIVE
#define EGI_SPECULATIVE inline
#endif

static EGI_SPECULATIVE uint64_t egi_load_speculative_u64(const uint64_t *from)
{
	return __atomic_load_n(from, __ATOMIC_RELAXED);
}

static EGI_SPECULATIVE void *egi_load_speculative_ptr(void *const *from)
{
	return __atomic_load_n(from, __ATOMIC_RELAXED);
}

static inline void egi_fence_full(void)
{
	ck_pr_fence_memory();
}

/* Inside a spin loop: tells the core that this thread is waiting. */
static inline void egi_stall(void)
{
	ck_pr_stall();
}

#endif
