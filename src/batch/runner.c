/* SPDX-License-Identifier: MIT */
/*
 * A runner: a task that carries items, one at a time, each as far as it can. It looks for the next one where work is nearest
 * to the end, and ends when there is none (traffic.h).
 *
 *   source --> stage --> [turnstile] stage --> ... end
 *     ^                    |    ^                   |
 *     |     not its turn:  v    | taken over by     |
 *     |                   slot  | who leaves        |
 *     +--- the place is free <----------------------+
 *
 * An item that has ended early, because a stage consumed it, failed, or the pipeline is over, has a value of NULL and goes on
 * like the others, but no stage is called and it passes those turnstiles only that are in order: so every turn comes, and the
 * place is free when the item has passed them all. Items left at a turnstile when the pipeline is over come to their turn
 * in the same way, and are dropped there. So each is dropped once, by the one runner that has it.
 *
 * A call of a stage is to the program what a task is, though the runner is the task. What a task's end does is done after each
 * (egi_recovery_end_call): deferred calls are made, sections in which programs are started end. A stage that has failed ends
 * its runner, so that the group has the error as of any task; another is called in its place. If the task is unwound, by a
 * panic, a fault or the end of its thread, the runner's own deferred call does what is left to do, with the item that it was
 * given. The library's internals are used for this alone; by the public interface each call would have to be a task.
 */
#include "batch/runner.h"

#include "context/tree.h"
#include "os/annotate.h"
#include "os/exception.h"
#include "os/thread.h"
#include "os/verify.h"
#include "task/live.h"
#include "task/recovery.h"

struct runner {
	struct egi_pipeline *pipeline;
	struct egi_recovery *recovery;
	eg_ctx *ctx;
	struct egi_item *item;  /* that it carries, or whose place it has; NULL: none */
	struct egi_item *ready; /* taken over at the last turnstile, to be the next */
	size_t defers;          /* its own deferred call is the last of so many */
	bool has_failed;
};

/*
 * Places. Those that are free are linked; the swap that takes one compares the first, and only who is in the source takes
 * any, so that the first is not taken and put back meanwhile.
 */

static inline void item_reset(struct egi_item *item)
{
	item->value = NULL;
	item->stage = 0;
	item->has_failed = false;
}

static void place_put(struct egi_pipeline *pipeline, struct egi_item *item)
{
	struct egi_item *first;

	item_reset(item);
	do {
		/* [P7] acquire: not followed here, only compared below. */
		first = egi_load_acquire_ptr(&pipeline->free);
		item->next = first;
		/* [P8] full: the place before its link; pairs with [P9]. */
	} while (!egi_cas_ptr(&pipeline->free, first, item));
}

/* There is one: the traffic says so. */
static struct egi_item *place_take(struct egi_pipeline *pipeline)
{
	struct egi_item *first;

	do {
		/* [P9] acquire: pairs with [P8]. */
		first = egi_load_acquire_ptr(&pipeline->free);
		if (!first) {
			first = &pipeline->items[pipeline->source.places_begun++];
			first->pipeline = pipeline;
			return first;
		}
		/* [P8], too. */
	} while (!egi_cas_ptr(&pipeline->free, first, first->next));
	return first;
}

/* Calls. */

static void runner_call_another(struct egi_pipeline *pipeline, bool called)
{
	if (EGI_UNLIKELY(called) &&
	    eg_group_go_at(&pipeline->run.group, egi_runner_run, pipeline, pipeline->site) != 0)
		/* Whoever has called goes on, and finds the work itself; or the rest is dropped at the end. */
		egi_traffic_uncall(&pipeline->traffic);
}

static bool is_forked(const struct egi_pipeline *pipeline)
{
	return pipeline->fork_count != egi_thread_fork_count;
}

/* Whether nothing is pulled any more, and no stage called. */
static EGI_NOINLINE bool pipeline_is_over(struct egi_pipeline *pipeline, const eg_ctx *ctx)
{
	if (egi_load_relaxed_u32(&pipeline->is_stopped) != 0)
		return true;
	if (eg_ctx_err(ctx) == 0)
		return false;
	egi_store_relaxed_u32(&pipeline->is_cut, 1);
	return true;
}

/* The same, looked at before every call, and without one: first whether it can be. */
static inline bool runner_is_over(const struct runner *runner)
{
	const eg_ctx *ctx = runner->ctx;

	if (EGI_LIKELY(egi_load_relaxed_u32(&runner->pipeline->is_stopped) == 0 &&
		       (!ctx || (egi_load_relaxed_u32(&ctx->err) == 0 && !egi_timer_is_by_clock()))))
		return false;
	return pipeline_is_over(runner->pipeline, ctx);
}

/* An error has happened: before the item's turn is passed on, so that nothing comes after it that it should have stopped. */
static EGI_COLD void pipeline_count_error(struct egi_pipeline *pipeline)
{
	/* [P10] nothing is ordered: how many there were. */
	uint64_t errors = egi_add_u64(&pipeline->errors, 1) + 1;

	if (pipeline->halt != EG_HALT_NEVER && errors >= pipeline->halt_after)
		egi_store_relaxed_u32(&pipeline->is_stopped, 1);
}

/* The program's function is called from a frame of ours with nothing held: a fault in it is an error, too. */
static EGI_COLD void item_drop_in_task(struct egi_recovery *recovery, struct egi_item *item)
{
	const struct egi_pipeline *pipeline = item->pipeline;
	void *value = item->value;
	const void *entry = recovery->entry;

	item->value = NULL;
	if (!value || !pipeline->drop)
		return;
	recovery->entry = __builtin_frame_address(0);
	EGI_CALL_PROGRAM(pipeline->drop(value, pipeline->drop_arg));
	recovery->entry = entry;
}

void egi_runner_drop_left(struct egi_item *item)
{
	void *value = item->value;

	item->value = NULL;
	if (value && item->pipeline->drop)
		item->pipeline->drop(value, item->pipeline->drop_arg);
}

static void runner_drop(struct runner *runner)
{
	item_drop_in_task(runner->recovery, runner->item);
	if (is_forked(runner->pipeline))
		runner->has_failed = true;
	else if (runner->recovery->dirty)
		egi_recovery_end_call(runner->recovery, 0, runner->defers);
}

/* Stages. */

/* Gives an item that was taken over to whoever comes first. */
static EGI_COLD void item_offer(struct egi_item *item)
{
	struct egi_pipeline *pipeline = item->pipeline;

	/* [P11] release: the item before who is told of it [P3] looks for it; pairs with [P12]. */
	egi_store_release_ptr(&pipeline->stages[item->stage].turnstile->ready, item);
	runner_call_another(pipeline, egi_traffic_add_ready(&pipeline->traffic));
}

/* Looks for one from the end: what is nearest to it makes room soonest. There is one for each who was told so. */
static EGI_COLD struct egi_item *pipeline_find_ready(struct egi_pipeline *pipeline)
{
	for (uint32_t i = pipeline->count;; i = i > 1 ? i : pipeline->count) {
		struct egi_turnstile *turnstile = pipeline->stages[--i].turnstile;
		struct egi_item *item;

		/* [P12] acquire: pairs with [P11]. */
		if (!turnstile || !egi_load_acquire_ptr(&turnstile->ready))
			continue;
		item = egi_swap_ptr(&turnstile->ready, NULL);
		if (item)
			return item;
	}
}

/*
 * The item has come to a stage with a turnstile. False: it stays there, and is not the runner's any more. One that has ended
 * only passes those that are in order.
 */
static inline bool runner_enter(struct runner *runner, struct egi_stage *stage, struct egi_item *item)
{
	struct egi_turnstile *turnstile = stage->turnstile;

	if (EGI_UNLIKELY(item->is_inside) || (!stage->is_in_order && !item->value))
		return true;
	item->turn = stage->is_in_order ? item->number : egi_turnstile_draw(turnstile);
	/* Before it is somebody else's. */
	item->is_inside = true;
	egi_annotate_release(item);
	if (EGI_UNLIKELY(!egi_turnstile_enter(turnstile, item, item->turn))) {
		runner->item = NULL;
		return false;
	}
	egi_annotate_acquire(stage);
	return true;
}

/* The item leaves a stage with a turnstile; another may have come there meanwhile. */
static inline void runner_leave(struct runner *runner, struct egi_stage *stage, struct egi_item *item)
{
	struct egi_item *next;

	if (!item->is_inside)
		return;
	item->is_inside = false;
	egi_annotate_release(stage);
	next = egi_turnstile_leave(stage->turnstile, item->turn);
	if (EGI_LIKELY(!next))
		return;
	if (item->stage + 1 == runner->pipeline->count && !runner->has_failed)
		runner->ready = next;
	else
		item_offer(next);
}

/* An item that has ended passes the stages that are left. */
static EGI_COLD void runner_pass(struct runner *runner)
{
	struct egi_pipeline *pipeline = runner->pipeline;
	struct egi_item *item = runner->item;

	for (; item->stage < pipeline->count; item->stage++) {
		struct egi_stage *stage = &pipeline->stages[item->stage];

		if (!stage->turnstile)
			continue;
		if (!runner_enter(runner, stage, item))
			return;
		runner_leave(runner, stage, item);
	}
}

/* Work. */

static void runner_set_item(struct runner *runner, struct egi_item *item)
{
	struct egi_recovery *recovery = runner->recovery;

	runner->item = item;
	recovery->part = (int64_t)item->number;
	recovery->defers[runner->defers - 1].arg = item;
}

/* The item has come to its end, and is followed by none with the same place. */
static EGI_COLD void runner_give_place(struct runner *runner)
{
	struct egi_pipeline *pipeline = runner->pipeline;

	if (!runner->item)
		return;
	place_put(pipeline, runner->item);
	runner->item = NULL;
	runner_call_another(pipeline, egi_traffic_free_place(&pipeline->traffic));
}

/* Something else to do than the next item with the same place. False if there is nothing, and the runner has ended. */
static EGI_NOINLINE bool runner_find_other(struct runner *runner)
{
	struct egi_pipeline *pipeline = runner->pipeline;
	struct egi_item *item = runner->ready;
	bool called, has_watched = false;

	runner_give_place(runner);
	if (item) {
		runner->ready = NULL;
		egi_annotate_acquire(item);
		runner_set_item(runner, item);
		return true;
	}
	for (;;) {
		enum egi_traffic_work work = egi_traffic_take(&pipeline->traffic, &called);

		runner_call_another(pipeline, called);
		if (work == EGI_TRAFFIC_READY) {
			item = pipeline_find_ready(pipeline);
			egi_annotate_acquire(item);
			egi_annotate_acquire(&pipeline->stages[item->stage]);
			runner_set_item(runner, item);
			return true;
		}
		if (work == EGI_TRAFFIC_SOURCE) {
			runner_set_item(runner, place_take(pipeline));
			return true;
		}
		if (!has_watched)
			egi_traffic_watch(&pipeline->traffic);
		else if (egi_traffic_try_end(&pipeline->traffic))
			return false;
		has_watched = !has_watched;
	}
}

/* Finds an item to carry, or a place for one that the source is to be asked for. False if there is nothing to do. */
static inline bool runner_find(struct runner *runner)
{
	struct egi_item *item = runner->item;

	if (EGI_LIKELY(item && !runner->ready && !runner->has_failed) &&
	    egi_traffic_pull_again(&runner->pipeline->traffic)) {
		item_reset(item);
		return true;
	}
	if (EGI_UNLIKELY(runner->has_failed)) {
		runner_give_place(runner);
		runner_call_another(runner->pipeline, egi_traffic_end(&runner->pipeline->traffic));
		return false;
	}
	return runner_find_other(runner);
}

/* The source has given an item, or has ended. */
static inline void runner_leave_source(struct runner *runner, bool ended)
{
	struct egi_pipeline *pipeline = runner->pipeline;

	if (EGI_LIKELY(!ended)) {
		pipeline->source.number++;
		runner->item->stage = 1;
	}
	egi_annotate_release(&pipeline->source);
	runner_call_another(pipeline, egi_traffic_leave_source(&pipeline->traffic, ended));
}

/* The source is to be asked. False if it is not: it has ended. */
static inline bool runner_may_pull(struct runner *runner)
{
	struct egi_pipeline *pipeline = runner->pipeline;

	egi_annotate_acquire(&pipeline->source);
	runner->item->number = pipeline->source.number;
	runner->recovery->part = (int64_t)pipeline->source.number;
	if (EGI_LIKELY(!runner_is_over(runner)))
		return true;
	runner_leave_source(runner, true);
	return false;
}
/* The item's stage has failed, and is left without calling another. */
static EGI_COLD void runner_fail(struct runner *runner)
{
	runner->has_failed = true;
	runner->item->has_failed = true;
	pipeline_count_error(runner->pipeline);
	runner_drop(runner);
}

/*
 * The call of a stage has ended with an error, or has left something to do, or is a forked child's. False: the runner has
 * nothing to do with it any more.
 */
static EGI_COLD bool runner_end_call(struct runner *runner, int error)
{
	if (is_forked(runner->pipeline))
		return false;
	egi_recovery_end_call(runner->recovery, error, runner->defers);
	if (error != 0)
		runner_fail(runner);
	return true;
}

/* Asks the source. False if there is nothing to go on with. */
static inline __attribute__((always_inline)) bool runner_pull(struct runner *runner)
{
	const struct egi_stage *source = runner->pipeline->stages;
	struct egi_item *item = runner->item;
	int code;

	if (!runner_may_pull(runner))
		return false;
	EGI_CALL_PROGRAM(code = source->fn(runner->ctx, source->arg, &item->value));
	if (EGI_UNLIKELY(code != 1 || runner->recovery->dirty) &&
	    !runner_end_call(runner, code == 1 ? 0 : code))
		return false;
	runner_leave_source(runner, code != 1);
	return EGI_LIKELY(code == 1);
}

/* Has the item go through the stages that are left, until it has come to its end or stays at a turnstile. */
static inline __attribute__((always_inline)) void runner_carry(struct runner *runner)
{
	const struct egi_pipeline *pipeline = runner->pipeline;
	struct egi_stage *end = pipeline->stages + pipeline->count;
	struct egi_item *item = runner->item;

	for (struct egi_stage *stage = &pipeline->stages[item->stage]; stage < end; stage++) {
		if (stage->turnstile && !runner_enter(runner, stage, item))
			return;
		if (EGI_LIKELY(item->value != NULL)) {
			int code;

			if (EGI_UNLIKELY(runner_is_over(runner))) {
				runner_drop(runner);
			} else {
				EGI_CALL_PROGRAM(code = stage->fn(runner->ctx, stage->arg, &item->value));
				if (EGI_UNLIKELY(code != 0 || runner->recovery->dirty) &&
				    !runner_end_call(runner, code))
					return;
			}
		}
		if (stage->turnstile)
			runner_leave(runner, stage, item);
		item->stage++;
	}
}

/* The loop. Its frame is the one from which the program's functions are called. */
static EGI_LIVE_CALLER void runner_work(struct runner *runner)
{
	EGI_RECOVERY_CALL_HERE(runner->recovery);
	while (runner_find(runner))
		if (EGI_UNLIKELY(runner->item->stage != 0) || runner_pull(runner))
			runner_carry(runner);
}

/*
 * The runner was unwound, or its thread has ended: with the item in a stage, in the source, or in the drop function, which
 * may end in the same way and then brings its caller here again.
 */
static void runner_unwound(void *arg)
{
	struct egi_item *item = arg;
	struct egi_pipeline *pipeline = item->pipeline;
	struct runner runner = {
	    .pipeline = pipeline, .recovery = egi_thread_self.recovery, .item = item, .has_failed = true};

	if (is_forked(pipeline))
		return;
	if (!item->has_failed)
		pipeline_count_error(pipeline);
	item->has_failed = true;
	if (item->value && eg_defer(runner_unwound, item) == 0) {
		item_drop_in_task(runner.recovery, item);
		(void)eg_undefer(runner_unwound, item);
	}
	if (item->stage == 0) {
		runner_leave_source(&runner, true);
	} else {
		struct egi_stage *stage = &pipeline->stages[item->stage++];

		if (stage->turnstile)
			runner_leave(&runner, stage, item);
		runner_pass(&runner);
	}
	runner_give_place(&runner);
	runner_call_another(pipeline, egi_traffic_end(&pipeline->traffic));
}

int egi_runner_run(eg_ctx *ctx, void *arg)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;
	const void *stop = recovery->stop, *entry = recovery->entry;
	struct runner runner = {.pipeline = arg, .recovery = recovery, .ctx = ctx};

	egi_traffic_come(&runner.pipeline->traffic);
	/* There is room: it is the task's first, or follows that which frees a copy. */
	EGI_VERIFY(eg_defer(runner_unwound, NULL) == 0, "internal: no room for a runner's deferred call");
	runner.defers = recovery->defers_count;
	/* It says what calls have left to do. */
	recovery->dirty = false;
	runner_work(&runner);
	if (!is_forked(runner.pipeline))
		recovery->defers_count--;
	recovery->dirty = true;
	recovery->part = -1;
	recovery->stop = stop;
	recovery->entry = entry;
	return 0;
}
