/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_TEST_SCENARIOS_H
#define ERRGROUP_TEST_SCENARIOS_H

/*
 * Small programs that cope with refusal: each notes what was accepted, what ran and what was skipped, and checks
 * that the three agree, that codes are right and that outputs are untouched when a call fails. test_shortage runs
 * them with memory or threads running out at every place.
 */

#include "support.h"

enum {
	SPILLED = 10000 /* tasks, far more than any ring holds */
};

/* What the submitter and the tasks of the running scenario say happened. */
extern long accepted;
extern atomic_long ran;

/* Starts the books of a scenario. */
void begin(void);

/* Notes a submission: accepted, or out of memory and nothing happened. Returns whether it was accepted. */
bool note(int result);

/* Submits the task so many times, with a text as the argument. */
void go_many(eg_group *group, eg_task_fn *fn, long count);

/* Initialises a group; out of memory leaves it as it was and returns false. */
bool init(eg_group *group, eg_ctx *parent, const struct eg_group_options *options);

/* Destroys a group, which is all-zero afterwards. */
void end(eg_group *group);

/* Tasks that count themselves in `ran`; the second fails with -EIO and a message made of its argument. */
int count_run(eg_ctx *ctx, void *arg);
int count_and_fail(eg_ctx *ctx, void *arg);

/* Submission and waiting: scenarios_groups.c. */
void scenario_zero_group(void);
void scenario_group_with_options(void);
void scenario_no_help_group(void);
void scenario_watched_group(void);
void scenario_spill(void);
void scenario_ranges(void);
void scenario_copied_arguments(void);
void scenario_nested_groups(void);
void scenario_shared_limit(void);
void scenario_submission_from_tasks(void);
void scenario_limit_changes(void);
void scenario_skipped_tasks(void);
void scenario_destroy_with_tasks_pending(void);
void scenario_backlog(void);
void scenario_no_backlog(void);
void scenario_try_go(void);
void scenario_wait_until(void);
void scenario_several_submitters(void);

/* Errors, panics and contexts: scenarios_errors.c. */
void scenario_collected_errors(void);
void scenario_panic(void);
void scenario_passed_on(void);
void scenario_many_defers(void);
void scenario_context_tree(void);
void scenario_context_kinds(void);
void scenario_deadline(void);
void scenario_errors_in_text(void);
void scenario_frames(void);
void scenario_resets(void);

/* What blocks: scenarios_commands.c. */
void scenario_poll(void);
void scenario_command(void);

/* Whole batches in one call: scenarios_batch.c. */
void scenario_loop(void);
void scenario_large_items(void);
void scenario_halves(void);
void scenario_lost_race(void);
void scenario_retry(void);
void scenario_pipeline(void);
void scenario_pipeline_that_fails(void);

#endif
