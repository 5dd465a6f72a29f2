/* SPDX-License-Identifier: MIT */
/*
 * The list of all scenarios, and what they share.
 */
#include "scenarios.h"

#include <errno.h>
#include <stddef.h>

eg_group group;

void group_open(int limit, int backlog, unsigned flags)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;

	options.limit = limit;
	options.backlog = backlog;
	options.flags = flags;
	EXPLORE_REQUIRE(eg_group_init(&group, NULL, &options) == 0);
	jobs_limit = limit > 0 ? (unsigned)limit : 0;
	jobs_are_ordered = limit == 1;
}

void submit_range(unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++)
		EXPLORE_REQUIRE(job_submit(&group, i) == 0);
}

void wait_for_all(void)
{
	EXPLORE_REQUIRE(eg_group_wait(&group) == 0);
	jobs_check_all_ran();
}

void wait_and_destroy(void)
{
	wait_for_all();
	eg_group_destroy(&group);
}

/* One task, run by the crew, before the scenario begins; the last job's number. */
static void wait_and_destroy_quietly(void)
{
	jobs_are_ordered = false;
	EXPLORE_REQUIRE(job_submit(&group, JOBS_MAX - 1) == 0);
	wait_and_destroy();
	explore_settle();
}

static struct {
	int limit, backlog;
	unsigned flags;
} opening;

static void *open_for_others(void *arg)
{
	(void)arg;
	group_open(opening.limit, opening.backlog, opening.flags);
	return NULL;
}

void group_open_elsewhere(int limit, int backlog, unsigned flags)
{
	opening.limit = limit;
	opening.backlog = backlog;
	opening.flags = flags;
	thread_join(thread_start(open_for_others, NULL));
}

pthread_t thread_start(void *(*main)(void *arg), void *arg)
{
	pthread_t thread;

	EXPLORE_REQUIRE(pthread_create(&thread, NULL, main, arg) == 0);
	return thread;
}

void thread_join(pthread_t thread)
{
	pthread_join(thread, NULL);
}

void call_crew(void)
{
	group_open(1, 0, EG_GROUP_NO_HELP | EG_GROUP_NO_CANCEL);
	wait_and_destroy_quietly();
}

void *wait_too(void *arg)
{
	(void)arg;
	wait_for_all();
	return NULL;
}

void *cancel_group(void *arg)
{
	int err = eg_group_cancel(&group, NULL);

	(void)arg;
	/* A wait that is over has ended the context. */
	EXPLORE_REQUIRE(err == 0 || err == -EALREADY);
	return NULL;
}

void body_awaits_other(struct job *job)
{
	explore_await(&job->other->flag);
}

void body_raises(struct job *job)
{
	explore_raise(&job->flag);
}

#define SCENARIO(name, about, cpus, timers, quick, full)                 \
	{                                                                \
#name, about, name, cpus, timers, false, quick, full, 20 \
	}
#define REFUSED(name, about, cpus, timers, quick, full)                            \
	{                                                                          \
#name "_refused", about, name, cpus, timers, true, quick, full, 20 \
	}

const struct explore_scenario explore_scenarios[] = {
    SCENARIO(ring_against_spill, "takes from the ring, and a submitter that spills", 2, false, 1, 2),
    SCENARIO(overflow_against_submit, "takes from the overflow, and a submitter that appends", 2, false, 1,
	     2),
    SCENARIO(spill_against_empty_ring,
	     "a worker that found the ring empty, and a submitter that fills it and spills", 2, false, 1, 3),
    SCENARIO(segment_against_submit, "a segment that a worker is done with, and a submitter that needs one",
	     2, false, 1, 2),
    SCENARIO(two_submitters, "a second queue, and a worker that looks for tasks", 2, false, 1, 2),
    SCENARIO(steal_against_owner, "a claim's owner, and a thief", 2, false, 1, 2),
    SCENARIO(tasks_await_each_other, "a group without a limit whose tasks wait for one another", 2, false, 1,
	     2),
    SCENARIO(tasks_await_without_help, "the same, left to the crew", 2, false, 1, 2),
    SCENARIO(park_against_wake, "the last worker that leaves, and a submitter that relies on it", 2, false, 1,
	     2),
    SCENARIO(hungry_worker, "a crew thread that goes to sleep, and a submitter", 2, true, 1, 2),
    SCENARIO(wait_helps, "a waiter that works, and a worker", 2, false, 1, 2),
    SCENARIO(wait_helps_alone, "a waiter and a worker, and one place", 2, false, 2, 2),
    SCENARIO(two_groups_one_crew, "two groups, and a crew that serves both", 2, false, 1, 2),
    SCENARIO(done_request_against_submit,
	     "a request that the sentinel takes down, and a submitter that relies on it", 2, true, 1, 2),
    SCENARIO(small_groups_against_sentinel, "small groups, and a sentinel that looks at them", 2, true, 1, 2),
    SCENARIO(small_group_left_to_sentinel, "a group left to a sentinel that goes to sleep", 2, false, 2, 2),
    SCENARIO(small_group_taken_by_owner, "an owner that takes its tasks, and a sentinel that goes to sleep",
	     2, true, 1, 2),
    SCENARIO(two_small_groups_left_to_sentinel, "two groups, one of which the sentinel goes to serve", 2,
	     false, 1, 2),
    SCENARIO(late_task_awaits_new_group, "a task now and then, and a group made while it runs", 2, false, 1,
	     2),
    REFUSED(steal_against_owner, "a claim's owner, and a thief whose barrier is refused", 2, false, 1, 2),
    REFUSED(park_against_wake, "the last worker that leaves, whose barrier is refused, and a submitter", 2,
	    false, 2, 3),
    REFUSED(small_group_left_to_sentinel, "a group left to a sentinel whose barrier is refused", 2, false, 1,
	    3),
    REFUSED(owner_against_waiter, "a small group's owner, and a waiter whose barrier is refused", 2, false, 2,
	    3),
    SCENARIO(offer_against_thief, "a task that takes its offer back, and a thief", 1, false, 1, 2),
    SCENARIO(offer_against_leaving, "a task that offers what it needs, and a worker that leaves", 2, false, 1,
	     2),
    SCENARIO(offer_of_owner, "a small group's owner that offers what it needs", 2, false, 1, 2),
    SCENARIO(joiner_against_offer, "a task that waits for its thief, and what that offers", 2, false, 1, 2),
    REFUSED(offer_against_thief, "a task that takes its offer back, and a thief whose barrier is refused", 1,
	    false, 1, 2),
    SCENARIO(owner_against_waiter, "a small group's owner, and another waiter that works", 2, false, 1, 3),
    SCENARIO(state_used_again, "a stale look at a small group, its successor, and another waiter", 2, false,
	     1, 2),
    SCENARIO(two_newcomers, "a small group's owner, and two threads that come at once", 2, false, 2, 3),
    SCENARIO(owner_against_submitter, "a small group's owner, and another submitter", 2, false, 2, 3),
    SCENARIO(owner_against_newcomer, "an owner that finds nothing, and another thread with a task", 2, false,
	     2, 3),
    SCENARIO(owner_against_cancel, "a small group's owner, and a cancellation", 2, false, 2, 3),
    SCENARIO(owner_against_limit, "a small group's owner, and a change of the limit", 2, false, 2, 3),
    SCENARIO(state_kept_off_board, "a request that is posted again, and the end of its group", 2, false, 2,
	     3),
    SCENARIO(share_against_limit,
	     "a small group's owner that changes the limit, and another thread that comes", 2, false, 2, 3),
    SCENARIO(slot_refused, "no memory for the slot of a thread that is needed", 2, false, 1, 2),
    SCENARIO(two_limits, "two threads that set the limit", 2, false, 2, 3),
    SCENARIO(group_within_group, "a task that waits for a group of its own", 2, false, 1, 2),
    SCENARIO(end_idle_against_leaving, "an end of all threads, and a worker that leaves a group that is gone",
	     2, false, 2, 3),
    SCENARIO(end_idle_against_groups, "an end of all threads, and a group that needs one", 2, false, 1, 2),
    SCENARIO(submitter_ends, "a thread that made a group and ends, and a waiter", 2, false, 1, 3),
    SCENARIO(submitter_ends_against_destroy,
	     "a thread that made a group and ends, and another that destroys the group", 2, false, 2, 3),
    SCENARIO(done_against_last_task, "a waiter that goes to sleep, and the last two tasks", 3, false, 1, 2),
    SCENARIO(done_against_submitting, "a waiter, and a task that submits another", 2, false, 2, 3),
    SCENARIO(done_while_helping, "a waiter that works, and tasks that submit tasks", 2, false, 1, 2),
    SCENARIO(slots_against_waiters, "a limit that is lowered, and two waiters of a group without tasks", 2,
	     false, 1, 2),
    SCENARIO(two_waiters, "two waiters and a worker", 2, false, 1, 2),
    SCENARIO(waiter_against_destroy, "a waiter about to return, and the owner that destroys the group", 2,
	     false, 1, 2),
    SCENARIO(owner_against_destroy, "the owner about to return, and a waiter that destroys the group", 2,
	     false, 1, 2),
    SCENARIO(wait_against_submit, "a waiter, and a thread that goes on submitting", 3, false, 1, 2),
    SCENARIO(deadline_against_last_task, "a waiter with a deadline, and the last task", 2, true, 1, 2),
    SCENARIO(limit_against_workers, "a limit that goes down and up, and workers", 2, false, 1, 2),
    SCENARIO(raised_limit_against_submit, "a limit that goes up, and a submitter that finds the group full",
	     2, false, 1, 2),
    SCENARIO(cancel_against_submit, "a cancellation, and a submitter", 2, false, 1, 2),
    SCENARIO(failure_against_tasks, "a failed task, and tasks that have not started", 2, false, 1, 2),
    SCENARIO(destroy_against_leaving, "the owner that goes, and the last worker that leaves", 2, false, 2, 3),
    SCENARIO(destroy_against_tasks, "the owner that goes, and workers at work", 2, false, 1, 2),
    SCENARIO(reset_between_rounds, "a new round, and the last round's worker", 2, false, 1, 2),
    SCENARIO(backlog_against_worker, "a submitter that waits for room, and a worker that makes it", 2, false,
	     1, 2),
    SCENARIO(no_backlog_against_worker, "the same, where a task must have ended", 2, false, 1, 2),
    SCENARIO(cancel_against_backlog, "a submitter that waits for room, and a cancellation", 2, false, 1, 2),
    SCENARIO(observer_against_waiter, "an observer that is told of tasks, and a waiter", 2, false, 1, 2),
    SCENARIO(over_against_waiters, "an observer that is told of the end, and two waiters", 2, false, 1, 2),
    SCENARIO(stats_against_submitting, "a question how far a group is, and a task that submits another", 2,
	     false, 1, 2),
    SCENARIO(end_against_register, "a context that ends, and a function that comes and goes", 2, false, 4, 5),
    SCENARIO(two_ends_and_the_last_reference,
	     "a context and its parent that end, and a function that drops all", 2, false, 4, 5),
    SCENARIO(end_against_children, "a context that ends, and children that come and go", 2, false, 4, 5),
    SCENARIO(end_against_wait, "a context that ends, and a thread that goes to sleep on it", 2, false, 4, 5),
    SCENARIO(cause_against_cancel, "a context that is cancelled, and a question why it is over", 2, false, 4,
	     5),
    SCENARIO(clock_against_cancel,
	     "a context that is cancelled, and a question whether its deadline has passed", 2, false, 4, 5),
    SCENARIO(end_against_next_task, "the end of a group's context, and the next task", 2, false, 2, 3),
    SCENARIO(deadline_against_release, "a deadline, and a cancellation", 2, true, 4, 5),
    SCENARIO(deadline_against_drop, "a deadline, and the last reference", 2, true, 4, 5),
    SCENARIO(deadline_against_leaving_keeper, "a keeper that goes, and a deadline that is set", 2, true, 3,
	     4),
    SCENARIO(function_waits_for_deadline, "a function called at a deadline, and a deadline it waits for", 2,
	     true, 2, 3),
    SCENARIO(function_waits_for_function, "a function that waits, and the one that it waits for", 2, true, 2,
	     3),
    SCENARIO(functions_of_one_context_meet,
	     "two functions called at one deadline, of which one waits for the other", 2, true, 2, 3),
    SCENARIO(calls_against_caller, "the last of the calls, and one more", 2, true, 2, 3),
    SCENARIO(deadline_past_below_late, "a keeper that is late, and a deadline in the past below", 2, false, 4,
	     5),
    SCENARIO(two_deadlines_against_keeper, "a keeper that goes to sleep, and an earlier deadline", 2, false,
	     4, 5),
    SCENARIO(kick_against_keeper, "a keeper that goes to sleep, and a kick", 2, false, 4, 5),
    SCENARIO(hold_against_leaving_keeper, "a keeper that has been idle for long, and somebody who holds it",
	     2, false, 4, 5),
    SCENARIO(end_idle_against_deadline, "an end of all threads, and a deadline", 2, true, 2, 3),
    SCENARIO(notice_hidden_by_two, "a notice that its thread hides, and somebody else who takes it away", 2,
	     false, 5, 5),
    SCENARIO(claim_owner_and_thief, "a claim's owner that takes, and a thief", 2, false, 4, 5),
    SCENARIO(claim_refill_and_thief, "a claim's owner that claims anew, and a thief", 2, false, 3, 5),
    SCENARIO(claim_two_thieves, "a claim's owner, and two thieves", 2, false, 3, 5),
    SCENARIO(queue_two_takers, "a queue's producer, and two takers", 2, false, 2, 3),
    SCENARIO(loop_owner_and_thief, "an owner that takes of a loop, and a thief", 2, false, 3, 5),
    SCENARIO(loop_piece_and_thief, "an owner that takes the rest of a loop, and a thief", 2, false, 4, 5),
    SCENARIO(loop_two_takers, "two who take of a loop", 2, false, 1, 3),
    SCENARIO(loop_against_taker, "a loop and a task behind it, and a taker", 2, false, 2, 5),
    SCENARIO(loop_against_spill, "the same with tasks that spill", 2, false, 2, 4),
    SCENARIO(range_between_tasks, "a submitter of tasks and a range, and a worker", 2, false, 1, 2),
    SCENARIO(range_of_owner, "a small group's owner in a range, and another waiter", 2, false, 1, 2),
    SCENARIO(range_destroyed, "a group that is destroyed, and its range", 2, false, 1, 2),
    SCENARIO(end_against_next_index, "the end of a group's context, and the next index", 2, false, 2, 3),
    SCENARIO(event_sleepers_and_notifier, "two sleepers, and a notifier", 2, false, 5, 5),
    SCENARIO(source_against_ending_runner, "a runner that finds the source busy, and another that leaves it",
	     2, false, 1, 2),
    SCENARIO(turn_against_leaving_item, "an item that comes to a stage, and another that leaves it", 2, false,
	     1, 2),
    SCENARIO(turn_against_failed_item, "an item that comes to a stage, and another that has failed", 2, false,
	     1, 2),
    SCENARIO(two_failures_halt_at_first, "two errors at once, of which the first halts", 2, false, 4, 5),
    SCENARIO(two_failures_halt_at_second, "two errors at once, of which the second halts", 2, false, 4, 5),
    SCENARIO(failure_against_next_task, "an error that stops a group, a task that sees it, and the next task",
	     2, false, 1, 2),
    SCENARIO(release_against_wait, "a waiter that destroys the group, and a release", 2, false, 3, 5),
    SCENARIO(release_after_submit_against_wait, "a waiter, and a submitter that then releases", 2, false, 1,
	     2),
    SCENARIO(hold_against_wait, "a waiter, and a task that holds the group for another thread", 2, false, 1,
	     2),
    SCENARIO(fd_against_last_task, "a descriptor that is made, and the last task", 2, false, 1, 2),
    SCENARIO(fd_against_next_round, "a wait, a new round, and a worker that tells of the last one", 2, false,
	     2, 3),
    SCENARIO(limit_shared_by_groups, "two groups, and one place for both", 3, false, 1, 2),
    SCENARIO(place_against_destroy, "a group that waits for a place and is destroyed, and one that has it", 3,
	     false, 1, 2),
    SCENARIO(task_lends_its_place, "a task that waits for a group, and the place that both need", 3, false, 1,
	     2),
    SCENARIO(helper_without_place, "a waiter that waits for a place, and a task that leaves nothing to it", 3,
	     false, 1, 2),
    SCENARIO(raised_shared_limit, "a shared limit that goes up, and a worker that waits for a place", 3,
	     false, 1, 2),
    SCENARIO(permit_against_call, "two that wait for a permit, of which one is called off", 2, false, 3, 5),
    {.name = NULL},
};
