/* SPDX-License-Identifier: MIT */
#ifndef BENCH_PIPELINE_H
#define BENCH_PIPELINE_H

/*
 * The stages of the measured pipeline: a source, which makes items one after the other; work, which may be done for
 * several items at once; and a sink, which takes one at a time and insists on their order. A runtime that has pipelines
 * connects them in its own way. An item is a number that passes for a pointer, so no stage needs memory.
 */

#include "bench.h"

/* How many items are under way at most, in whatever way the runtime is told so: some for each thread and to spare. */
#define BENCH_PIPELINE_WINDOW 64

struct bench_pipeline {
	uintptr_t items;
	uintptr_t loops; /* of work on each */
	uintptr_t made __attribute__((aligned(128)));
	uintptr_t taken __attribute__((aligned(128)));
};

/* NULL: there are no more. */
static inline void *bench_pipeline_make(struct bench_pipeline *pipeline)
{
	return pipeline->made < pipeline->items ? (void *)++pipeline->made : NULL;
}

static inline void bench_pipeline_work(struct bench_pipeline *pipeline, void *item)
{
	(void)item;
	if (pipeline->loops != 0)
		bench_spin(pipeline->loops);
}

static inline void bench_pipeline_take(struct bench_pipeline *pipeline, void *item)
{
	if ((uintptr_t)item != ++pipeline->taken)
		bench_fail("item %lu came in place of %lu", (unsigned long)(uintptr_t)item,
			   (unsigned long)pipeline->taken);
}

#endif
