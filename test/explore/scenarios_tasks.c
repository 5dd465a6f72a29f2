/* SPDX-License-Identifier: MIT */
/*
 * Scenarios about tasks: how they are queued and claimed, and how workers come and go. Each is as small as it
 * can be and still make its two parties meet; what comes before they do is over before explore_begin.
 */
#include "scenarios.h"

static eg_group other_group;

/*
 * The queue
 */

/* The worker takes from the ring while the submitter finds it full, spills, and comes back to it. */
void ring_against_spill(void)
{
	group_open(1, 0, EG_GROUP_NO_HELP | EG_GROUP_NO_CANCEL);
	submit_range(0, 3);
	explore_begin();
	submit_range(3, 5);
	wait_and_destroy();
}

/* The worker has found the ring empty when the submitter fills it again, and spills. */
void spill_against_empty_ring(void)
{
	group_open(1, 0, EG_GROUP_NO_HELP | EG_GROUP_NO_CANCEL);
	submit_range(0, 1);
	explore_begin();
	submit_range(1, 5);
	wait_and_destroy();
}

/* The worker takes the overflow empty while the submitter appends to it, or goes back to the ring. */
void overflow_against_submit(void)
{
	group_open(1, 0, EG_GROUP_NO_HELP | EG_GROUP_NO_CANCEL);
	submit_range(0, 5);
	explore_begin();
	submit_range(5, 7);
	wait_and_destroy();
}

/* The worker is done with a segment of the overflow when the submitter needs another. */
void segment_against_submit(void)
{
	group_open(1, 0, EG_GROUP_NO_HELP | EG_GROUP_NO_CANCEL);
	submit_range(0, 7);
	explore_begin();
	submit_range(7, 8);
	wait_and_destroy();
}

static void *submit_last(void *arg)
{
	(void)arg;
	submit_range(1, 2);
	return NULL;
}

/* Two threads submit to a new group, whose second queue appears while the first is being looked at. */
void two_submitters(void)
{
	pthread_t other;

	group_open(1, 0, EG_GROUP_NO_CANCEL);
	jobs_are_ordered = false;
	explore_begin();
	other = thread_start(submit_last, NULL);
	submit_range(0, 1);
	thread_join(other);
	wait_and_destroy();
}

/*
 * Claims
 */

/* Two workers, and claims of more than one task: what one has claimed the other steals. */
void steal_against_owner(void)
{
	group_open(2, 0, EG_GROUP_NO_CANCEL);
	jobs[1].takes_ns = 30000; /* what was claimed with it is late then */
	submit_range(0, 7);
	explore_begin();
	wait_and_destroy();
}

/* One task waits for the next, which may have been claimed with it. */
void tasks_await_each_other(void)
{
	group_open(0, 0, EG_GROUP_NO_CANCEL);
	jobs[0].body = body_awaits_other;
	jobs[0].other = &jobs[1];
	jobs[1].body = body_raises;
	explore_begin();
	submit_range(0, 2);
	wait_and_destroy();
}

/* The same, and the waiter does not help: a thread beyond the CPUs has to come. */
void tasks_await_without_help(void)
{
	group_open(0, 0, EG_GROUP_NO_HELP | EG_GROUP_NO_CANCEL);
	jobs[0].body = body_awaits_other;
	jobs[0].other = &jobs[1];
	jobs[1].body = body_raises;
	submit_range(0, 2);
	explore_begin();
	wait_and_destroy();
}

/*
 * Coming and going
 */

/*
 * The last worker leaves while a submitter finds that there is one. Nobody waits for the group, who would
 * look too.
 */
void park_against_wake(void)
{
	group_open_elsewhere(1, 0, EG_GROUP_NO_HELP | EG_GROUP_NO_CANCEL);
	jobs[1].body = body_raises;
	submit_range(0, 1);
	explore_begin();
	submit_range(1, 2);
	explore_await(&jobs[1].flag);
	wait_and_destroy();
}

/* A thread of the crew sleeps, or is about to, when the next task comes. */
void hungry_worker(void)
{
	group_open_elsewhere(1, 0, EG_GROUP_NO_HELP | EG_GROUP_NO_CANCEL);
	jobs[1].body = body_raises;
	submit_range(0, 1);
	explore_settle();
	explore_begin();
	submit_range(1, 2);
	explore_await(&jobs[1].flag);
	wait_and_destroy();
}

/* The waiter works too, comes as the worker leaves, and the other way round. */
void wait_helps(void)
{
	group_open(2, 0, EG_GROUP_NO_CANCEL);
	explore_begin();
	submit_range(0, 2);
	wait_and_destroy();
}

/* One place, and a waiter and a worker who both want it. */
void wait_helps_alone(void)
{
	group_open(1, 0, EG_GROUP_NO_CANCEL);
	explore_begin();
	submit_range(0, 3);
	wait_and_destroy();
}

void two_groups_one_crew(void)
{
	group_open(1, 0, EG_GROUP_NO_HELP | EG_GROUP_NO_CANCEL);
	jobs_limit = 2;
	jobs_are_ordered = false;
	EXPLORE_REQUIRE(eg_group_set_limit(&other_group, 1) == 0);
	explore_begin();
	submit_range(0, 1);
	EXPLORE_REQUIRE(job_submit(&other_group, 1) == 0);
	EXPLORE_REQUIRE(eg_group_wait(&group) == 0);
	EXPLORE_REQUIRE(jobs[0].ran == 1);
	EXPLORE_REQUIRE(eg_group_wait(&other_group) == 0);
	jobs_check_all_ran();
	eg_group_destroy(&other_group);
	eg_group_destroy(&group);
}

/*
 * A request is still on the board when a waiter has done its task, and the sentinel takes it down as the next task comes. The
 * only thread that may come at once is kept by a task of another group, which waits for that one.
 */
void done_request_against_submit(void)
{
	group_open_elsewhere(2, 0, EG_GROUP_NO_CANCEL);
	jobs_limit = 0;
	jobs[2].body = body_awaits_other;
	jobs[2].other = &jobs[1];
	jobs[1].body = body_raises;
	EXPLORE_REQUIRE(job_submit(&other_group, 2) == 0);
	explore_settle();
	submit_range(0, 1);
	EXPLORE_REQUIRE(eg_group_wait(&group) == 0);
	explore_begin();
	submit_range(1, 2);
	explore_await(&jobs[1].flag);
	EXPLORE_REQUIRE(eg_group_wait(&other_group) == 0);
	eg_group_destroy(&other_group);
	wait_and_destroy();
}
