/* SPDX-License-Identifier: MIT */
/*
 * A list of free segments under a lock, the last one first: its pages are the warmest. It is come to once in thousands of
 * tasks.
 */
#include "runtime/queue/segments.h"

#include <stdlib.h>

#include "os/mutex.h"

#define KEPT_MAX 64 /* segments of 256 KiB: 16 MiB, a million pending tasks */

static struct egi_mutex lock = EGI_MUTEX_INIT;
static struct block {
	struct block *next;
} * kept; /* last in, first out: the warmest first */
static unsigned kept_count;

bool egi_pool_put(void *segment)
{
	struct block *block = segment;
	bool taken;

	egi_mutex_lock(&lock);
	taken = kept_count < KEPT_MAX;
	if (taken) {
		block->next = kept;
		kept = block;
		kept_count++;
	}
	egi_mutex_unlock(&lock);
	return taken;
}

void *egi_pool_get(void)
{
	struct block *block;

	egi_mutex_lock(&lock);
	block = kept;
	if (block) {
		kept = block->next;
		kept_count--;
	}
	egi_mutex_unlock(&lock);
	return block;
}

void egi_pool_drain(void)
{
	void *segment;

	while ((segment = egi_pool_get()) != NULL)
		free(segment);
}

void egi_pool_lock(void)
{
	egi_mutex_lock(&lock);
}

void egi_pool_unlock(void)
{
	egi_mutex_unlock(&lock);
}
