/* SPDX-License-Identifier: MIT */
#ifndef EXPLORE_SCENARIOS_H
#define EXPLORE_SCENARIOS_H

/*
 * The scenarios, and what they share. One group is enough for most.
 *
 * The ring holds three tasks here, a segment of the overflow two or four, and a submitter that spills looks
 * at every other task whether it may stop; see meson.build.
 */

#include <errgroup.h>
#include <pthread.h>

#include "books.h"

extern eg_group group;

/* Initialises the group, and the books accordingly. */
void group_open(int limit, int backlog, unsigned flags);

/* The same, by a thread that ends then: nobody is the group's owner. */
void group_open_elsewhere(int limit, int backlog, unsigned flags);

/* Submits the jobs from .. to - 1. */
void submit_range(unsigned from, unsigned to);

/* Waits, without an error, and looks at the books; then destroys the group. */
void wait_for_all(void);
void wait_and_destroy(void);

/* Has a thread of the crew come and find no more to do: it watches for a while before it sleeps for good. */
void call_crew(void);

pthread_t thread_start(void *(*main)(void *arg), void *arg);
void thread_join(pthread_t thread);

/* Threads: one that waits for the group too, one that cancels it unless a wait has been faster. */
void *wait_too(void *arg);
void *cancel_group(void *arg);

/* Bodies of jobs: wait for the other job's flag; raise one's own. */
void body_awaits_other(struct job *job);
void body_raises(struct job *job);

void ring_against_spill(void);
void overflow_against_submit(void);
void spill_against_empty_ring(void);
void segment_against_submit(void);
void two_submitters(void);
void steal_against_owner(void);
void loop_owner_and_thief(void);
void loop_piece_and_thief(void);
void loop_two_takers(void);
void loop_against_taker(void);
void loop_against_spill(void);
void range_between_tasks(void);
void range_of_owner(void);
void range_destroyed(void);
void end_against_next_index(void);
void tasks_await_each_other(void);
void tasks_await_without_help(void);
void park_against_wake(void);
void hungry_worker(void);
void wait_helps(void);
void wait_helps_alone(void);
void two_groups_one_crew(void);
void done_request_against_submit(void);
void small_groups_against_sentinel(void);
void small_group_left_to_sentinel(void);
void small_group_taken_by_owner(void);
void two_small_groups_left_to_sentinel(void);
void late_task_awaits_new_group(void);
void offer_against_thief(void);
void offer_against_leaving(void);
void offer_of_owner(void);
void joiner_against_offer(void);
void owner_against_waiter(void);
void state_used_again(void);
void state_kept_off_board(void);
void two_newcomers(void);
void share_against_limit(void);
void slot_refused(void);
void two_limits(void);
void notice_hidden_by_two(void);
void owner_against_submitter(void);
void owner_against_newcomer(void);
void owner_against_cancel(void);
void owner_against_limit(void);
void group_within_group(void);
void end_idle_against_leaving(void);
void end_idle_against_groups(void);
void submitter_ends(void);
void submitter_ends_against_destroy(void);
void done_against_last_task(void);
void done_against_submitting(void);
void done_while_helping(void);
void slots_against_waiters(void);
void two_waiters(void);
void waiter_against_destroy(void);
void owner_against_destroy(void);
void wait_against_submit(void);
void deadline_against_last_task(void);
void limit_against_workers(void);
void raised_limit_against_submit(void);
void cancel_against_submit(void);
void failure_against_tasks(void);
void destroy_against_leaving(void);
void destroy_against_tasks(void);
void reset_between_rounds(void);
void backlog_against_worker(void);
void no_backlog_against_worker(void);
void cancel_against_backlog(void);
void observer_against_waiter(void);
void over_against_waiters(void);
void stats_against_submitting(void);
void end_against_register(void);
void two_ends_and_the_last_reference(void);
void end_against_children(void);
void end_against_wait(void);
void cause_against_cancel(void);
void clock_against_cancel(void);
void end_against_next_task(void);
void deadline_against_release(void);
void deadline_against_drop(void);
void deadline_against_leaving_keeper(void);
void function_waits_for_deadline(void);
void function_waits_for_function(void);
void functions_of_one_context_meet(void);
void calls_against_caller(void);
void deadline_past_below_late(void);
void two_deadlines_against_keeper(void);
void kick_against_keeper(void);
void hold_against_leaving_keeper(void);
void end_idle_against_deadline(void);
void source_against_ending_runner(void);
void turn_against_leaving_item(void);
void turn_against_failed_item(void);
void claim_owner_and_thief(void);
void claim_refill_and_thief(void);
void claim_two_thieves(void);
void queue_two_takers(void);
void event_sleepers_and_notifier(void);
void limit_shared_by_groups(void);
void place_against_destroy(void);
void task_lends_its_place(void);
void helper_without_place(void);
void raised_shared_limit(void);
void permit_against_call(void);

void two_failures_halt_at_first(void);
void two_failures_halt_at_second(void);
void failure_against_next_task(void);
void release_against_wait(void);
void release_after_submit_against_wait(void);
void hold_against_wait(void);
void fd_against_last_task(void);
void fd_against_next_round(void);

#endif
