/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_OBSERVE_H
#define ERRGROUP_OBSERVE_H

/*
 * A group seen from outside: numbers, progress, events.
 */

#include <errgroup/base.h>

EG_BEGIN_DECLS

struct eg_event;

/*
 * How far a group is. A task is accepted; then pending, until a worker starts it; then running; then done:
 *
 *     accepted = pending + running + done      done includes what failed and what was skipped
 *
 * The numbers are since the group began or was last reset, over all rounds. They are sums of what the group's
 * threads write down for themselves, so no task pays for them, and while tasks start and end they are of
 * slightly different moments: the equation holds always, and done is never more than had been accepted, but a
 * task that is just starting or ending may still count as what it was, or already as what it will be. When
 * nothing starts, ends or is submitted they are exact.
 */
struct eg_stats {
	size_t size;       /* sizeof(struct eg_stats), set by EG_STATS_INIT */
	uint64_t accepted; /* tasks submitted with success */
	uint64_t done;     /* tasks that are over: succeeded, failed or skipped */
	uint64_t failed;   /* of these: returned an error, panicked, faulted, or ended their thread */
	uint64_t skipped;  /* of these: never started, since the group was cancelled or destroyed */
	uint64_t running;  /* tasks started and not done */
	uint64_t pending;  /* tasks not started */
	int limit;         /* tasks that may run at once; EG_LIMIT_NONE: no limit */
	int reserved;      /* 0 */
};

/* clang-format off */
#define EG_STATS_INIT {sizeof(struct eg_stats), 0, 0, 0, 0, 0, 0, 0, 0}
/* clang-format on */

typedef void eg_progress_fn(const struct eg_stats *stats, void *arg);
typedef void eg_observe_fn(const struct eg_event *event, void *arg);

EG_END_DECLS

#endif
