/* SPDX-License-Identifier: MIT */
/*
 * Scenarios of limits that groups share.
 */
#include <errno.h>

#include "os/clock.h"
#include "runtime/limit/limit.h"
#include "scenarios.h"

static eg_limit *limit;
static eg_group other;

static void limit_open(int tasks)
{
	EXPLORE_REQUIRE(eg_limit_create(tasks, &limit) == 0);
}

static void shared_open(eg_group *opened, int own, unsigned flags)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;

	options.limit = own;
	options.flags = flags | EG_GROUP_NO_CANCEL;
	options.shared_limit = limit;
	EXPLORE_REQUIRE(eg_group_init(opened, NULL, &options) == 0);
}

static void wait_for(eg_group *awaited)
{
	EXPLORE_REQUIRE(eg_group_wait(awaited) == 0);
}

static void close_all(void)
{
	eg_group_destroy(&group);
	eg_group_destroy(&other);
	/* Nobody has kept a permit. */
	EXPLORE_REQUIRE(egi_limit_has_free(limit));
	eg_limit_unref(limit);
}

void limit_shared_by_groups(void)
{
	limit_open(1);
	jobs_limit = 1;
	shared_open(&group, 1, EG_GROUP_NO_HELP);
	shared_open(&other, 1, EG_GROUP_NO_HELP);
	explore_begin();
	EXPLORE_REQUIRE(job_submit(&group, 0) == 0);
	EXPLORE_REQUIRE(job_submit(&other, 1) == 0);
	wait_for(&other);
	wait_for(&group);
	jobs_check_all_ran();
	explore_settle();
	close_all();
}

static void *wait_for_other(void *arg)
{
	int err = eg_group_wait(&other);

	(void)arg;
	EXPLORE_REQUIRE(err == 0 || err == -ECANCELED);
	return NULL;
}

/* One group has the place, and the other, which waits for it, is destroyed. Then the first needs it again. */
void place_against_destroy(void)
{
	pthread_t waiter;

	limit_open(1);
	shared_open(&group, 1, EG_GROUP_NO_HELP);
	shared_open(&other, 1, 0);
	jobs[0].body = body_awaits_other;
	jobs[0].other = &jobs[0];
	EXPLORE_REQUIRE(job_submit(&group, 0) == 0);
	explore_settle();
	EXPLORE_REQUIRE(job_submit(&other, 1) == 0);
	waiter = thread_start(wait_for_other, NULL);
	explore_settle();
	explore_begin();
	explore_raise(&jobs[0].flag);
	eg_group_destroy(&other);
	thread_join(waiter);
	EXPLORE_REQUIRE(job_submit(&group, 2) == 0);
	wait_for(&group);
	EXPLORE_REQUIRE(jobs[2].ran == 1 && jobs[1].ran <= 1);
	explore_settle();
	close_all();
}

/* A task whose group has the only place waits for a group that needs one. */
static void body_nests(struct job *job)
{
	eg_group inner;

	(void)job;
	shared_open(&inner, 1, EG_GROUP_NO_HELP);
	EXPLORE_REQUIRE(job_submit(&inner, 1) == 0);
	wait_for(&inner);
	eg_group_destroy(&inner);
}

void task_lends_its_place(void)
{
	limit_open(1);
	shared_open(&group, 1, EG_GROUP_NO_HELP);
	jobs[0].body = body_nests;
	explore_begin();
	EXPLORE_REQUIRE(job_submit(&group, 0) == 0);
	wait_for(&group);
	jobs_check_all_ran();
	explore_settle();
	close_all();
}

/* A task runs those of a group that somebody else waits for, and helps with, too; and then it waits for him. */
static void body_leads(struct job *job)
{
	EXPLORE_REQUIRE(job_submit(&other, 1) == 0);
	EXPLORE_REQUIRE(job_submit(&other, 2) == 0);
	explore_raise(&job->flag);
	wait_for(&other);
	explore_await(&jobs[1].flag);
}

void helper_without_place(void)
{
	limit_open(1);
	shared_open(&group, 1, EG_GROUP_NO_HELP);
	shared_open(&other, 2, 0);
	jobs[0].body = body_leads;
	explore_begin();
	EXPLORE_REQUIRE(job_submit(&group, 0) == 0);
	explore_await(&jobs[0].flag);
	wait_for(&other);
	explore_raise(&jobs[1].flag);
	wait_for(&group);
	jobs_check_all_ran();
	explore_settle();
	close_all();
}

/* A task waits for a later one of its group, for which there is a place only when the limit is raised. */
void raised_shared_limit(void)
{
	limit_open(1);
	shared_open(&group, 2, EG_GROUP_NO_HELP);
	jobs[0].body = body_awaits_other;
	jobs[0].other = &jobs[1];
	jobs[1].body = body_raises;
	explore_begin();
	EXPLORE_REQUIRE(job_submit(&group, 0) == 0);
	EXPLORE_REQUIRE(job_submit(&group, 1) == 0);
	EXPLORE_REQUIRE(eg_limit_set(limit, 2) == 0);
	wait_for(&group);
	jobs_check_all_ran();
	explore_settle();
	close_all();
}

/*
 * Below groups
 */

/* Waits for a permit, as long as nobody calls, and gives it back. */
static void *wait_until_called(void *name)
{
	struct egi_limit_waiter waiter;

	if (!egi_limit_begin_wait(limit, &waiter, name, false)) {
		while (!egi_limit_sleep(limit, &waiter, EGI_FOREVER))
			;
		if (!egi_limit_end_wait(limit, &waiter))
			return NULL;
	}
	egi_limit_return(limit);
	return NULL;
}

static int names[2];

/* Two wait for a permit, and one of them is called off. */
void permit_against_call(void)
{
	pthread_t first, second;

	limit_open(1);
	EXPLORE_REQUIRE(egi_limit_try_take(limit));
	explore_begin();
	first = thread_start(wait_until_called, &names[0]);
	second = thread_start(wait_until_called, &names[1]);
	egi_limit_call(limit, &names[0]);
	egi_limit_return(limit);
	/* The first may come after the call; it is granted a permit then, as is the second. */
	thread_join(first);
	thread_join(second);
	explore_end();
	EXPLORE_REQUIRE(egi_limit_has_free(limit));
	eg_limit_unref(limit);
}
