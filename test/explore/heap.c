/* SPDX-License-Identifier: MIT */
/*
 * Memory for the program under exploration: one arena, handed out from the front and never twice within a
 * run, so that whatever touches memory given back is seen. Addresses depend on the order of requests alone
 * and are the same when a schedule is replayed.
 */
#include <string.h>
#include <sys/mman.h>

#include "engine.h"

#define ARENA_SIZE ((size_t)4 << 20)
#define GRAIN 64
#define BLOCKS_MAX 4096
#define POISON 0xdb

static struct heap {
	char *arena;
	size_t used;
	unsigned blocks_count;
	struct heap_block *blocks;
	uint16_t *block_of; /* of a grain: number of its block, plus one */
	/* The block last found to be good, for the next look. */
	uintptr_t good;
	size_t good_size;
	size_t refused; /* the next block of that size is not to be had */
} heap KEPT;

static void *pages(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

void heap_init(void)
{
	heap.arena = pages(ARENA_SIZE);
	heap.blocks = pages(BLOCKS_MAX * sizeof(*heap.blocks));
	heap.block_of = pages(ARENA_SIZE / GRAIN * sizeof(*heap.block_of));
}

void heap_clear(void)
{
	memset(heap.block_of, 0, (heap.used + GRAIN - 1) / GRAIN * sizeof(*heap.block_of));
	heap.used = 0;
	heap.blocks_count = 0;
	heap.good_size = 0;
	heap.refused = 0;
}

/* A grain at least lies between two blocks. */
void *heap_take(size_t size, size_t align, const void *caller)
{
	struct heap_block *block;
	size_t at = heap.used + GRAIN;

	if (size == heap.refused) {
		heap.refused = 0;
		return NULL;
	}
	if (align < GRAIN)
		align = GRAIN;
	at = (at + align - 1) & ~(align - 1);
	if (size > ARENA_SIZE || at + size > ARENA_SIZE || heap.blocks_count == BLOCKS_MAX)
		return NULL;
	block = &heap.blocks[heap.blocks_count++];
	*block = (struct heap_block){heap.arena + at, size, true, caller, NULL, heap.blocks_count};
	heap.used = (at + size + GRAIN - 1) & ~(size_t)(GRAIN - 1);
	for (size_t grain = at / GRAIN; grain < heap.used / GRAIN; grain++)
		heap.block_of[grain] = (uint16_t)heap.blocks_count;
	TRACE(OP_ALLOC, block->at, 0, size, caller);
	return block->at;
}

void explore_refuse_memory(size_t size)
{
	heap.refused = size;
}

bool heap_owns(const void *at)
{
	return (uintptr_t)at - (uintptr_t)heap.arena < ARENA_SIZE;
}

static struct heap_block *block_find(const void *at)
{
	unsigned number = 0;

	if (heap_owns(at))
		number = heap.block_of[(size_t)((const char *)at - heap.arena) / GRAIN];
	return number ? &heap.blocks[number - 1] : NULL;
}

bool heap_find(const void *at, struct heap_block *ret_block)
{
	const struct heap_block *block = block_find(at);

	if (block)
		*ret_block = *block;
	return block;
}

size_t heap_size(const void *at)
{
	const struct heap_block *block = block_find(at);

	return block ? block->size : 0;
}

void heap_give(void *at, const void *caller)
{
	struct heap_block *block = block_find(at);

	if (!block || block->at != at)
		explore_fail("memory given back that was never taken");
	if (!block->live)
		explore_fail("memory given back twice");
	memory_forget(at, block->size);
	TRACE(OP_FREE, at, 0, block->size, caller);
	heap.good_size = 0;
	block->live = false;
	block->given_by = caller;
	memset(at, POISON, block->size);
}

void heap_check(const void *at, size_t size)
{
	const struct heap_block *block;

	if ((uintptr_t)at - heap.good < heap.good_size && (uintptr_t)at + size - heap.good <= heap.good_size)
		return;
	if (!heap_owns(at))
		return;
	block = block_find(at);
	if (!block || (size_t)((const char *)at - block->at) + size > block->size)
		explore_fail("access outside of any block of memory");
	if (!block->live)
		explore_fail("access to memory that was given back");
	heap.good = (uintptr_t)block->at;
	heap.good_size = block->size;
}

static bool is_poisoned(const struct heap_block *block)
{
	const unsigned char *bytes = (const unsigned char *)block->at;

	return block->size == 0 || (bytes[0] == POISON && memcmp(bytes, bytes + 1, block->size - 1) == 0);
}

void heap_audit(void)
{
	for (unsigned i = 0; i < heap.blocks_count; i++) {
		const struct heap_block *block = &heap.blocks[i];

		if (block->live)
			explore_fail("block %u of %zu bytes was never given back", block->number,
				     block->size);
		if (!is_poisoned(block))
			explore_fail("block %u of %zu bytes was written to after it had been given back",
				     block->number, block->size);
	}
}
