/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_TRACE_H
#define EXAMPLES_TRACE_H

/*
 * A run written down: what ran when, and in which lane. The file is in the trace event format, JSON, which chrome://tracing,
 * Perfetto and timeline(1) show.
 *
 *     trace_open("run.json", &trace);
 *     eg_for(ctx, count, fn, arg, EG_GROUP_OPTIONS(.observe = trace_observe, .observe_arg = trace), &error);
 *     trace_close(trace);
 *
 * A span is what ran in a lane from one moment to another, and has a name. Lanes are numbered from 0, as slots are; the file
 * has them as threads, numbered from 1. Spans of one lane lie within each other or apart. Names and errors may hold anything:
 * what is no UTF-8 is replaced, and what takes more than 2,000 bytes is cut.
 *
 * A span costs its thread some 0.7 us, and an observed task 1.5. One lock is held for less than a tenth of that, but when 64
 * KiB are full and written to the file. Nothing is allocated after trace_open.
 */

#include <stdint.h>

#include <errgroup.h>

struct trace;

/*
 * Begins a trace.
 *
 * @path  where the file appears: whole, and when it is closed. What is there and is no regular file, as a pipe or a device,
 *        is written to as it is
 *
 * Return: 0 or -errno.
 */
int trace_open(const char *path, struct trace **ret_trace);

/*
 * An observer of groups (eg_observe_fn; the trace is the options' observe_arg), of several at once if need be. A task is
 * a span, named by where it was submitted and its number; one that failed has its error, and one that was skipped is in an
 * event of the kind "instant" that says how many were.
 *
 * The lane of a task is its slot, unless
 *   - the thread is in another task: one that waits for an inner group and helps meanwhile. Then it is that task's, in whose
 *     span it lies: slots are a group's own, and what a thread does lies within what it did before.
 *   - the slot's lane is taken, by a task of another group: then it is the lowest that is free.
 * So for a group by itself the lanes are its slots, and for several there are about as many as threads were in tasks at once.
 *
 * Threads: any.
 */
void trace_observe(const struct eg_event *event, void *trace);

/*
 * Writes down a span. Where groups are observed too, and it is part of a task, the lane is to be that task's: trace_lane.
 *
 * @begin_ns  as eg_clock_now_ns counts
 * @error     what went wrong, or NULL
 *
 * Threads: any.
 */
void trace_span(struct trace *trace, int lane, const char *name, int64_t begin_ns, int64_t end_ns,
		const char *error);

/* The lane of the observed task that the calling thread is in; -1 if it is in none. Threads: any. */
int trace_lane(struct trace *trace);

/*
 * Ends the trace, and the file appears; or not at all, when it could not be written. A file that was there is replaced.
 * Return: 0 or -errno, as -ENOSPC: what went wrong first.
 */
int trace_close(struct trace *trace);

#endif
