/* SPDX-License-Identifier: MIT */
#ifndef EXPLORE_PLANTED_H
#define EXPLORE_PLANTED_H

/*
 * Bugs planted into a copy of the library's sources, to see that they are found: see plant.py. The list is
 * made from the files in planted/; in the program without planted bugs it is empty.
 */

#include <stdint.h>

struct explore_plant {
	const char *name;
	const char *scenario; /* that finds it */
	unsigned delay;       /* within so many delays */
	uint64_t schedules;   /* and so many schedules */
	const char *gone;     /* why it could not be planted, or "" */
};

extern const struct explore_plant explore_plants[];
extern const unsigned explore_plants_count;

/* The one that is in effect, from 1; 0: none. */
extern unsigned explore_planted;

#endif
