/* SPDX-License-Identifier: MIT */
/* The list of planted bugs of a program that has none. */
#include "planted.h"

const struct explore_plant explore_plants[1];
const unsigned explore_plants_count = 0;
unsigned explore_planted __attribute__((section("explore_kept")));
