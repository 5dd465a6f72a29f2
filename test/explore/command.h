/* SPDX-License-Identifier: MIT */
#ifndef EXPLORE_COMMAND_H
#define EXPLORE_COMMAND_H

/*
 * What the command's two halves share: main.c understands arguments, test.c reports and tests.
 */

#include "engine.h"

/* Faults in the program under exploration end its run, not the explorer. For every process anew. */
void catch_faults(void);

const struct explore_scenario *scenario_find(const char *name);
void report_result(const struct search_result *result);
/* Makes the failing schedule short, and tells it. */
void report_failure(const struct explore_scenario *scenario, struct search_result *result);

/* All scenarios, or all planted bugs if there are any. Returns the exit status. */
int test_all(bool full);

#endif
