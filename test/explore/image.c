/* SPDX-License-Identifier: MIT */
/*
 * The program's static variables as they were once the library had been loaded: saved once, put back before
 * every run. The explorer's own lie in a section that is left out.
 */
#include <string.h>
#include <sys/mman.h>

#include "engine.h"

/* The linker's names for the bounds of what can be written. */
extern char data_start[], _end[];
extern char explore_kept_begin[] __asm__("__start_explore_kept");
extern char explore_kept_end[] __asm__("__stop_explore_kept");

static char *saved KEPT;

/* The two parts around the explorer's. */
static size_t before(void)
{
	return (size_t)(explore_kept_begin - data_start);
}

static size_t after(void)
{
	return (size_t)(_end - explore_kept_end);
}

void image_save(void)
{
	if (!saved)
		saved = mmap(NULL, before() + after(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			     -1, 0);
	memcpy(saved, data_start, before());
	memcpy(saved + before(), explore_kept_end, after());
}

void image_restore(void)
{
	memcpy(data_start, saved, before());
	memcpy(explore_kept_end, saved + before(), after());
}
