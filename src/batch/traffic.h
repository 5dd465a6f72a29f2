/* SPDX-License-Identifier: MIT */
#ifndef EGI_BATCH_TRAFFIC_H
#define EGI_BATCH_TRAFFIC_H

/*
 * A pipeline's traffic, in one word: whether somebody is in the source, how much room the window has, how many items wait
 * for a runner to take them on, and how many runners there are.
 *
 *   | free places in the window: 24 | ready items: 16 | runners: 21 | called | ended | busy |
 *
 * A runner is a task that carries items. Whoever makes work possible looks in the same step whether there is a place for one
 * more, and calls it; a runner ends in the step in which it sees no work. So neither misses the other:
 *
 *   runner                                 another, which leaves the source or frees a place
 *   sees: source busy, or no place
 *                                          source free, place free; sees a runner at work: calls none
 *   one runner less                        [the word has changed: fails, looks again, finds the work]
 *
 * A call that has not been answered counts as a runner, and is the only one: each that comes calls the next if there is
 * more to do than it takes.
 */

#include "os/atomic.h"

#define EGI_TRAFFIC_WINDOW_MAX ((UINT64_C(1) << 24) - 1)
#define EGI_TRAFFIC_READY_MAX ((UINT64_C(1) << 16) - 1)

struct egi_traffic {
	uint64_t word;
	uint32_t runners_max;
};

/* What a runner may do next. */
enum egi_traffic_work {
	EGI_TRAFFIC_NONE,
	EGI_TRAFFIC_READY, /* take a ready item: there is one for each that is told so */
	EGI_TRAFFIC_SOURCE /* ask the source: the caller is in it, and has a free place */
};

/* One runner is called. */
void egi_traffic_init(struct egi_traffic *traffic, size_t window, uint32_t runners_max);

/* Whether the source has ended, and every place is free. */
bool egi_traffic_is_over(const struct egi_traffic *traffic, size_t window);

/*
 * What follows returns, where it is bool, whether the caller has called a runner, and so has to submit one;
 * egi_traffic_uncall if it cannot.
 */
void egi_traffic_uncall(struct egi_traffic *traffic);

/* Calls a runner for the caller's place, which is about to end. False: one is coming anyway. */
bool egi_traffic_call(struct egi_traffic *traffic);

/* A runner has come that was called. */
void egi_traffic_come(struct egi_traffic *traffic);

/* The caller leaves the source, which has ended or not. */
bool egi_traffic_leave_source(struct egi_traffic *traffic, bool ended);

/* An item is where those who are told to take a ready one find it. */
bool egi_traffic_add_ready(struct egi_traffic *traffic);

/* An item has come to its end: its place is free. */
bool egi_traffic_free_place(struct egi_traffic *traffic);

/*
 * The caller's item has come to its end: asks the source for the next one with the same place, unless there are ready items.
 * False if not; then the place is still taken.
 */
bool egi_traffic_pull_again(struct egi_traffic *traffic);

/* Takes what there is to do. */
enum egi_traffic_work egi_traffic_take(struct egi_traffic *traffic, bool *ret_called);

/* Watches for something to do, for a moment. */
void egi_traffic_watch(const struct egi_traffic *traffic);

/* The calling runner ends if there is nothing to do. False if there is. */
bool egi_traffic_try_end(struct egi_traffic *traffic);

/* The calling runner ends whatever there is to do. */
bool egi_traffic_end(struct egi_traffic *traffic);

#endif
