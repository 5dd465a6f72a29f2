/* SPDX-License-Identifier: MIT */
/*
 * Scenarios about pipelines: runners that come and end, and items that stay at a stage. Two runners, and the fewest items
 * that bring them there.
 */
#include <errgroup/pipeline.h>

#include "scenarios.h"

#define ITEMS_MAX 8

static struct {
	unsigned items;     /* that there are */
	unsigned begins_at; /* where the scenario begins: the source is asked for that one */
	unsigned pulled;
	unsigned drops;
	unsigned ends[ITEMS_MAX];
	bool came[ITEMS_MAX];
	unsigned inside, next; /* in the stage that is in order */
} line;

static int source(eg_ctx *ctx, void *arg, void **item)
{
	(void)ctx;
	(void)arg;
	if (line.pulled == line.begins_at)
		explore_begin();
	if (line.pulled == line.items)
		return 0;
	*item = &line.came[line.pulled++];
	return 1;
}

static unsigned number_of(void *item)
{
	return (unsigned)((bool *)item - line.came);
}

/* Every second item waits for the one behind it: another runner has to bring that. */
static int stage_pairs(eg_ctx *ctx, void *arg, void **item)
{
	bool *came = *item;

	(void)ctx;
	(void)arg;
	line.ends[number_of(came)]++;
	if (number_of(came) % 2 == 1)
		explore_raise(came);
	else
		explore_await(came + 1);
	return 0;
}

static int stage_in_order(eg_ctx *ctx, void *arg, void **item)
{
	(void)ctx;
	(void)arg;
	EXPLORE_REQUIRE(line.inside++ == 0);
	EXPLORE_REQUIRE(number_of(*item) == line.next++);
	line.ends[number_of(*item)]++;
	explore_touch(&line.inside, "inside", line.inside);
	line.inside--;
	return 0;
}

static int stage_third_fails(eg_ctx *ctx, void *arg, void **item)
{
	(void)ctx;
	(void)arg;
	return number_of(*item) == 2 ? -1 : 0;
}

static void drop(void *item, void *arg)
{
	(void)arg;
	line.drops++;
	line.ends[number_of(item)]++;
}

/* The function, since call sites are kept for good. */
static void line_run(const struct eg_stage *stages, size_t count, size_t window, int code)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;

	options.limit = 2;
	options.flags = EG_GROUP_NO_CANCEL;
	EXPLORE_REQUIRE((eg_pipeline)(NULL, stages, count,
				      EG_PIPELINE_OPTIONS(.window = window, .drop = drop, .group = &options),
				      NULL) == code);
	for (unsigned i = 0; i < line.items; i++)
		EXPLORE_REQUIRE(line.ends[i] == (i < line.pulled));
	EXPLORE_REQUIRE(code || (line.pulled == line.items && line.drops == 0));
}

/* A runner finds the source busy and ends, as the other leaves it. */
void source_against_ending_runner(void)
{
	static const struct eg_stage stages[] = {{source, NULL, EG_STAGE_SERIAL},
						 {stage_pairs, NULL, EG_STAGE_PARALLEL}};

	line.items = 4;
	line.begins_at = 2;
	line_run(stages, 2, 2, 0);
}

/* An item comes to the stage that another leaves. */
void turn_against_leaving_item(void)
{
	static const struct eg_stage stages[] = {{source, NULL, EG_STAGE_SERIAL},
						 {stage_in_order, NULL, EG_STAGE_IN_ORDER}};

	line.items = 4;
	line.begins_at = 1;
	line_run(stages, 2, 2, 0);
}

/* The same, and the one that leaves has failed. */
void turn_against_failed_item(void)
{
	static const struct eg_stage stages[] = {{source, NULL, EG_STAGE_SERIAL},
						 {stage_third_fails, NULL, EG_STAGE_PARALLEL},
						 {stage_in_order, NULL, EG_STAGE_IN_ORDER}};

	line.items = 5;
	line.begins_at = 2;
	line_run(stages, 3, 2, -1);
}
