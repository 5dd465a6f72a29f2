/* SPDX-License-Identifier: MIT */
/*
 * Scenarios about groups that are looked at from outside: what observers have been told when a wait returns, and numbers.
 */
#include "scenarios.h"

#define SLOTS 4

static struct {
	unsigned begun[SLOTS], ended[SLOTS]; /* by slot, since several tell at once */
	unsigned telling_over, over;
} told;

static void note_event(const struct eg_event *event, void *arg)
{
	(void)arg;
	switch (event->kind) {
	case EG_EVENT_BEGIN:
		told.begun[event->slot]++;
		break;
	case EG_EVENT_END:
		told.ended[event->slot]++;
		break;
	case EG_EVENT_OVER:
		told.telling_over++;
		explore_touch(&told.over, "over", told.over);
		told.over++;
		break;
	default:
		break;
	}
}

static unsigned sum_of(const unsigned *counts)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < SLOTS; i++)
		sum += counts[i];
	return sum;
}

static void open_observed(int limit, unsigned flags)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;

	options.limit = limit;
	options.flags = flags;
	options.observe = note_event;
	EXPLORE_REQUIRE(eg_group_init(&group, NULL, &options) == 0);
	jobs_limit = (unsigned)limit;
}

static void wait_and_look(void)
{
	EXPLORE_REQUIRE(eg_group_wait(&group) == 0);
	EXPLORE_REQUIRE(sum_of(told.begun) == jobs_accepted());
	EXPLORE_REQUIRE(sum_of(told.ended) == jobs_accepted());
	EXPLORE_REQUIRE(told.telling_over == 1 && told.over == 1);
}

/* The last task's end is told, and the waiter finds everything done. */
void observer_against_waiter(void)
{
	open_observed(2, EG_GROUP_NO_HELP | EG_GROUP_NO_CANCEL);
	submit_range(0, 2);
	explore_begin();
	wait_and_look();
	jobs_check_all_ran();
	eg_group_destroy(&group);
}

static void *wait_and_look_too(void *arg)
{
	(void)arg;
	wait_and_look();
	return NULL;
}

/* Two waiters find everything done, and one of them says so. */
void over_against_waiters(void)
{
	pthread_t other;

	open_observed(1, EG_GROUP_NO_CANCEL);
	submit_range(0, 1);
	explore_begin();
	other = thread_start(wait_and_look_too, NULL);
	wait_and_look();
	thread_join(other);
	eg_group_destroy(&group);
}

static void body_submits_next(struct job *job)
{
	EXPLORE_REQUIRE(job_submit(&group, job->other->number) == 0);
}

/* A task submits another while somebody asks how far the group is. */
void stats_against_submitting(void)
{
	struct eg_stats stats = EG_STATS_INIT;

	group_open(1, 0, EG_GROUP_NO_HELP | EG_GROUP_NO_CANCEL);
	jobs[0].body = body_submits_next;
	jobs[0].other = &jobs[1];
	jobs[1].number = 1;
	submit_range(0, 1);
	explore_begin();
	EXPLORE_REQUIRE(eg_group_stats(&group, &stats) == 0);
	EXPLORE_REQUIRE(stats.done <= stats.accepted && stats.accepted >= 1 && stats.accepted <= 2);
	EXPLORE_REQUIRE(stats.done + stats.running + stats.pending == stats.accepted);
	wait_and_destroy();
}
