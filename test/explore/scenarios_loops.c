/* SPDX-License-Identifier: MIT */
/*
 * Scenarios about loops, the third place where a queue keeps tasks: below the public API first, then as ranges of a group.
 */
#include <errno.h>

#include "runtime/queue/claim.h"
#include "scenarios.h"

#define NUMBERS_MAX 8

/*
 * A queue, and claims on it. Tasks and indices have numbers, in the order in which they are put.
 */

static struct egi_queue queue;
static struct egi_claim claims[3];
static unsigned taken[NUMBERS_MAX];
static unsigned put, ordered; /* so many numbers; and the next, for a single taker */

static void open(void)
{
	egi_queue_init(&queue, 1);
	for (size_t i = 0; i < 3; i++)
		egi_claim_init(&claims[i]);
}

static void put_tasks(unsigned count)
{
	for (; count > 0; count--) {
		struct egi_task task = {1, (void *)(uintptr_t)put++};

		if (!egi_queue_spill(&queue, task))
			EXPLORE_REQUIRE(egi_queue_put(&queue, task) == 0);
	}
}

static void put_loop(unsigned count, enum egi_loop_kind kind)
{
	struct egi_body body = {.arg = (void *)(uintptr_t)put, .count = count, .grain = 1, .kind = kind};

	EXPLORE_REQUIRE(egi_queue_put_loop(&queue, &body) == 0);
	put += count;
}

static void note_taken(uint64_t number)
{
	explore_touch(&taken, "takes", number);
	EXPLORE_REQUIRE(number < NUMBERS_MAX && taken[number]++ == 0);
}

/* As the loop that calls for each index does it. */
static uint32_t advance(struct egi_claim *claim)
{
	uint32_t at = egi_claim_advance_quick(claim, 0);

	return at != EGI_CLAIM_NONE ? at : egi_claim_advance(claim);
}

/* Takes what the claim holds. */
static void take_all(struct egi_claim *claim)
{
	uint64_t begin, indices;
	struct egi_task task;
	uint32_t at;

	if (!egi_claim_is_loop(claim)) {
		while (egi_claim_next(claim, &task))
			note_taken((uintptr_t)task.arg);
		return;
	}
	while (claim->body.kind == EGI_LOOP_EACH && (at = advance(claim)) != EGI_CLAIM_NONE)
		note_taken((uintptr_t)claim->body.arg + claim->sequence + at);
	while ((indices = egi_claim_next_piece(claim, &begin)) > 0)
		for (uint64_t i = begin; i < begin + indices; i++)
			note_taken((uintptr_t)claim->body.arg + i);
}

static void close_all(void)
{
	explore_end();
	for (size_t i = 0; i < 3; i++) {
		take_all(&claims[i]);
		while (egi_claim_refill(&claims[i], &queue, 1, 1))
			take_all(&claims[i]);
		egi_claim_leave(&claims[i]);
		egi_claim_finish(&claims[i]);
	}
	for (size_t i = 0; i < put; i++)
		EXPLORE_REQUIRE(taken[i] == 1);
	egi_queue_finish(&queue);
}

/* The first claim holds all of a loop but one index, of which it has learned what the loop is. */
static void open_claimed(unsigned count, enum egi_loop_kind kind)
{
	open();
	put_loop(count, kind);
	EXPLORE_REQUIRE(egi_claim_refill(&claims[0], &queue, count, 1));
	take_all(&claims[0]);
	EXPLORE_REQUIRE(egi_claim_refill(&claims[0], &queue, count, 1));
}

static void *steal(void *arg)
{
	struct egi_claim *claim = arg;

	if (egi_claim_steal(claim, &claims[0], 1))
		take_all(claim);
	return NULL;
}

static void owner_and_thief(enum egi_loop_kind kind)
{
	pthread_t thief;

	open_claimed(4, kind);
	explore_begin();
	thief = thread_start(steal, &claims[1]);
	take_all(&claims[0]);
	thread_join(thief);
	close_all();
}

/* The owner of a claim takes index after index while a thief takes what is left. */
void loop_owner_and_thief(void)
{
	owner_and_thief(EGI_LOOP_EACH);
}

/* The owner takes all that is left, as one piece. */
void loop_piece_and_thief(void)
{
	owner_and_thief(EGI_LOOP_TIMED);
}

static void *take_some(void *arg)
{
	struct egi_claim *claim = arg;

	for (int i = 0; i < 3; i++)
		if (egi_claim_refill(claim, &queue, 2, 1))
			take_all(claim);
	return NULL;
}

/* Two take parts of a loop. */
void loop_two_takers(void)
{
	pthread_t first, second;

	open();
	put_loop(5, EGI_LOOP_EACH);
	explore_begin();
	first = thread_start(take_some, &claims[1]);
	second = thread_start(take_some, &claims[2]);
	thread_join(first);
	thread_join(second);
	close_all();
}

/* One that takes alone has everything in order. */
static void *take_in_order(void *arg)
{
	struct egi_claim *claim = arg;

	for (int i = 0; i < 4; i++) {
		if (!egi_claim_refill(claim, &queue, 4, 1))
			continue;
		take_all(claim);
		for (; ordered < NUMBERS_MAX && taken[ordered]; ordered++)
			;
		for (unsigned k = ordered; k < NUMBERS_MAX; k++)
			EXPLORE_REQUIRE(!taken[k]);
	}
	return NULL;
}

/* A loop is put, and a task behind it, while somebody takes what there is. */
void loop_against_taker(void)
{
	pthread_t taker;

	open();
	put_tasks(1);
	explore_begin();
	taker = thread_start(take_in_order, &claims[0]);
	put_loop(2, EGI_LOOP_EACH);
	put_tasks(1);
	thread_join(taker);
	close_all();
}

/* The same where the tasks fill the ring and spill, before the loop and behind it. */
void loop_against_spill(void)
{
	pthread_t taker;

	open();
	put_tasks(2);
	put_loop(1, EGI_LOOP_EACH);
	explore_begin();
	taker = thread_start(take_in_order, &claims[0]);
	put_tasks(2);
	put_loop(1, EGI_LOOP_EACH);
	put_tasks(1);
	thread_join(taker);
	close_all();
}

/*
 * Groups
 */

/* A worker comes for what its submitter goes on submitting: tasks and ranges, which start in order. */
void range_between_tasks(void)
{
	group_open(1, 0, EG_GROUP_NO_HELP | EG_GROUP_NO_CANCEL);
	submit_range(0, 1);
	explore_begin();
	EXPLORE_REQUIRE(jobs_submit_each(&group, 1, 3) == 0);
	submit_range(3, 4);
	wait_and_destroy();
}

/* The group's own thread is in the middle of a range when another comes, who waits too and helps. */
void range_of_owner(void)
{
	pthread_t other;

	group_open(2, 0, EG_GROUP_NO_CANCEL);
	EXPLORE_REQUIRE(jobs_submit_each(&group, 0, 3) == 0);
	explore_begin();
	other = thread_start(wait_too, NULL);
	wait_for_all();
	thread_join(other);
	eg_group_destroy(&group);
}

/* A group is destroyed with most of a range not started. */
void range_destroyed(void)
{
	group_open_elsewhere(2, 0, EG_GROUP_NO_CANCEL);
	EXPLORE_REQUIRE(jobs_submit_each(&group, 0, 6) == 0);
	explore_begin();
	eg_group_destroy(&group);
	EXPLORE_REQUIRE(jobs_ran() <= 6);
}

static eg_ctx *root;

static int await_end(eg_ctx *ctx, void *arg, size_t index)
{
	(void)arg;
	if (index > 0)
		explore_fail("an index starts after the end");
	EXPLORE_REQUIRE(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) == 0);
	return 0;
}

static void *cancel_root(void *arg)
{
	(void)arg;
	eg_ctx_cancel(root, NULL);
	return NULL;
}

/* The first of a range is woken by the end of its group's context and returns: none starts behind it. */
void end_against_next_index(void)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	pthread_t other;

	options.limit = 1;
	options.flags = EG_GROUP_SKIP_UNSTARTED;
	EXPLORE_REQUIRE(eg_ctx_with_cancel(NULL, &root) == 0);
	EXPLORE_REQUIRE(eg_group_init(&group, root, &options) == 0);
	EXPLORE_REQUIRE((eg_group_go_each)(&group, 3, await_end, NULL) == 0);
	explore_begin();
	other = thread_start(cancel_root, NULL);
	EXPLORE_REQUIRE(eg_group_wait(&group) == -ECANCELED);
	/* All are, if the end comes before the first. */
	EXPLORE_REQUIRE(eg_group_error_count(&group) >= 2);
	eg_group_destroy(&group);
	thread_join(other);
	eg_ctx_unref(root);
}
