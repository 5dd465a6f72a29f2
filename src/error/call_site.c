/* SPDX-License-Identifier: MIT */
/*
 * Call sites and their numbers: see call_site.h.
 *
 * A call site is a variable of the program's, which holds its number once it has one. Its first submission enters it, under
 * the lock; every later one reads the number. The table grows by blocks that never move, so a number is looked up without
 * the lock: an entry is complete before its number is given to anyone.
 */
#include "error/call_site.h"

#include <stdlib.h>
#include <string.h>

#include "os/mutex.h"

#define BLOCK_SITES 256
#define BLOCKS 256
#define SITES_MAX (BLOCK_SITES * BLOCKS - 2) /* numbers of 16 bits, but for 0 and that of none */

static struct egi_mutex lock = EGI_MUTEX_INIT;
static struct eg_site *blocks[BLOCKS];
static uint32_t count; /* numbers 1..count are in use */

static struct eg_site *site_at(uint32_t number)
{
	return &blocks[number / BLOCK_SITES][number % BLOCK_SITES];
}

static bool site_is(const struct eg_site *entry, const struct eg_site *site)
{
	return entry->line == site->line && strcmp(entry->file, site->file) == 0 &&
	       strcmp(entry->function, site->function) == 0;
}

/* Under lock. A module closed and loaded again brings its sites again, unnumbered: they keep their entries. */
static uint32_t site_search(const struct eg_site *site)
{
	for (uint32_t number = count; number > 0; number--)
		if (site_is(site_at(number), site))
			return number;
	return 0;
}

/* Under lock. One block of memory for both strings. */
static uint32_t site_add(const struct eg_site *site)
{
	size_t file = strlen(site->file) + 1, function = strlen(site->function) + 1;
	uint32_t number = count + 1;
	char *strings;

	if (number > SITES_MAX)
		return 0;
	if (!blocks[number / BLOCK_SITES]) {
		blocks[number / BLOCK_SITES] = calloc(BLOCK_SITES, sizeof(struct eg_site));
		if (!blocks[number / BLOCK_SITES])
			return 0;
	}
	strings = malloc(file + function);
	if (!strings)
		return 0;
	memcpy(strings, site->file, file);
	memcpy(strings + file, site->function, function);
	*site_at(number) = (struct eg_site){strings, strings + file, site->line, number};
	count = number;
	/* cppcheck-suppress memleak ; the table keeps the strings as long as the process lives */
	return number;
}

uint32_t egi_site_enter(struct eg_site *site)
{
	uint32_t number;

	if (!site->file || !site->function)
		return 0;
	egi_mutex_lock(&lock);
	number = egi_load_relaxed_u32(&site->id);
	if (number == 0)
		number = site_search(site);
	if (number == 0)
		number = site_add(site);
	if (number == 0 && count == SITES_MAX)
		number = EGI_SITE_NONE;
	/* [S1] release: the entry before its number; pairs with [S2] in egi_site_number. */
	egi_store_release_u32(&site->id, number);
	egi_mutex_unlock(&lock);
	return number;
}

const struct eg_site *egi_site_find(uint32_t number)
{
	return number > 0 && number <= SITES_MAX ? site_at(number) : NULL;
}

void egi_site_lock(void)
{
	egi_mutex_lock(&lock);
}

void egi_site_unlock(void)
{
	egi_mutex_unlock(&lock);
}
