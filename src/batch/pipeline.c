/* SPDX-License-Identifier: MIT */
/*
 * The life of a pipeline: checked, made in one piece of memory, given to a first runner, waited for, and what is left of it
 * dropped. Its parts:
 *
 *   runner.c      a task that carries items from stage to stage
 *   passage.c     the way of an item through a stage that is entered one at a time
 *   turnstile.h   whose turn it is there; items that have to wait are left at it
 *   line.c        places for items, and whether it is over
 *   traffic.c     who runs, and what there is to do: when a runner comes, and when it ends
 *
 * Its group is an ordinary one, of which the runners are the tasks; as many at once as the limit allows, and no more than
 * items can be under way. What errors do to the rest is decided by the runners, since items are not the group's tasks: so the
 * group starts all of them, and is told of those halts only that have to do with its context.
 *
 * Something is left at the end only when a runner was unwound and there was no memory for another. Or when a stage has
 * ended the calling thread: the group ends while the frames of the caller are still there (batch/run.c), and so does this.
 */
#include "batch/runner.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "error/error.h"
#include "os/cpus.h"
#include "os/sized.h"
#include "os/thread.h"
#include "os/verify.h"
#include "runtime/group/options.h"

/*
 * With so many for each runner one can be in every stage's call, and some lie before the stages that are in order, while
 * one is late.
 */
#define WINDOW_PER_RUNNER 4

static const struct eg_pipeline_options options_default = EG_PIPELINE_OPTIONS_INIT;

static int options_check(const struct eg_pipeline_options *options)
{
	if (!egi_sized_is_known(options, options->size, sizeof(*options)))
		return -EINVAL;
	return options->window > EGI_TRAFFIC_WINDOW_MAX ? -EOVERFLOW : 0;
}

static int stages_check(const struct eg_stage *stages, size_t count)
{
	if (!stages || count == 0)
		return -EINVAL;
	if (count > EGI_TRAFFIC_READY_MAX)
		return -EOVERFLOW;
	for (size_t i = 0; i < count; i++)
		if (!stages[i].fn || (unsigned)stages[i].kind > EG_STAGE_IN_ORDER)
			return -EINVAL;
	return 0;
}

/* What the group is to do, and what the runners see to themselves. */
static int group_options(const struct eg_group_options *options, struct eg_group_options *ret_taken,
			 unsigned *ret_halt)
{
	int err = egi_run_options(options, EG_LIMIT_CPUS, ret_taken);

	if (err)
		return err;
	ret_taken->flags &= ~(EG_GROUP_SKIP_UNSTARTED | EGI_GROUP_STOPS);
	ret_taken->backlog = 0;
	*ret_halt = ret_taken->halt;
	if (ret_taken->halt == EG_HALT_SOON)
		ret_taken->halt = EG_HALT_NEVER;
	else if (ret_taken->halt == EG_HALT_NOW)
		ret_taken->halt = EG_HALT_CANCEL;
	return 0;
}

static size_t window_of(size_t window, int limit)
{
	size_t runners = limit > 0 ? (size_t)limit : (size_t)egi_cpus_count();

	if (window != 0)
		return window;
	return runners > EGI_TRAFFIC_WINDOW_MAX / WINDOW_PER_RUNNER ? EGI_TRAFFIC_WINDOW_MAX
								    : runners * WINDOW_PER_RUNNER;
}

/* How many slots a turnstile has for a window: a power of two. */
static size_t slots_of(size_t window)
{
	size_t slots = 1;

	while (slots < window)
		slots *= 2;
	return slots;
}

static size_t count_serial(const struct eg_stage *stages, size_t count)
{
	size_t serial = 0;

	for (size_t i = 1; i < count; i++)
		serial += stages[i].kind != EG_STAGE_PARALLEL;
	return serial;
}

/* Takes the next piece of the memory. */
static void *carve(unsigned char **memory, size_t size)
{
	void *piece = *memory;

	*memory += (size + EGI_CACHE_PAIR - 1) & ~((size_t)EGI_CACHE_PAIR - 1);
	return piece;
}

/*
 * The sizes have bounds such that their sum is none of size_t's. The memory is zero, and most of it not touched before it
 * is used.
 */
static struct egi_line *line_allocate(const struct eg_stage *stages, size_t count, size_t window,
				      void **ret_memory)
{
	size_t serial = count_serial(stages, count), slots = slots_of(window);
	size_t size = sizeof(struct egi_line) + count * sizeof(struct egi_stage) +
		      window * sizeof(struct egi_item) +
		      serial * (sizeof(struct egi_turnstile) + slots * sizeof(struct egi_item *));
	unsigned char *memory = calloc(1, size + (5 + serial) * EGI_CACHE_PAIR);
	struct egi_turnstile *turnstile;
	struct egi_line *line;

	if (!memory)
		return NULL;
	*ret_memory = memory;
	memory += -(uintptr_t)memory % EGI_CACHE_PAIR;
	line = carve(&memory, sizeof(*line));
	line->stages = carve(&memory, count * sizeof(struct egi_stage));
	line->items = carve(&memory, window * sizeof(struct egi_item));
	turnstile = carve(&memory, serial * sizeof(*turnstile));
	for (size_t i = 0; i < count; i++) {
		struct egi_stage *stage = &line->stages[i];

		stage->fn = stages[i].fn;
		stage->arg = stages[i].arg;
		stage->is_in_order = stages[i].kind == EG_STAGE_IN_ORDER;
		if (i == 0 || stages[i].kind == EG_STAGE_PARALLEL)
			continue;
		egi_turnstile_init(turnstile, carve(&memory, slots * sizeof(struct egi_item *)), slots);
		stage->turnstile = turnstile++;
	}
	line->count = (uint32_t)count;
	line->window = window;
	return line;
}

static void item_drop(struct egi_item *item)
{
	void *value = item->value;

	item->value = NULL;
	if (value && item->line->drop)
		item->line->drop(value, item->line->drop_arg);
}

/* What is still under way when all runners have ended. */
static void line_drop_rest(struct egi_line *line)
{
	if (egi_line_is_forked(line))
		return;
	for (size_t i = 0; i < line->source.places_begun; i++)
		item_drop(&line->items[i]);
}

struct ending {
	struct egi_line *line;
	void *memory;
};

/* A stage has ended the calling thread: egi_run_wait has just ended the group. */
static void line_abandon(void *arg)
{
	struct ending *ending = arg;

	line_drop_rest(ending->line);
	free(ending->memory);
}

static int line_wait(struct egi_line *line, void *memory)
{
	struct ending ending = {line, memory};
	int err;

	pthread_cleanup_push(line_abandon, &ending);
	err = egi_run_wait(&line->run);
	pthread_cleanup_pop(0);
	return err;
}

/* What a pipeline has ended with that no stage has failed in: its parent is over, or a stage has cancelled its own context. */
static int context_error(const struct egi_line *line, eg_ctx *parent, eg_error **ret_error)
{
	eg_ctx *ctx = eg_ctx_err(parent) != 0 ? parent : eg_group_ctx(&line->run.group);
	int err = eg_ctx_err(ctx);

	if (err)
		*ret_error =
		    egi_error_make_plain(EG_ERROR_SKIPPED, err, eg_error_ref(eg_ctx_cause(ctx)), NULL, NULL);
	return err;
}

/* Runs it, and says what it has ended with. */
static int line_run(struct egi_line *line, void *memory, eg_ctx *parent, eg_error **ret_error)
{
	int err = eg_group_go_at(&line->run.group, line->run_items, line, line->site);

	if (err)
		return err;
	err = line_wait(line, memory);
	if (err == EG_EFORKED)
		return err;
	/* Each runner has left the rest to another, and there was no memory for one. */
	if (!err && !line->is_cut && !egi_traffic_is_over(&line->traffic, line->window))
		err = -ENOMEM;
	line_drop_rest(line);
	if (err)
		*ret_error = eg_error_ref(eg_group_error(&line->run.group));
	else if (line->is_cut)
		err = context_error(line, parent, ret_error);
	return err;
}

static uint32_t runners_of(int limit, size_t window)
{
	return limit > 0 && (size_t)limit < window ? (uint32_t)limit : (uint32_t)window;
}

static int line_begin(eg_ctx *parent, const struct eg_stage *stages, size_t count,
		      const struct eg_pipeline_options *options, struct egi_line **ret_line,
		      void **ret_memory)
{
	struct eg_group_options taken;
	struct egi_line *line;
	unsigned halt;
	size_t window;
	int err = group_options(options->group, &taken, &halt);

	if (err)
		return err;
	window = window_of(options->window, taken.limit);
	line = line_allocate(stages, count, window, ret_memory);
	if (!line)
		return -ENOMEM;
	err = egi_run_begin_with(&line->run, parent, &taken);
	if (err) {
		free(*ret_memory);
		return err;
	}
	line->run_items = egi_runner_run;
	line->fork_count = egi_thread_fork_count;
	line->drop = options->drop;
	line->drop_arg = options->drop_arg;
	line->halt = halt;
	line->halt_after = taken.halt_after;
	egi_traffic_init(&line->traffic, window, runners_of(taken.limit, window));
	*ret_line = line;
	return 0;
}

int eg_pipeline_at(eg_ctx *parent, const struct eg_stage *stages, size_t count,
		   const struct eg_pipeline_options *options, eg_error **ret_error, struct eg_site *site)
{
	struct egi_line *line;
	eg_error *error = NULL;
	void *memory = NULL;
	int err = stages_check(stages, count);

	if (!options)
		options = &options_default;
	if (!err)
		err = options_check(options);
	if (!err)
		err = line_begin(parent, stages, count, options, &line, &memory);
	if (!err) {
		line->site = site;
		err = line_run(line, memory, parent, &error);
		egi_run_finish(&line->run);
		free(memory);
	}
	return egi_run_tell(err, error, ret_error);
}

int(eg_pipeline)(eg_ctx *parent, const struct eg_stage *stages, size_t count,
		 const struct eg_pipeline_options *options, eg_error **ret_error)
{
	return eg_pipeline_at(parent, stages, count, options, ret_error, NULL);
}
