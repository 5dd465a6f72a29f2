/* SPDX-License-Identifier: MIT */
/*
 * Scenarios about what running tasks offer: the owner that takes an offer back, the thief, and who waits for whom.
 */
#include "scenarios.h"

static unsigned made[1], again[2];
static struct job inner, outer;

static void begin(int limit, unsigned flags)
{
	made[0] = again[0] = again[1] = 0;
	inner = outer = (struct job){.body = NULL};
	call_crew();
	group_open(limit, 0, EG_GROUP_NO_CANCEL | flags);
	jobs_are_ordered = false;
}

static int count(eg_ctx *ctx, void *arg)
{
	unsigned *counter = arg;

	(void)ctx;
	++*counter;
	return 0;
}

static int await_inner(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	explore_await(&inner.flag);
	return 0;
}

static int raise_inner(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	explore_raise(&inner.flag);
	return 0;
}

static void body_offers_twice(struct job *job)
{
	(void)job;
	EXPLORE_REQUIRE(eg_both(NULL, await_inner, NULL, count, &made[0]) == 0);
	EXPLORE_REQUIRE(made[0] == 1);
	EXPLORE_REQUIRE(eg_both(NULL, count, &again[0], count, &again[1]) == 0);
	EXPLORE_REQUIRE(again[0] == 1 && again[1] == 1);
}

static void body_raises_inner(struct job *job)
{
	(void)job;
	explore_raise(&inner.flag);
}

/*
 * A task offers a call, takes it back or finds that it was taken, and offers another in the same place. The thief comes from a
 * task of its own, for whose end the owner waits, so that both are there. On one CPU it takes what it sees at the first look,
 * and so within few delays.
 */
void offer_against_thief(void)
{
	begin(2, EG_GROUP_NO_HELP);
	jobs[0].body = body_offers_twice;
	jobs[1].body = body_raises_inner;
	explore_begin();
	submit_range(0, 2);
	wait_and_destroy();
}

static void body_needs_thief(struct job *job)
{
	(void)job;
	EXPLORE_REQUIRE(eg_both(NULL, await_inner, NULL, raise_inner, NULL) == 0);
}

/* The group's other worker finds nothing and leaves, or has left, when the task offers what it relies on. */
void offer_against_leaving(void)
{
	begin(2, EG_GROUP_NO_HELP);
	jobs[1].body = body_needs_thief;
	explore_begin();
	submit_range(0, 2);
	wait_and_destroy();
}

/* The same in a group that its owner has to itself. */
void offer_of_owner(void)
{
	begin(2, 0);
	jobs[0].body = body_needs_thief;
	explore_begin();
	submit_range(0, 1);
	wait_and_destroy();
}

static int offer_inner(eg_ctx *ctx, void *arg)
{
	(void)arg;
	explore_raise(&outer.flag);
	return eg_both(ctx, await_inner, NULL, raise_inner, NULL);
}

static int await_outer(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	explore_await(&outer.flag);
	return 0;
}

static void body_waits_and_helps(struct job *job)
{
	(void)job;
	EXPLORE_REQUIRE(eg_both(NULL, await_outer, NULL, offer_inner, NULL) == 0);
}

/* Who waits for what was taken goes to sleep, and its thief offers what only the sleeper can take. */
void joiner_against_offer(void)
{
	begin(2, EG_GROUP_NO_HELP);
	jobs[0].body = body_waits_and_helps;
	explore_begin();
	submit_range(0, 1);
	wait_and_destroy();
}
