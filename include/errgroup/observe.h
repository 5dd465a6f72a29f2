/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_OBSERVE_H
#define ERRGROUP_OBSERVE_H

/*
 * A group seen from outside: numbers, progress, events.
 */

#include <errgroup/base.h>

EG_BEGIN_DECLS

struct eg_group_stats;
struct eg_event;

typedef void eg_progress_fn(const struct eg_group_stats *stats, void *arg);
typedef void eg_observe_fn(const struct eg_event *event, void *arg);

EG_END_DECLS

#endif
