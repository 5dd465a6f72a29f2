/* SPDX-License-Identifier: MIT */
#include "batch/pipeline_world.h"

#include <pthread.h>

#include "support.h"

static void spin(long turns)
{
	for (volatile long i = 0; i < turns; i++)
		;
}

static void thing_end(struct thing *thing)
{
	CHECK(atomic_fetch_add(&thing->ended, 1) == 0);
	atomic_fetch_sub(&thing->world->under_way, 1);
}

/* What is to happen here. */
static int happen(struct world *world, size_t stage, long item)
{
	if (world->event == EVENT_NONE || stage != world->event_stage || item != world->event_item)
		return 0;
	atomic_fetch_add(&world->happened, 1);
	switch (world->event) {
	case EVENT_ERROR:
		return eg_fail(-EIO, "item %ld in stage %zu", item, stage);
	case EVENT_PANIC:
		eg_panic("item %ld in stage %zu", item, stage);
	case EVENT_EXIT:
		pthread_exit(NULL);
	case EVENT_CANCEL:
		eg_ctx_cancel(world->to_cancel, NULL);
		return 0;
	default:
		return 0;
	}
}

static int world_source(eg_ctx *ctx, void *arg, void **item)
{
	struct world *world = ((struct world_stage *)arg)->world;
	struct thing *thing = &world->things[world->pulled];
	int err;

	(void)ctx;
	CHECK(*item == NULL);
	CHECK(atomic_fetch_add(&world->kept[0].inside, 1) == 0);
	if (world->slow_stage == 1)
		spin(world->spins);
	if (world->pulled == world->items) {
		atomic_fetch_sub(&world->kept[0].inside, 1);
		return 0;
	}
	if (world->event == EVENT_ERROR) {
		err = happen(world, 0, thing->number);
		if (err) {
			atomic_fetch_sub(&world->kept[0].inside, 1);
			return err;
		}
	}
	world->pulled++;
	CHECK(atomic_fetch_add(&world->under_way, 1) < (long)world->window || world->window == 0);
	*item = thing;
	atomic_fetch_sub(&world->kept[0].inside, 1);
	if (world->count == 1)
		thing_end(thing);
	else
		(void)happen(world, 0, thing->number);
	return 1;
}

static int world_stage(eg_ctx *ctx, void *arg, void **item)
{
	struct world_stage *stage = arg;
	struct world *world = stage->world;
	struct thing *thing = *item;
	enum eg_stage_kind kind = world->stages[stage->number].kind;
	bool is_alone = kind != EG_STAGE_PARALLEL;
	int err;

	(void)ctx;
	CHECK(thing->world == world && atomic_load(&thing->ended) == 0);
	CHECK(atomic_fetch_add(&thing->stages, 1) == (int)stage->number - 1);
	if (is_alone)
		CHECK(atomic_fetch_add(&stage->inside, 1) == 0);
	if (kind == EG_STAGE_IN_ORDER) {
		CHECK(thing->number >= stage->next);
		stage->next = thing->number + 1;
	}
	if (world->slow_stage == stage->number + 1)
		spin(thing->number % 3 * world->spins);
	if (is_alone)
		atomic_fetch_sub(&stage->inside, 1);
	err = happen(world, stage->number, thing->number);
	if (err)
		return err;
	if (world->consumes && world->consuming_stage == stage->number && thing->number % 3 == 0) {
		thing_end(thing);
		*item = NULL;
	} else if (stage->number + 1 == world->count) {
		thing_end(thing);
	}
	return 0;
}

static void world_drop(void *item, void *arg)
{
	struct thing *thing = item;

	CHECK(arg == thing->world);
	atomic_fetch_add(&thing->world->dropped, 1);
	CHECK(atomic_fetch_add(&thing->dropped, 1) == 0);
	thing_end(thing);
	if (thing->world->drop_panics)
		eg_panic("dropped");
}

void world_init(struct world *world, const enum eg_stage_kind *kinds, size_t count, size_t window, long items)
{
	memset(world, 0, sizeof(*world));
	world->count = count;
	world->window = window;
	world->items = items;
	world->things = calloc((size_t)items + 1, sizeof(*world->things));
	assert_non_null(world->things);
	for (long i = 0; i <= items; i++) {
		world->things[i].world = world;
		world->things[i].number = i;
	}
	for (size_t i = 0; i < count; i++) {
		world->kept[i].world = world;
		world->kept[i].number = i;
		world->stages[i] =
		    (struct eg_stage){i == 0 ? world_source : world_stage, &world->kept[i], kinds[i]};
	}
}

void world_finish(struct world *world)
{
	free(world->things);
}

int world_run_for(struct world *world, eg_ctx *parent, const struct eg_group_options *group,
		  eg_error **ret_error)
{
	return eg_pipeline(parent, world->stages, world->count,
			   EG_PIPELINE_OPTIONS(.window = world->window, .drop = world_drop, .drop_arg = world,
					       .group = group),
			   ret_error);
}

int world_run(struct world *world, eg_ctx *parent, const struct eg_group_options *group)
{
	return world_run_for(world, parent, group, NULL);
}

void world_check_all_done(struct world *world)
{
	CHECK(world->pulled == world->items);
	CHECK(atomic_load(&world->dropped) == 0);
	world_check_none_lost(world);
}

void world_check_none_lost(struct world *world)
{
	for (long i = 0; i < world->items; i++) {
		struct thing *thing = &world->things[i];

		CHECK(atomic_load(&thing->ended) == (i < world->pulled));
	}
	CHECK(atomic_load(&world->under_way) == 0);
}
