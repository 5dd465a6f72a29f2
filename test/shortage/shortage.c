/* SPDX-License-Identifier: MIT */

/*
 * The wrapped functions and the table of live blocks. Names with two underscores are the linker's: a call of
 * malloc arrives at __wrap_malloc, and __real_malloc is the one of libc.
 */

#include "shortage.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * The plan. `calls` counts those of the kind since it was armed; a fault is injected at `at`.
 */

static atomic_int plan_kind = -1;
static atomic_bool plan_persists;
static atomic_long plan_at, plan_calls, plan_injected;

long faults_disarm(void)
{
	atomic_store(&plan_kind, -1);
	return atomic_load(&plan_injected);
}

static bool is_failing(enum fault_kind kind)
{
	long call, at = atomic_load(&plan_at);

	if (atomic_load(&plan_kind) != (int)kind)
		return false;
	call = atomic_fetch_add(&plan_calls, 1) + 1;
	if (call != at && !(atomic_load(&plan_persists) && call > at))
		return false;
	atomic_fetch_add(&plan_injected, 1);
	return true;
}

/*
 * The books: an open hash table from address to size and caller.
 */

#define BLOCKS_MAX (1U << 16)

struct block {
	uintptr_t address; /* 0: never used; 1: used and free again */
	size_t size;
	void *caller;
	bool is_new; /* allocated while a plan was armed */
};

static pthread_mutex_t blocks_lock = PTHREAD_MUTEX_INITIALIZER;
static struct block blocks[BLOCKS_MAX];
static long blocks_live, blocks_used;

static uint32_t block_slot(uintptr_t address)
{
	return (uint32_t)((address >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 32) % BLOCKS_MAX;
}

/* Puts every live block back at its place: the marks of freed ones would fill the table in time. */
static void blocks_rebuild(void)
{
	static struct block copy[BLOCKS_MAX];

	memcpy(copy, blocks, sizeof(copy));
	memset(blocks, 0, sizeof(blocks));
	blocks_used = 0;
	for (uint32_t i = 0; i < BLOCKS_MAX; i++) {
		uint32_t slot = block_slot(copy[i].address);

		if (copy[i].address <= 1)
			continue;
		while (blocks[slot].address)
			slot = (slot + 1) % BLOCKS_MAX;
		blocks[slot] = copy[i];
		blocks_used++;
	}
}

static void *block_note(void *address, size_t size, void *caller)
{
	uint32_t slot = block_slot((uintptr_t)address);

	if (!address)
		return NULL;
	pthread_mutex_lock(&blocks_lock);
	if (blocks_used > (long)(BLOCKS_MAX / 2))
		blocks_rebuild();
	while (blocks[slot].address > 1)
		slot = (slot + 1) % BLOCKS_MAX;
	blocks_used += blocks[slot].address == 0;
	blocks[slot] = (struct block){(uintptr_t)address, size, caller, atomic_load(&plan_kind) >= 0};
	blocks_live++;
	pthread_mutex_unlock(&blocks_lock);
	return address;
}

static void block_forget(void *address)
{
	uint32_t slot = block_slot((uintptr_t)address);

	pthread_mutex_lock(&blocks_lock);
	while (blocks[slot].address && blocks[slot].address != (uintptr_t)address)
		slot = (slot + 1) % BLOCKS_MAX;
	if (address && blocks[slot].address) {
		blocks[slot].address = 1;
		blocks_live--;
	}
	pthread_mutex_unlock(&blocks_lock);
}

void faults_arm(enum fault_kind kind, long at, bool persists)
{
	pthread_mutex_lock(&blocks_lock);
	for (uint32_t i = 0; i < BLOCKS_MAX; i++)
		blocks[i].is_new = false;
	pthread_mutex_unlock(&blocks_lock);
	atomic_store(&plan_calls, 0);
	atomic_store(&plan_injected, 0);
	atomic_store(&plan_at, at);
	atomic_store(&plan_persists, persists);
	atomic_store(&plan_kind, (int)kind);
}

long faults_live(void)
{
	long live;

	pthread_mutex_lock(&blocks_lock);
	live = blocks_live;
	pthread_mutex_unlock(&blocks_lock);
	return live;
}

void faults_list_new(void)
{
	pthread_mutex_lock(&blocks_lock);
	for (uint32_t i = 0; i < BLOCKS_MAX; i++)
		if (blocks[i].address > 1 && blocks[i].is_new)
			fprintf(stderr, "still allocated: %zu bytes by the caller at %p\n", blocks[i].size,
				blocks[i].caller);
	pthread_mutex_unlock(&blocks_lock);
}

/*
 * What the linker redirects
 */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
int __real_posix_memalign(void **ret_block, size_t alignment, size_t size);
char *__real_strdup(const char *text);
void __real_free(void *block);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
int __wrap_posix_memalign(void **ret_block, size_t alignment, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *block);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*entry)(void *),
			  void *arg);

/* All allocators fail alike. */
static bool is_out_of_memory(void)
{
	if (!is_failing(FAULT_MEMORY))
		return false;
	errno = ENOMEM;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return is_out_of_memory() ? NULL : block_note(__real_malloc(size), size, __builtin_return_address(0));
}

void *__wrap_calloc(size_t count, size_t size)
{
	if (is_out_of_memory())
		return NULL;
	return block_note(__real_calloc(count, size), count * size, __builtin_return_address(0));
}

static void *block_resize(void *old, size_t size, void *caller)
{
	void *block;

	if (is_out_of_memory())
		return NULL;
	/* Off the books first: the address may be another thread's the moment it is freed. */
	block_forget(old);
	block = __real_realloc(old, size);
	block_note(block ? block : old, size, caller);
	return block;
}

void *__wrap_realloc(void *old, size_t size)
{
	return block_resize(old, size, __builtin_return_address(0));
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
	if (size && count > PTRDIFF_MAX / size) {
		errno = ENOMEM;
		return NULL;
	}
	return block_resize(old, count * size, __builtin_return_address(0));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	if (is_out_of_memory())
		return NULL;
	return block_note(__real_aligned_alloc(alignment, size), size, __builtin_return_address(0));
}

int __wrap_posix_memalign(void **ret_block, size_t alignment, size_t size)
{
	int result = is_failing(FAULT_MEMORY) ? ENOMEM : __real_posix_memalign(ret_block, alignment, size);

	if (result == 0)
		block_note(*ret_block, size, __builtin_return_address(0));
	return result;
}

char *__wrap_strdup(const char *text)
{
	if (is_out_of_memory())
		return NULL;
	return block_note(__real_strdup(text), strlen(text) + 1, __builtin_return_address(0));
}

void __wrap_free(void *block)
{
	block_forget(block);
	__real_free(block);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*entry)(void *),
			  void *arg)
{
	return is_failing(FAULT_THREAD) ? EAGAIN : __real_pthread_create(thread, attributes, entry, arg);
}
