/* SPDX-License-Identifier: MIT */
/*
 * Scenarios about groups: their end, and changes while tasks run. Each is as small as it can be
 * and still make its two parties meet; what comes before they do is over before explore_begin.
 */
#include <errno.h>
#include <string.h>

#include "scenarios.h"

/*
 * When everything is done
 */

/* Two workers end the last two tasks at once, and the waiter sleeps. */
void done_against_last_task(void)
{
	group_open(2, 0, EG_GROUP_NO_HELP | EG_GROUP_NO_CANCEL);
	submit_range(0, 2);
	explore_begin();
	wait_and_destroy();
}

static void body_submits_other(struct job *job)
{
	EXPLORE_REQUIRE(job_submit(&group, job->other->number) == 0);
}

/* A task submits another while somebody asks whether all is done. */
void done_against_submitting(void)
{
	group_open(1, 0, EG_GROUP_NO_HELP | EG_GROUP_NO_CANCEL);
	jobs[0].body = body_submits_other;
	jobs[0].other = &jobs[1];
	jobs[1].number = 1;
	submit_range(0, 1);
	explore_begin();
	wait_and_destroy();
}

/* The same, and the waiter works too. */
void done_while_helping(void)
{
	group_open(2, 0, EG_GROUP_NO_CANCEL);
	jobs[0].body = body_submits_other;
	jobs[0].other = &jobs[2];
	jobs[2].number = 2;
	explore_begin();
	submit_range(0, 2);
	wait_and_destroy();
}

/*
 * Two threads wait, and one of them destroys the group as soon as its own wait has returned. That the other's has begun
 * is known if it has run a task; else it is joined first.
 */
struct two_waits {
	pthread_t main, other;
	bool main_ran, other_ran;
	bool other_destroys;
};

static struct two_waits two;

static void body_notes_thread(struct job *job)
{
	if (job->other) {
		body_raises(job);
		body_awaits_other(job);
	}
	if (pthread_equal(pthread_self(), two.main))
		two.main_ran = true;
	if (pthread_equal(pthread_self(), two.other))
		two.other_ran = true;
}

/* Gone, and its memory used for something else. */
static void destroy_and_spoil(void)
{
	eg_group_destroy(&group);
	memset(&group, 0x5a, sizeof(group));
}

static void *wait_and_perhaps_destroy(void *arg)
{
	(void)arg;
	two.other = pthread_self();
	EXPLORE_REQUIRE(eg_group_wait(&group) == 0);
	if (two.other_destroys && two.main_ran)
		destroy_and_spoil();
	return NULL;
}

static void two_waits_and_a_destroy(bool other_destroys)
{
	group_open(2, 0, 0);
	two.main = pthread_self();
	two.other_destroys = other_destroys;
	for (unsigned i = 0; i < 2; i++) {
		jobs[i].body = body_notes_thread;
		jobs[i].other = other_destroys ? NULL : &jobs[1 - i];
	}
	submit_range(0, 2);
	explore_begin();
	two.other = thread_start(wait_and_perhaps_destroy, NULL);
	EXPLORE_REQUIRE(eg_group_wait(&group) == 0);
	if (!other_destroys && two.other_ran)
		destroy_and_spoil();
	thread_join(two.other);
	jobs_check_all_ran();
	if (other_destroys ? !two.main_ran : !two.other_ran)
		eg_group_destroy(&group);
}

/* The one that destroys is the group's owner. The two tasks wait for each other. */
void waiter_against_destroy(void)
{
	two_waits_and_a_destroy(false);
}

/* The one that is left is, and may have been done before the other came. */
void owner_against_destroy(void)
{
	call_crew();
	two_waits_and_a_destroy(true);
}

void two_waiters(void)
{
	pthread_t other;

	group_open(2, 0, EG_GROUP_NO_CANCEL);
	submit_range(0, 2);
	explore_begin();
	other = thread_start(wait_too, NULL);
	wait_for_all();
	thread_join(other);
	eg_group_destroy(&group);
}

static bool first_had_ended;

static void *wait_for_first(void *arg)
{
	(void)arg;
	EXPLORE_REQUIRE(eg_group_wait(&group) == 0);
	first_had_ended = jobs[0].ended;
	return NULL;
}

/* A thread waits for a task that was submitted before, while more are. */
void wait_against_submit(void)
{
	pthread_t other;

	group_open(2, 0, EG_GROUP_NO_HELP | EG_GROUP_NO_CANCEL);
	submit_range(0, 1);
	explore_begin();
	other = thread_start(wait_for_first, NULL);
	submit_range(1, 2);
	thread_join(other);
	EXPLORE_REQUIRE(first_had_ended);
	wait_and_destroy();
}

/* A waiter gives up at its deadline, and waits again. */
void deadline_against_last_task(void)
{
	int err;

	group_open(1, 0, EG_GROUP_NO_CANCEL);
	jobs[0].takes_ns = 50000;
	submit_range(0, 1);
	explore_begin();
	err = eg_group_wait_until(&group, eg_clock_now_ns() + 20000);
	EXPLORE_REQUIRE(err == 0 || err == EG_EUNFINISHED);
	if (err == 0)
		jobs_check_all_ran();
	wait_and_destroy();
}

/*
 * Changes while tasks run
 */

static void *change_limit(void *arg)
{
	(void)arg;
	EXPLORE_REQUIRE(eg_group_set_limit(&group, 1) == 0);
	EXPLORE_REQUIRE(eg_group_set_limit(&group, 2) == 0);
	return NULL;
}

void limit_against_workers(void)
{
	pthread_t other;

	group_open(2, 0, EG_GROUP_NO_CANCEL);
	submit_range(0, 2);
	explore_begin();
	other = thread_start(change_limit, NULL);
	submit_range(2, 3);
	wait_for_all();
	thread_join(other);
	eg_group_destroy(&group);
}

/* The limit goes up while the submitter finds the group full. */
void raised_limit_against_submit(void)
{
	group_open(1, 0, EG_GROUP_NO_HELP | EG_GROUP_NO_CANCEL);
	jobs_are_ordered = false;
	jobs_limit = 2;
	jobs[0].body = body_awaits_other;
	jobs[0].other = &jobs[1];
	jobs[1].body = body_raises;
	submit_range(0, 1);
	explore_begin();
	submit_range(1, 2);
	EXPLORE_REQUIRE(eg_group_set_limit(&group, 2) == 0);
	wait_and_destroy();
}

/* Each task runs or is skipped, and those that are skipped are errors. */
void cancel_against_submit(void)
{
	pthread_t other;
	int err;

	group_open(1, 0, EG_GROUP_SKIP_UNSTARTED);
	jobs_are_ordered = false;
	submit_range(0, 1);
	explore_begin();
	other = thread_start(cancel_group, NULL);
	submit_range(1, 2);
	thread_join(other);
	err = eg_group_wait(&group);
	EXPLORE_REQUIRE(jobs_ran() + eg_group_error_count(&group) == jobs_accepted());
	EXPLORE_REQUIRE(err == (jobs_ran() == jobs_accepted() ? 0 : -ECANCELED));
	eg_group_destroy(&group);
}

/* A failed task cancels the others; its error is the first whatever they do. */
void failure_against_tasks(void)
{
	int err;

	group_open(2, 0, EG_GROUP_SKIP_UNSTARTED);
	jobs[0].result = -EIO;
	explore_begin();
	submit_range(0, 3);
	err = eg_group_wait(&group);
	EXPLORE_REQUIRE(jobs[0].ran == 1 && err == -EIO);
	EXPLORE_REQUIRE(jobs_ran() + eg_group_error_count(&group) == jobs_accepted() + 1);
	eg_group_destroy(&group);
}

/* The owner and the last worker leave: one of them frees the state, and the other touches it no more. */
void destroy_against_leaving(void)
{
	group_open(1, 0, EG_GROUP_NO_HELP);
	submit_range(0, 1);
	explore_begin();
	EXPLORE_REQUIRE(eg_group_wait(&group) == 0);
	EXPLORE_REQUIRE(jobs[0].ran == 1);
	eg_group_destroy(&group);
}

/* Destroyed with tasks pending: they are skipped, or have run. */
void destroy_against_tasks(void)
{
	group_open(2, 0, 0);
	submit_range(0, 2);
	explore_begin();
	eg_group_destroy(&group);
	EXPLORE_REQUIRE(jobs[0].ran <= 1 && jobs[1].ran <= 1);
}

/* A new round begins while the worker of the last is still there. */
void reset_between_rounds(void)
{
	group_open(1, 0, EG_GROUP_SKIP_UNSTARTED);
	jobs[0].result = -EIO;
	submit_range(0, 1);
	explore_begin();
	EXPLORE_REQUIRE(eg_group_wait(&group) == -EIO);
	EXPLORE_REQUIRE(eg_group_reset(&group) == 0);
	submit_range(1, 2);
	EXPLORE_REQUIRE(eg_group_wait(&group) == 0);
	jobs_check_all_ran();
	eg_group_destroy(&group);
}

/*
 * Bounded groups
 */

/* The submitter finds no room and sleeps while the worker makes some. */
void backlog_against_worker(void)
{
	group_open(1, 1, EG_GROUP_NO_CANCEL);
	submit_range(0, 1);
	explore_begin();
	submit_range(1, 3);
	wait_and_destroy();
}

/* The same without any backlog: room is when a task has ended. */
void no_backlog_against_worker(void)
{
	group_open(1, EG_BACKLOG_NONE, EG_GROUP_NO_CANCEL);
	submit_range(0, 1);
	explore_begin();
	submit_range(1, 3);
	wait_and_destroy();
}

/* A submitter that waits for room is let go by a cancellation. */
void cancel_against_backlog(void)
{
	pthread_t other;
	int err;

	group_open(1, 1, 0);
	jobs_are_ordered = false;
	submit_range(0, 1);
	explore_begin();
	other = thread_start(cancel_group, NULL);
	for (unsigned i = 1; i < 3; i++) {
		err = job_submit(&group, i);
		EXPLORE_REQUIRE(err == 0 || err == -ECANCELED);
	}
	thread_join(other);
	EXPLORE_REQUIRE(eg_group_wait(&group) == 0);
	jobs_check_all_ran();
	eg_group_destroy(&group);
}

/*
 * The limit is lowered while two waiters have places in a group that has had no task: the one in the higher slot may be who
 * runs the first.
 */

static int slots_told;

static void *thread_waits(void *arg)
{
	(void)arg;
	EXPLORE_REQUIRE(eg_group_wait(&group) == 0);
	return NULL;
}

static void body_finds_its_slot(struct job *job)
{
	(void)job;
	EXPLORE_REQUIRE(eg_task_slot() < slots_told);
}

void slots_against_waiters(void)
{
	pthread_t one, other;

	group_open_elsewhere(2, 0, EG_GROUP_NO_CANCEL);
	jobs[0].body = body_finds_its_slot;
	explore_begin();
	one = thread_start(thread_waits, NULL);
	other = thread_start(thread_waits, NULL);
	EXPLORE_REQUIRE(eg_group_set_limit(&group, 1) == 0);
	slots_told = eg_group_slots(&group);
	EXPLORE_REQUIRE(job_submit(&group, 0) == 0);
	thread_join(one);
	thread_join(other);
	wait_and_destroy();
}
