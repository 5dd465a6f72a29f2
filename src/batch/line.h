/* SPDX-License-Identifier: MIT */
#ifndef EGI_BATCH_LINE_H
#define EGI_BATCH_LINE_H

/*
 * A pipeline while it runs: what its runners share.
 */

#include <errgroup/pipeline.h>

#include "batch/run.h"
#include "batch/traffic.h"
#include "batch/turnstile.h"

/* A place in the window, and the item that has it. */
struct egi_item {
	void *value;                   /* what the program calls the item; NULL: there is none, or no more */
	uint64_t number;               /* from 0, as the source gave them */
	uint64_t turn;                 /* at the turnstile of its stage */
	uint32_t stage;                /* where it is, or has come to; 0: the source */
	bool is_inside;                /* the stage's turnstile */
	bool has_failed;               /* and is counted */
	struct egi_pipeline *pipeline; /* for who finds it where its runner was unwound */
	struct egi_item *next;         /* of the places that are free */
} __attribute__((aligned(64)));

struct egi_stage {
	eg_stage_fn *fn;
	void *arg;
	bool is_in_order;
	struct egi_turnstile *turnstile; /* NULL: it is parallel, or the source */
};

struct egi_pipeline {
	/* written once */
	struct egi_run run;
	struct eg_site *site;
	struct egi_stage *stages; /* the source first */
	uint32_t count;           /* of stages */
	uint32_t fork_count;
	void (*drop)(void *item, void *arg);
	void *drop_arg;
	size_t window;
	unsigned halt;       /* enum eg_halt */
	uint64_t halt_after; /* errors */

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

	struct egi_item *free
	    EGI_ALIGNED;        /* places that were used: put by anyone, taken by who is in the source */
	struct egi_item *items; /* `window` of them */
};

#endif
