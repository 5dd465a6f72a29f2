/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_TEST_STRESS_H
#define ERRGROUP_TEST_STRESS_H

/*
 * What the two halves of the stress test share: a group under test with its books, and the tasks that it is given.
 * stress.c draws groups, drives and audits them; stress_tasks.c is what the tasks do.
 */

#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <errgroup.h>

#define CELLS_MAX 6000

struct run;

/* One task. The submitter writes `accepted`, the task `ran`; both are read once the group is quiet. */
struct cell {
	struct run *run;
	atomic_uchar accepted;
	atomic_uchar ran;
	unsigned char depth;
	sem_t *done; /* posted when the task ran, or NULL */
};

/* One group under test and what is known about it. */
struct run {
	uint64_t seed;
	eg_group group;
	eg_ctx *parent;
	struct eg_group_options options;
	int limit;            /* 0: it changes, so nothing can be said about how many run at once */
	bool is_rough;        /* errors and panics are common */
	bool is_abandoned;    /* destroyed without a last wait, which skips tasks and refuses new ones */
	atomic_size_t used;   /* cells handed out */
	atomic_size_t failed; /* tasks that ran and failed, since the last reset */
	atomic_int active;
	struct cell *cells;
};

/*
 * Random numbers: a counter through a mixing function, so that a cell's behaviour depends on the round's seed and
 * the cell alone. `draw` gives 0 to below - 1, `chance` true so many times in 100.
 */
uint64_t mix(uint64_t value);
unsigned draw(uint64_t *state, unsigned below);
bool chance(uint64_t *state, unsigned percent);

/* Ends the program: says what was required, of which group, and how to repeat it. */
void fail(const struct run *run, const char *what, const char *file, int line) __attribute__((noreturn));

#define REQUIRE(run, condition)                                      \
	do {                                                         \
		if (!(condition))                                    \
			fail((run), #condition, __FILE__, __LINE__); \
	} while (0)

/*
 * Submits a task that lives in the run's next cell, at that depth of submission; `done` is posted when it has
 * started, or was refused. Returns false when no cell is left.
 */
bool submit(struct run *run, uint64_t *state, unsigned depth, sem_t *done);

/* Sets some limit; cancels the group, which is refused where it has no context of its own. */
void do_limit(struct run *run, uint64_t *state);
void do_cancel(struct run *run);

#endif
