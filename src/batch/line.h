/* SPDX-License-Identifier: MIT */
#ifndef EGI_BATCH_LINE_H
#define EGI_BATCH_LINE_H

/*
 * A line: a pipeline while it runs, and what its runners share. Its runners are the tasks of its group.
 */

#include <errgroup/pipeline.h>

#include "batch/run.h"
#include "batch/traffic.h"
#include "batch/turnstile.h"
#include "context/tree.h"
#include "os/thread.h"

/* A place in the window, and the item that has it. */
struct egi_item {
	void *value;           /* what the program calls the item; NULL: there is none, or no more */
	uint64_t number;       /* from 0, as the source gave them */
	uint64_t turn;         /* at the turnstile of its stage */
	uint32_t stage;        /* where it is, or has come to; 0: the source */
	bool is_inside;        /* the stage's turnstile */
	bool has_failed;       /* and is counted */
	struct egi_line *line; /* for who finds it where its runner was unwound */
	struct egi_item *next; /* of the places that are free */
} __attribute__((aligned(64)));

struct egi_stage {
	eg_stage_fn *fn;
	void *arg;
	bool is_in_order;
	struct egi_turnstile *turnstile; /* NULL: it is parallel, or the source */
};

struct egi_line {
	/* written once */
	struct egi_run run;
	eg_task_fn *run_items; /* a runner */
	struct eg_site *site;
	struct egi_stage *stages; /* the source first */
	struct egi_item *items;   /* `window` of them */
	uint32_t count;           /* of stages */
	uint32_t fork_count;
	void (*drop)(void *item, void *arg);
	void *drop_arg;
	size_t window;
	unsigned halt;       /* enum eg_halt */
	uint64_t halt_after; /* how many errors do not stop it yet */

	/* written at the end */
	uint32_t is_cut;     /* the context's end has kept items from the source, or from a stage */
	uint32_t is_stopped; /* so many errors have happened */
	uint64_t errors;

	struct egi_traffic traffic EGI_ALIGNED;

	/* of who is in the source */
	struct {
		uint64_t number;     /* of the next item */
		size_t places_begun; /* of `items`; those behind were never used */
	} source EGI_ALIGNED;

	/* places that were used: put by anyone, taken by who is in the source */
	struct egi_item *free EGI_ALIGNED;
};

static inline bool egi_line_is_forked(const struct egi_line *line)
{
	return line->fork_count != egi_thread_fork_count;
}

/* Whether nothing is pulled any more, and no stage called. */
bool egi_line_is_over_slow(struct egi_line *line, const eg_ctx *ctx);

/* It is looked at before every call: first, and without one, whether it can be. */
static inline bool egi_line_is_over(struct egi_line *line, const eg_ctx *ctx)
{
	if (EGI_LIKELY((egi_load_relaxed_u32(&line->is_stopped) | egi_ctx_may_be_over(ctx)) == 0))
		return false;
	return egi_line_is_over_slow(line, ctx);
}

/*
 * An error has happened. To be said before the item's turn is passed on, so that nothing comes after it that it should have
 * stopped.
 */
void egi_line_count_error(struct egi_line *line);

/* A place for who is in the source: there is one, as the traffic says. And back, when an item has come to its end. */
struct egi_item *egi_line_take_place(struct egi_line *line);
void egi_line_put_place(struct egi_line *line, struct egi_item *item);

/* The same place for the next item. */
static inline void egi_line_reset_place(struct egi_item *item)
{
	item->value = NULL;
	item->stage = 0;
	item->has_failed = false;
}

/* The caller has called a runner (traffic.h): submits it. False: there was no memory, and none is called. */
bool egi_line_submit(struct egi_line *line);

/* The same for who goes on, and finds the work itself if it fails; or for who ends, and then the rest is dropped at the end. */
static inline void egi_line_call(struct egi_line *line, bool called)
{
	if (EGI_UNLIKELY(called))
		(void)egi_line_submit(line);
}

#endif
