/* SPDX-License-Identifier: MIT */
#ifndef BENCH_FLOOR_H
#define BENCH_FLOOR_H

/*
 * The floor: what calling functions from a list costs when nothing is asked for but that. Submitting writes a
 * function and its argument into an array that is large enough and has been used before. Running calls them,
 * each thread its own contiguous part, and the threads meet once at the end. There is no synchronisation
 * else: no errors, no limit, no order, no sleeping, nothing pending that could start early.
 *
 * It is in a shared object of its own, since any library's functions are called through one.
 */

#include <stddef.h>

typedef void floor_fn(void *arg);

struct floor_list;

struct floor_list *floor_create(size_t threads, size_t tasks_max);
void floor_destroy(struct floor_list *list);
void floor_submit(struct floor_list *list, floor_fn *fn, void *arg);

/* Runs what has been submitted, and empties the list: by all threads, or by the caller alone. */
void floor_run(struct floor_list *list);
void floor_run_alone(struct floor_list *list);

#endif
