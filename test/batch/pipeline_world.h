/* SPDX-License-Identifier: MIT */
#ifndef TEST_PIPELINE_WORLD_H
#define TEST_PIPELINE_WORLD_H

/*
 * A pipeline that checks itself: each item notes where it was, each stage who came and in which order, and all of them whether
 * something is to happen here, an error, a panic, an end.
 */

#include <errgroup.h>

#include <stdatomic.h>
#include <stdbool.h>

#define STAGES_MAX 9

struct world;

struct thing {
	struct world *world;
	long number;
	atomic_int stages; /* that it has been through */
	atomic_int ended;  /* consumed, dropped or through the last stage */
	atomic_int dropped;
};

struct world_stage {
	struct world *world;
	size_t number;
	atomic_int inside;
	long next; /* where order counts: the least that may come */
};

/* Something that happens when an item is in a stage. In the source when it is asked for that item. */
enum event { EVENT_NONE, EVENT_ERROR, EVENT_PANIC, EVENT_EXIT, EVENT_CANCEL };

struct world {
	struct eg_stage stages[STAGES_MAX];
	struct world_stage kept[STAGES_MAX];
	size_t count;
	size_t window;
	long items;
	struct thing *things;

	long pulled;
	atomic_long under_way;
	atomic_long dropped;
	size_t slow_stage; /* of 1 to count: takes so many turns */
	long spins;
	size_t consuming_stage; /* consumes every third */
	bool consumes;

	enum event event;
	size_t event_stage;
	long event_item;
	eg_ctx *to_cancel;
	atomic_int happened;
	bool drop_panics;
};

void world_init(struct world *world, const enum eg_stage_kind *kinds, size_t count, size_t window,
		long items);
void world_finish(struct world *world);

/* Runs it; the error, if there is one, is kept for world_error. */
int world_run_for(struct world *world, eg_ctx *parent, const struct eg_group_options *group,
		  eg_error **ret_error);
int world_run(struct world *world, eg_ctx *parent, const struct eg_group_options *group);

/* Every item has come to its end, none was dropped; or each was one of both, once, of those that the source gave. */
void world_check_all_done(struct world *world);
void world_check_none_lost(struct world *world);

#endif
