/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_COMPILER_H
#define EGI_OS_COMPILER_H

/*
 * What every source file may rely on: branch hints, alignment and container_of.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EGI_LIKELY(x) __builtin_expect(!!(x), 1)
#define EGI_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define EGI_NOINLINE __attribute__((noinline))
#define EGI_COLD __attribute__((noinline, cold))
/* A variable of the library's: without it a compiler looks its address up, as if it could be another module's. */
#define EGI_HIDDEN __attribute__((visibility("hidden")))

/*
 * What different threads write lies this far apart: two lines, because the hardware prefetches in pairs.
 */
#define EGI_CACHE_PAIR 128
#define EGI_ALIGNED __attribute__((aligned(EGI_CACHE_PAIR)))

#define EGI_CONTAINER_OF(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
