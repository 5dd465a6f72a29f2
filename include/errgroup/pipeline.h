/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_PIPELINE_H
#define ERRGROUP_PIPELINE_H

/*
 * A pipeline: items go through stages one after the other, many at once and each in one stage at a time.
 *
 *     static const struct eg_stage stages[] = {
 *             {read_block, &input, EG_STAGE_IN_ORDER},
 *             {compress_block, NULL, EG_STAGE_PARALLEL},
 *             {write_block, &output, EG_STAGE_IN_ORDER},
 *     };
 *     err = eg_pipeline(NULL, stages, 3, EG_PIPELINE_OPTIONS(.window = 16, .drop = free_block), &error);
 *
 * The first stage is the source. It is asked for an item only when there is room for one, and only a bounded
 * number of items is under way, so that a pipeline takes the same memory however long its input is. No thread
 * waits for a stage: an item that cannot enter one is left there, and its thread does something else.
 */

#include <errgroup/group.h>

EG_BEGIN_DECLS

/* How a stage is called. A source is called by one thread at a time, whatever it says. */
enum eg_stage_kind {
	EG_STAGE_PARALLEL, /* for several items at once */
	EG_STAGE_SERIAL,   /* for one at a time, as they come */
	EG_STAGE_IN_ORDER  /* for one at a time, in the order in which the source gave them */
};

/*
 * What a stage does with an item.
 *
 * The source stores an item in *item, which is NULL before, and returns 1; or returns 0: there are no more. Every
 * other value is an error, and there are no more items either.
 *
 * Every other stage gets the item and may replace it. It returns 0, or the item's error. If it stores NULL the
 * item ends here: later stages are not called for it.
 *
 * For the program's functions such a call is a task: eg_task_slot, eg_fail, eg_panic, and eg_defer, whose calls
 * are made when the stage returns, work as they do there.
 */
typedef int eg_stage_fn(eg_ctx *ctx, void *arg, void **item);

struct eg_stage {
	eg_stage_fn *fn;
	void *arg; /* handed to fn */
	enum eg_stage_kind kind;
};

/*
 * Options. Zero means default everywhere; fields are only ever added at the end. A larger structure, from a
 * newer header, is accepted if all that this library does not know is zero.
 */
struct eg_pipeline_options {
	size_t size;   /* sizeof(struct eg_pipeline_options), set by EG_PIPELINE_OPTIONS_INIT */
	size_t window; /* items under way at most; 0: four times the limit, or, without a limit, the CPUs */

	/* Called once with each item that is given up under way: what frees it. NULL: nothing is done. */
	void (*drop)(void *item, void *arg);
	void *drop_arg;

	const struct eg_group_options *group; /* of the group whose tasks carry the items; or NULL */
};

/* As EG_GROUP_OPTIONS_INIT and EG_GROUP_OPTIONS. */
/* clang-format off */
#define EG_PIPELINE_OPTIONS_INIT {sizeof(struct eg_pipeline_options), 0, NULL, NULL, NULL}
#ifndef __cplusplus
#define EG_PIPELINE_OPTIONS(...) \
	(&(struct eg_pipeline_options){.size = sizeof(struct eg_pipeline_options), __VA_ARGS__})
#endif
/* clang-format on */

/*
 * Takes items from the first stage and has each go through the others, until the first says that there are no more
 * and all have come to their end.
 *
 * The first error ends it: of a stage, by its return, a panic, a fault or the end of its thread; of the source; or
 * because the parent is over. Nothing is taken from the source any more, items under way are given to no further
 * stage but to `drop`, calls that are running return, with a context that is over, and their items are dropped as
 * well. What a stage had stored in *item when it failed is the item. The options of the group say otherwise:
 * halt_after how many errors it takes; EG_HALT_SOON that the context is not cancelled; EG_HALT_NEVER that an item's
 * error drops that item and the others go on, for which its turn in later stages is passed over.
 *
 * @parent   the context above the stages'; NULL: background
 * @stages   `count` of them, the source first. One alone is a loop that ends by itself
 * @options  NULL for the defaults. In those of the group a limit of 0 is EG_LIMIT_CPUS, or as much as a
 *           shared_limit allows; a backlog means nothing, and EG_GROUP_SKIP_UNSTARTED neither
 *
 * An item that has come to a serial stage when the pipeline ends is dropped there in its place: one at a time, and in the
 * source's order where the stage is in order.
 *
 * An item keeps its place in the window until it has passed the last stage that is in order, also if it ended
 * before. A stage that blocks keeps a place under the limit meanwhile, and other items go on as far as that allows.
 * Memory for a window is allocated at the start, 64 bytes an item and 8 to 16 for each stage that is not parallel;
 * an item takes none.
 *
 * ret_error is set whatever has failed: to NULL, or to the error, of which the caller owns a reference and whose
 * task index is the item's number, from 0, as the source gave them. Without ret_error a call inside a task attaches
 * the error to it, as eg_group_pass does.
 *
 * Ownership: items are the program's; what the last stage leaves in *item is forgotten. Threads: any; inside a task
 * of another group, and in a stage of another pipeline, too. Blocking: until all items have come to their end; the
 * caller helps, as in eg_group_wait. Ordering: what a stage has written is visible to the next stage of the item, to
 * the same stage's next call unless it is parallel, and to the caller at the end.
 * Return: 0; the first error's code; the parent's, -ECANCELED or -ETIMEDOUT, if its end has kept items from the source
 * or from a stage, or -ECANCELED if a stage has cancelled its own context and that has; -EINVAL for no stages, a NULL function, a kind that is none, or options of a wrong size or that
 * eg_group_init refuses; -EOVERFLOW for a window of 2^24 or more, or stages of 2^16 or more; -ENOMEM; EG_EFORKED in a
 * child that a stage has forked, which drops nothing.
 */
EG_PUBLIC int eg_pipeline(eg_ctx *parent, const struct eg_stage *stages, size_t count,
			  const struct eg_pipeline_options *options, eg_error **ret_error);
EG_PUBLIC int eg_pipeline_at(eg_ctx *parent, const struct eg_stage *stages, size_t count,
			     const struct eg_pipeline_options *options, eg_error **ret_error,
			     struct eg_site *site);

#if defined(__GNUC__) && !defined(EG_NO_SITES)
#define eg_pipeline(...) eg_pipeline_at(__VA_ARGS__, EG_SITE())
#endif

EG_END_DECLS

#endif
