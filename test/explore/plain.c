/* SPDX-License-Identifier: MIT */
/*
 * Plain accesses of the library. It is compiled for ThreadSanitizer, and this is the runtime that it is
 * linked with: the calls that the compiler puts before plain loads and stores come here.
 *
 * Every one is checked to be in memory that has not been given back. One to a word that is accessed
 * atomically too is treated like an atomic one, since the order of the two matters then: others may go on
 * before it, and a store may stay in the buffer.
 */
#include <string.h>

#include "ck_pr.h"
#include "engine.h"

static void plain_read(const void *at, unsigned size, const void *caller)
{
	if (!machine.running)
		return;
	heap_check(at, size);
	if (machine.deciding && memory_is_atomic(at))
		memory_read_plainly(at, size, caller);
}

static void plain_write(void *at, unsigned size, const void *caller)
{
	if (!machine.running)
		return;
	heap_check(at, size);
	if (machine.deciding && memory_is_atomic(at))
		memory_write_plainly(at, size, caller);
}

#define PLAIN(size)                                  \
	void __tsan_read##size(void *at);            \
	void __tsan_write##size(void *at);           \
	void __tsan_unaligned_read##size(void *at);  \
	void __tsan_unaligned_write##size(void *at); \
	void __tsan_read##size(void *at)             \
	{                                            \
		plain_read(at, size, CALLER());      \
	}                                            \
	void __tsan_write##size(void *at)            \
	{                                            \
		plain_write(at, size, CALLER());     \
	}                                            \
	void __tsan_unaligned_read##size(void *at)   \
	{                                            \
		plain_read(at, size, CALLER());      \
	}                                            \
	void __tsan_unaligned_write##size(void *at)  \
	{                                            \
		plain_write(at, size, CALLER());     \
	}

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

void __tsan_read_range(void *at, size_t size);
void __tsan_read_range(void *at, size_t size)
{
	plain_read(at, (unsigned)size, CALLER());
}

void __tsan_write_range(void *at, size_t size);
void __tsan_write_range(void *at, size_t size)
{
	plain_write(at, (unsigned)size, CALLER());
}

/*
 * clang from 16 on has copying and filling of memory come here, gcc has none of it. Both ends are checked, and no point is
 * made of it: what threads race for is read and written word by word.
 */
static void range_check(const void *at, size_t size)
{
	if (machine.running && size > 0)
		heap_check(at, (unsigned)size);
}

void *__tsan_memcpy(void *to, const void *from, size_t size);
void *__tsan_memcpy(void *to, const void *from, size_t size)
{
	range_check(from, size);
	range_check(to, size);
	return memcpy(to, from, size);
}

void *__tsan_memmove(void *to, const void *from, size_t size);
void *__tsan_memmove(void *to, const void *from, size_t size)
{
	range_check(from, size);
	range_check(to, size);
	return memmove(to, from, size);
}

void *__tsan_memset(void *at, int byte, size_t size);
void *__tsan_memset(void *at, int byte, size_t size)
{
	range_check(at, size);
	return memset(at, byte, size);
}

void __tsan_init(void);
void __tsan_init(void)
{
}

void __tsan_func_entry(void *caller);
void __tsan_func_entry(void *caller)
{
	(void)caller;
}

void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
}

/* The compiler's own atomic loads: the ring's copy. */
uint64_t __tsan_atomic64_load(const void *at, int order);
uint64_t __tsan_atomic64_load(const void *at, int order)
{
	(void)order;
	return explore_load(at, 8);
}
