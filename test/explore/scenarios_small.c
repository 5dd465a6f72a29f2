/* SPDX-License-Identifier: MIT */
/*
 * Scenarios about small groups, which are done before anybody comes: their owner works without a lock or a
 * locked instruction as long as it is alone.
 */
#include "scenarios.h"

#define LONG_NS 10000000 /* longer than the crew watches for nothing */

/* One small group after the other on one thread, and the sentinel that looks at them. */
void small_groups_against_sentinel(void)
{
	call_crew();
	group_open(0, 0, EG_GROUP_NO_CANCEL);
	explore_begin();
	submit_range(0, 1);
	wait_and_destroy();
	group_open(0, 0, EG_GROUP_NO_CANCEL);
	submit_range(1, 2);
	wait_and_destroy();
}

/*
 * A small group's only thread leaves it to the sentinel, which goes to sleep for good, and sleeps on
 * something else.
 */
void small_group_left_to_sentinel(void)
{
	call_crew();
	group_open(0, 0, EG_GROUP_NO_CANCEL | EG_GROUP_NO_HELP);
	jobs[0].body = body_raises;
	/* It has seen what there was, and looks for the last time. */
	explore_pass_time(LONG_NS);
	explore_settle();
	explore_pass_time(LONG_NS);
	explore_begin();
	submit_range(0, 1);
	explore_await(&jobs[0].flag);
	wait_and_destroy();
}

/*
 * A small group's owner is about to run a task that waits for the next one, while the sentinel looks for the last time: it
 * sees the tasks, although the owner is just moving them.
 */
void small_group_taken_by_owner(void)
{
	call_crew();
	group_open(0, 0, EG_GROUP_NO_CANCEL);
	jobs[0].body = body_awaits_other;
	jobs[0].other = &jobs[1];
	jobs[1].body = body_raises;
	submit_range(0, 2);
	explore_pass_time(LONG_NS);
	explore_begin();
	wait_and_destroy();
}

/* A job, and one of a group of its own that it waits for. */
static void run_with_another_groups(unsigned job)
{
	eg_group other = EG_GROUP_INIT;

	jobs[job].body = body_awaits_other;
	jobs[job].other = &jobs[job + 1];
	jobs[job + 1].body = body_raises;
	explore_begin();
	submit_range(job, job + 1);
	EXPLORE_REQUIRE(job_submit(&other, job + 1) == 0);
	explore_await(&jobs[job + 1].flag);
	EXPLORE_REQUIRE(eg_group_wait(&other) == 0);
	eg_group_destroy(&other);
	wait_and_destroy();
}

/*
 * Two groups are left to the sentinel. The task of the one that it goes to serve waits for the other's, so somebody else has
 * to watch.
 */
void two_small_groups_left_to_sentinel(void)
{
	call_crew();
	group_open(1, 0, EG_GROUP_NO_CANCEL | EG_GROUP_NO_HELP);
	jobs_are_ordered = false;
	jobs_limit = 0;
	run_with_another_groups(0);
}

/*
 * A task comes late to a group that is used now and then, and a thread comes for it that does not watch. The task waits for
 * that of a group made meanwhile.
 */
void late_task_awaits_new_group(void)
{
	group_open(1, 0, EG_GROUP_NO_CANCEL | EG_GROUP_NO_HELP);
	jobs_are_ordered = false;
	jobs_limit = 0;
	submit_range(0, 1);
	EXPLORE_REQUIRE(eg_group_wait(&group) == 0);
	explore_pass_time(LONG_NS);
	explore_settle();
	explore_pass_time(LONG_NS);
	run_with_another_groups(1);
}

/* Somebody else waits for a group that only its owner has used so far, and works too. */
void owner_against_waiter(void)
{
	pthread_t other;

	call_crew();
	group_open(2, 0, EG_GROUP_NO_CANCEL);
	submit_range(0, 2);
	explore_begin();
	other = thread_start(wait_too, NULL);
	wait_for_all();
	thread_join(other);
	eg_group_destroy(&group);
}

static void *submit_another(void *arg)
{
	(void)arg;
	submit_range(1, 2);
	return NULL;
}

/* Somebody else submits to it. */
void owner_against_submitter(void)
{
	pthread_t other;

	call_crew();
	group_open(2, 0, EG_GROUP_NO_CANCEL);
	submit_range(0, 1);
	explore_begin();
	other = thread_start(submit_another, NULL);
	EXPLORE_REQUIRE(eg_group_wait(&group) == 0);
	EXPLORE_REQUIRE(jobs[0].ended);
	thread_join(other);
	wait_and_destroy();
}

static void *submit_and_wait(void *arg)
{
	(void)arg;
	submit_range(0, 1);
	wait_for_all();
	return NULL;
}

/* Its owner waits and finds nothing, and somebody else comes with a task. */
void owner_against_newcomer(void)
{
	pthread_t other;

	call_crew();
	group_open(2, 0, EG_GROUP_NO_CANCEL);
	explore_begin();
	other = thread_start(submit_and_wait, NULL);
	EXPLORE_REQUIRE(eg_group_wait(&group) == 0);
	thread_join(other);
	wait_and_destroy();
}

/* Somebody else cancels it: each task runs or is skipped. */
void owner_against_cancel(void)
{
	pthread_t other;

	call_crew();
	group_open(2, 0, EG_GROUP_SKIP_UNSTARTED);
	submit_range(0, 1);
	explore_begin();
	other = thread_start(cancel_group, NULL);
	submit_range(1, 2);
	if (eg_group_wait(&group) == 0)
		EXPLORE_REQUIRE(jobs[0].ran == 1 && jobs[1].ran == 1);
	thread_join(other);
	EXPLORE_REQUIRE(jobs[0].ran + jobs[1].ran + eg_group_error_count(&group) == 2);
	eg_group_destroy(&group);
}

static void *set_limit(void *arg)
{
	(void)arg;
	EXPLORE_REQUIRE(eg_group_set_limit(&group, 1) == 0);
	return NULL;
}

/* Somebody else sets its limit. */
void owner_against_limit(void)
{
	pthread_t other;

	call_crew();
	group_open(2, 0, EG_GROUP_NO_CANCEL);
	submit_range(0, 1);
	explore_begin();
	other = thread_start(set_limit, NULL);
	submit_range(1, 2);
	wait_for_all();
	thread_join(other);
	eg_group_destroy(&group);
}

static void body_runs_a_group(struct job *job)
{
	eg_group inner = EG_GROUP_INIT;

	EXPLORE_REQUIRE(job_submit(&inner, job->other->number) == 0);
	EXPLORE_REQUIRE(eg_group_wait(&inner) == 0);
	EXPLORE_REQUIRE(job->other->ran == 1);
	eg_group_destroy(&inner);
}

/* A task waits for a group of its own. */
void group_within_group(void)
{
	group_open(2, 0, EG_GROUP_NO_CANCEL);
	jobs_limit = 0;
	jobs[0].body = body_runs_a_group;
	jobs[0].other = &jobs[2];
	jobs[2].number = 2;
	explore_begin();
	submit_range(0, 2);
	wait_and_destroy();
}

static bool is_submitted;

static void *submit_and_end(void *arg)
{
	(void)arg;
	group_open(1, 0, EG_GROUP_NO_CANCEL);
	submit_range(0, 1);
	explore_raise(&is_submitted);
	return NULL;
}

/* The thread that made a group and submitted to it ends while another waits for it. */
void submitter_ends(void)
{
	pthread_t other;

	explore_begin();
	other = thread_start(submit_and_end, NULL);
	explore_await(&is_submitted);
	wait_and_destroy();
	thread_join(other);
}

/* It ends while another destroys the group. */
void submitter_ends_against_destroy(void)
{
	pthread_t other;

	call_crew();
	explore_begin();
	other = thread_start(submit_and_end, NULL);
	explore_await(&is_submitted);
	eg_group_destroy(&group);
	thread_join(other);
}

/*
 * All groups are gone, and with them, when the call returns, all threads: a worker may still be on its way out of one, whose
 * memory it gives back, since two threads have used it.
 */
void end_idle_against_leaving(void)
{
	group_open(1, 0, EG_GROUP_NO_CANCEL | EG_GROUP_NO_HELP);
	jobs_are_ordered = false;
	thread_join(thread_start(submit_another, NULL));
	explore_begin();
	submit_range(0, 1);
	wait_and_destroy();
	EXPLORE_REQUIRE(eg_threads_end_idle() == 0);
}

static void *submit_and_wait_for_crew(void *arg)
{
	(void)arg;
	group_open(0, 0, EG_GROUP_NO_CANCEL | EG_GROUP_NO_HELP);
	submit_range(0, 1);
	wait_and_destroy();
	return NULL;
}

/* A group comes while the threads are told to go. */
void end_idle_against_groups(void)
{
	pthread_t other;

	call_crew();
	explore_begin();
	other = thread_start(submit_and_wait_for_crew, NULL);
	EXPLORE_REQUIRE(eg_threads_end_idle() >= 0);
	thread_join(other);
	EXPLORE_REQUIRE(eg_threads_end_idle() == 0);
}
