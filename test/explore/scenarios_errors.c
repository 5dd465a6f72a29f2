/* SPDX-License-Identifier: MIT */
/*
 * Scenarios about what errors do to their group, groups that are held open, and the descriptor that says that a group is done.
 */
#include <errno.h>

#include "scenarios.h"

static void group_open_halting(unsigned halt, unsigned after)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;

	options.limit = 2;
	options.halt = halt;
	options.halt_after = after;
	EXPLORE_REQUIRE(eg_group_init(&group, NULL, &options) == 0);
}

static void *fail_group(void *arg)
{
	eg_error *error = eg_error_create(-EIO, "from outside");

	(void)arg;
	EXPLORE_REQUIRE(eg_group_fail(&group, error) == 0);
	eg_error_unref(error);
	return NULL;
}

/* Two fail the group at once; only one error is kept, so the other is a number. One of them halts the rest. */
static void two_failures(unsigned after)
{
	pthread_t other;
	eg_ctx *ctx;

	group_open_halting(EG_HALT_CANCEL, after);
	ctx = eg_group_ctx(&group);
	explore_begin();
	other = thread_start(fail_group, NULL);
	fail_group(NULL);
	thread_join(other);
	EXPLORE_REQUIRE(eg_ctx_err(ctx) == -ECANCELED);
	EXPLORE_REQUIRE(eg_ctx_cause(ctx) == eg_group_error(&group));
	EXPLORE_REQUIRE(eg_group_error_count(&group) == 2);
	EXPLORE_REQUIRE(eg_group_wait(&group) == -EIO);
	eg_group_destroy(&group);
}

void two_failures_halt_at_first(void)
{
	two_failures(1);
}

void two_failures_halt_at_second(void)
{
	two_failures(2);
}

/* A task that has seen the error is over, and the next one waits for its place. */
static void body_sees_error(struct job *job)
{
	for (int i = 0; i < 2; i++) {
		if (eg_group_error_count(&group) > 0) {
			job->flag = true;
			return;
		}
	}
}

static void body_is_late(struct job *job)
{
	EXPLORE_REQUIRE(!job->other->flag);
}

/* The group is failed, and stops, while a task looks. */
void failure_against_next_task(void)
{
	pthread_t other;

	group_open_halting(EG_HALT_SOON, 1);
	eg_group_set_limit(&group, 1);
	jobs_limit = 1;
	jobs[0].body = body_sees_error;
	jobs[1].body = body_is_late;
	jobs[1].other = &jobs[0];
	submit_range(0, 2);
	explore_begin();
	other = thread_start(fail_group, NULL);
	EXPLORE_REQUIRE(eg_group_wait(&group) == -EIO || !jobs[0].flag);
	thread_join(other);
	EXPLORE_REQUIRE(eg_group_error_count(&group) == 1 + jobs_accepted() - jobs_ran());
	eg_group_destroy(&group);
}

static void *release_group(void *arg)
{
	(void)arg;
	EXPLORE_REQUIRE(eg_group_release(&group) == 0);
	return NULL;
}

static void *wait_and_destroy_and_end(void *arg)
{
	(void)arg;
	wait_and_destroy();
	return NULL;
}

/* The last that happens is a release. The group and its memory are gone as soon as the waiter knows. */
void release_against_wait(void)
{
	pthread_t other;

	group_open(1, 0, EG_GROUP_NO_CANCEL);
	EXPLORE_REQUIRE(eg_group_hold(&group) == 0);
	explore_begin();
	other = thread_start(wait_and_destroy_and_end, NULL);
	release_group(NULL);
	thread_join(other);
}

static void *submit_and_release(void *arg)
{
	(void)arg;
	EXPLORE_REQUIRE(job_submit(&group, 0) == 0);
	return release_group(NULL);
}

/* What was submitted before a release is waited for. */
void release_after_submit_against_wait(void)
{
	pthread_t other;

	group_open(1, 0, EG_GROUP_NO_CANCEL);
	EXPLORE_REQUIRE(eg_group_hold(&group) == 0);
	explore_begin();
	other = thread_start(submit_and_release, NULL);
	wait_and_destroy();
	thread_join(other);
}

static void body_holds(struct job *job)
{
	EXPLORE_REQUIRE(eg_group_hold(&group) == 0);
	explore_raise(&job->flag);
}

static void *release_after_hold(void *arg)
{
	explore_await(&jobs[0].flag);
	EXPLORE_REQUIRE(job_submit(&group, 1) == 0);
	return release_group(arg);
}

/* A task holds the group, and ends; another thread goes on. */
void hold_against_wait(void)
{
	pthread_t other;

	group_open(1, 0, EG_GROUP_NO_HELP | EG_GROUP_NO_CANCEL);
	jobs[0].body = body_holds;
	submit_range(0, 1);
	explore_begin();
	other = thread_start(release_after_hold, NULL);
	wait_and_destroy();
	thread_join(other);
}

static void group_open_shared(void)
{
	group_open_elsewhere(1, 0, EG_GROUP_NO_CANCEL);
}

/* The last task ends while the descriptor is made. */
void fd_against_last_task(void)
{
	int fd;

	group_open_shared();
	explore_begin();
	submit_range(0, 1);
	fd = eg_group_fd(&group);
	explore_poll(fd);
	EXPLORE_REQUIRE(eg_group_wait_until(&group, 0) == 0);
	EXPLORE_REQUIRE(!explore_is_readable(fd));
	eg_group_destroy(&group);
	jobs_check_all_ran();
}

/* A wait that returns and a new round, against one who still has to tell of the last. */
void fd_against_next_round(void)
{
	int fd;

	group_open_shared();
	fd = eg_group_fd(&group);
	EXPLORE_REQUIRE(eg_group_wait_until(&group, 0) == 0);
	submit_range(0, 1);
	explore_begin();
	while (eg_group_wait_until(&group, 0) == EG_EUNFINISHED)
		explore_poll(fd);
	EXPLORE_REQUIRE(eg_group_hold(&group) == 0);
	EXPLORE_REQUIRE(!explore_is_readable(fd));
	explore_settle();
	EXPLORE_REQUIRE(!explore_is_readable(fd));
	EXPLORE_REQUIRE(eg_group_release(&group) == 0);
	explore_poll(fd);
	eg_group_destroy(&group);
	jobs_check_all_ran();
}
