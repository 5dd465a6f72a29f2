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

#include "batch/passage.h"
#include "os/annotate.h"
#include "os/clock.h"
#include "os/exception.h"
#include "os/thread.h"
#include "os/verify.h"
#include "task/live.h"
#include "task/recovery.h"

struct runner {
	struct egi_line *line;
	struct egi_recovery *recovery;
	eg_ctx *ctx;
	struct egi_item *item;  /* that it carries, or whose place it has; NULL: none */
	struct egi_item *ready; /* taken over at the last turnstile, to be the next */
	size_t defers;          /* its own deferred call is the last of so many */
	bool has_failed;
	unsigned left, period; /* items until it looks at the clock, and how many they were */
	int64_t until_ns;      /* when it makes room for others; 0: it has not looked yet */
};

/*
 * A runner ends after so long, and is called again: between two tasks a thread sees to what is asked of it, a limit that was
 * lowered, other groups that share one. The clock is read after 1, 2, 4 items and so on, as few as that.
 */
#define SLICE (10 * EGI_MILLISECOND)
#define PERIOD_MAX 64

/* The program's function is called from a frame of ours with nothing held: a fault in it is an error, too. */
static EGI_COLD void item_drop_in_task(struct egi_recovery *recovery, struct egi_item *item)
{
	const struct egi_line *line = item->line;
	void *value = item->value;
	const void *entry = recovery->entry;

	item->value = NULL;
	if (!value || !line->drop)
		return;
	recovery->entry = __builtin_frame_address(0);
	EGI_CALL_PROGRAM(line->drop(value, line->drop_arg));
	recovery->entry = entry;
}

static void runner_drop(struct runner *runner)
{
	item_drop_in_task(runner->recovery, runner->item);
	if (egi_line_is_forked(runner->line))
		runner->has_failed = true;
	else if (runner->recovery->dirty)
		egi_recovery_end_call(runner->recovery, 0, runner->defers);
}

/* Stages. */

/* False: the item stays at the stage, and is not the runner's any more. */
static inline bool runner_enter(struct runner *runner, struct egi_stage *stage, struct egi_item *item)
{
	if (EGI_LIKELY(egi_passage_enter(stage, item)))
		return true;
	runner->item = NULL;
	return false;
}

/* The item leaves a stage with a turnstile. Another may have come there meanwhile. */
static inline void runner_leave(struct runner *runner, struct egi_stage *stage, struct egi_item *item)
{
	struct egi_item *next = egi_passage_leave(stage, item);

	if (EGI_LIKELY(!next))
		return;
	if (item->stage + 1 == runner->line->count && !runner->has_failed)
		runner->ready = next;
	else
		egi_passage_offer(next);
}

/* An item that has ended passes the stages that are left. */
static EGI_COLD void runner_pass(struct runner *runner)
{
	struct egi_line *line = runner->line;
	struct egi_item *item = runner->item;

	for (; item->stage < line->count; item->stage++) {
		struct egi_stage *stage = &line->stages[item->stage];

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
	struct egi_line *line = runner->line;

	if (!runner->item)
		return;
	egi_line_put_place(line, runner->item);
	runner->item = NULL;
	egi_line_call(line, egi_traffic_free_place(&line->traffic));
}

/* Something else to do than the next item with the same place. False if there is nothing, and the runner has ended. */
static EGI_NOINLINE bool runner_find_other(struct runner *runner)
{
	struct egi_line *line = runner->line;
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
		enum egi_traffic_work work = egi_traffic_take(&line->traffic, &called);

		egi_line_call(line, called);
		if (work == EGI_TRAFFIC_READY) {
			item = egi_passage_find(line);
			egi_annotate_acquire(item);
			egi_annotate_acquire(&line->stages[item->stage]);
			runner_set_item(runner, item);
			return true;
		}
		if (work == EGI_TRAFFIC_SOURCE) {
			runner_set_item(runner, egi_line_take_place(line));
			return true;
		}
		if (!has_watched)
			egi_traffic_watch(&line->traffic);
		else if (egi_traffic_try_end(&line->traffic))
			return false;
		has_watched = !has_watched;
	}
}

/* So many items later. Whether the runner has ended, and another takes its place. */
static EGI_COLD bool runner_is_relieved(struct runner *runner)
{
	struct egi_traffic *traffic = &runner->line->traffic;
	int64_t now_ns = eg_clock_now_ns();

	if (runner->until_ns == 0)
		runner->until_ns = now_ns + SLICE;
	runner->period = runner->period < PERIOD_MAX ? 2 * runner->period : PERIOD_MAX;
	runner->left = runner->period;
	if (now_ns < runner->until_ns || (egi_traffic_call(traffic) && !egi_line_submit(runner->line)))
		return false;
	if (runner->ready)
		egi_passage_offer(runner->ready);
	runner_give_place(runner);
	egi_line_call(runner->line, egi_traffic_end(traffic));
	return true;
}

/* Finds an item to carry, or a place for one that the source is to be asked for. False if the runner has ended. */
static inline bool runner_find(struct runner *runner)
{
	struct egi_item *item = runner->item;

	if (EGI_UNLIKELY(runner->has_failed)) {
		runner_give_place(runner);
		egi_line_call(runner->line, egi_traffic_end(&runner->line->traffic));
		return false;
	}
	if (EGI_UNLIKELY(--runner->left == 0) && runner_is_relieved(runner))
		return false;
	if (EGI_LIKELY(item && !runner->ready) && egi_traffic_pull_again(&runner->line->traffic)) {
		egi_line_reset_place(item);
		return true;
	}
	return runner_find_other(runner);
}

/* The source has given an item, or has ended. */
static inline void runner_leave_source(struct runner *runner, bool ended)
{
	struct egi_line *line = runner->line;

	if (EGI_LIKELY(!ended)) {
		line->source.number++;
		runner->item->stage = 1;
	}
	egi_annotate_release(&line->source);
	egi_line_call(line, egi_traffic_leave_source(&line->traffic, ended));
}

/* The source is to be asked. False if it is not: it has ended. */
static inline bool runner_may_pull(struct runner *runner)
{
	struct egi_line *line = runner->line;

	egi_annotate_acquire(&line->source);
	runner->item->number = line->source.number;
	runner->recovery->part = (int64_t)line->source.number;
	if (EGI_LIKELY(!egi_line_is_over(runner->line, runner->ctx)))
		return true;
	runner_leave_source(runner, true);
	return false;
}
/* The item's stage has failed, and is left without calling another. */
static EGI_COLD void runner_fail(struct runner *runner)
{
	runner->has_failed = true;
	runner->item->has_failed = true;
	egi_line_count_error(runner->line);
	runner_drop(runner);
}

/*
 * The call of a stage has ended with an error, or has left something to do, or is a forked child's. False: the runner has
 * nothing to do with it any more.
 */
static EGI_COLD bool runner_end_call(struct runner *runner, int error)
{
	if (!egi_line_is_forked(runner->line))
		egi_recovery_end_call(runner->recovery, error, runner->defers);
	/* By the stage, or by what it has deferred. Or the runner would ask the source for more, in the child. */
	if (egi_line_is_forked(runner->line)) {
		runner->has_failed = true;
		return false;
	}
	if (error != 0)
		runner_fail(runner);
	return true;
}

/* Asks the source. False if there is nothing to go on with. */
static inline __attribute__((always_inline)) bool runner_pull(struct runner *runner)
{
	const struct egi_stage *source = runner->line->stages;
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
	const struct egi_line *line = runner->line;
	struct egi_stage *end = line->stages + line->count;
	struct egi_item *item = runner->item;

	for (struct egi_stage *stage = &line->stages[item->stage]; stage < end; stage++) {
		if (stage->turnstile && !runner_enter(runner, stage, item))
			return;
		if (EGI_LIKELY(item->value != NULL)) {
			int code;

			if (EGI_UNLIKELY(egi_line_is_over(runner->line, runner->ctx))) {
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
	struct egi_line *line = item->line;
	struct runner runner = {
	    .line = line, .recovery = egi_thread_self.recovery, .item = item, .has_failed = true};

	if (egi_line_is_forked(line))
		return;
	if (!item->has_failed)
		egi_line_count_error(line);
	item->has_failed = true;
	if (item->value && eg_defer(runner_unwound, item) == 0) {
		item_drop_in_task(runner.recovery, item);
		(void)eg_undefer(runner_unwound, item);
	}
	if (item->stage == 0) {
		runner_leave_source(&runner, true);
	} else {
		struct egi_stage *stage = &line->stages[item->stage++];

		if (stage->turnstile)
			runner_leave(&runner, stage, item);
		runner_pass(&runner);
	}
	runner_give_place(&runner);
	egi_line_call(line, egi_traffic_end(&line->traffic));
}

int egi_runner_run(eg_ctx *ctx, void *arg)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;
	const void *stop = recovery->stop, *entry = recovery->entry;
	struct runner runner = {.line = arg, .recovery = recovery, .ctx = ctx, .left = 2, .period = 1};

	egi_traffic_come(&runner.line->traffic);
	/* There is room: it is the task's first, or follows that which frees a copy. */
	EGI_VERIFY(eg_defer(runner_unwound, NULL) == 0, "internal: no room for a runner's deferred call");
	runner.defers = recovery->defers_count;
	/* It says what calls have left to do. */
	recovery->dirty = false;
	runner_work(&runner);
	if (!egi_line_is_forked(runner.line))
		recovery->defers_count--;
	recovery->dirty = true;
	recovery->part = -1;
	recovery->stop = stop;
	recovery->entry = entry;
	return 0;
}
