/* SPDX-License-Identifier: MIT */
/*
 * EG_GROUP_SKIP_UNSTARTED: no task starts after the group's context is over, whoever ended it and however long those take
 * who are told of it.
 */

#include "support.h"

#define MILLISECOND INT64_C(1000000)
#define LIMIT 4
#define LATER 200 /* tasks that are to be skipped */

static void group_begin(eg_group *group, eg_ctx *parent, int limit, unsigned flags)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;

	options.limit = limit;
	options.collect = 1;
	options.flags = EG_GROUP_SKIP_UNSTARTED | flags;
	assert_int_equal(eg_group_init(group, parent, &options), 0);
}

/* What tasks share: those that begin fill the group and wait for the end of its context, the others come too late. */
struct round {
	struct tally began;
	atomic_long late;
};

static int task_await_end(eg_ctx *ctx, void *arg)
{
	struct round *round = arg;

	tally_add(&round->began, 1);
	CHECK(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) == 0);
	return 0;
}

static int task_late(eg_ctx *ctx, void *arg)
{
	struct round *round = arg;

	(void)ctx;
	atomic_fetch_add(&round->late, 1);
	return 0;
}

static int task_fail_when_full(eg_ctx *ctx, void *arg)
{
	struct round *round = arg;

	(void)ctx;
	tally_add(&round->began, 1);
	tally_await(&round->began, 2);
	return -EIO;
}

static void a_task_that_the_first_error_wakes_is_followed_by_none(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 2000); i++) {
		struct round round = {.began = TALLY_INIT};
		eg_group group;

		group_begin(&group, NULL, 2, 0);
		eg_group_go(&group, task_fail_when_full, &round);
		eg_group_go(&group, task_await_end, &round);
		eg_group_go(&group, task_late, &round);
		assert_int_equal(eg_group_wait(&group), -EIO);
		assert_int_equal(atomic_load(&round.late), 0);
		assert_int_equal(eg_group_error_count(&group), 2);
		eg_group_destroy(&group);
	}
}

/* A group that is full of tasks which wait for the end, with more behind them. */
static void fill(eg_group *group, struct round *round)
{
	for (int i = 0; i < LIMIT; i++)
		eg_group_go(group, task_await_end, round);
	while (tally_value(&round->began) < LIMIT && eg_ctx_err(eg_group_ctx(group)) == 0)
		sched_yield();
	for (int i = 0; i < LATER; i++)
		eg_group_go(group, task_late, round);
}

static void expect_skipped(eg_group *group, struct round *round)
{
	assert_int_equal(eg_group_wait(group), -ECANCELED);
	assert_int_equal(atomic_load(&round->late), 0);
	assert_int_equal(eg_error_kind(eg_group_error(group)), EG_ERROR_SKIPPED);
	assert_int_equal(eg_group_error_count(group), LATER);
	assert_non_null(eg_error_cause(eg_group_error(group)));
	eg_group_destroy(group);
}

struct canceller {
	struct round *round;
	eg_ctx *ctx;
};

static void *cancel_when_full(void *arg)
{
	const struct canceller *canceller = arg;

	tally_await(&canceller->round->began, LIMIT + 1);
	eg_ctx_cancel(canceller->ctx, NULL);
	return NULL;
}

static void the_end_of_a_parent_by_a_cancellation(void **state)
{
	static const unsigned flags[] = {0, EG_GROUP_NO_HELP, EG_GROUP_NO_CANCEL};

	(void)state;
	for (long i = 0; goes_on(i, 300); i++) {
		struct round round = {.began = TALLY_INIT};
		struct canceller canceller = {&round, ctx_under(NULL)};
		eg_ctx *parent = ctx_under(canceller.ctx);
		pthread_t thread;
		eg_group group;

		group_begin(&group, parent, LIMIT, flags[i % 3]);
		assert_int_equal(pthread_create(&thread, NULL, cancel_when_full, &canceller), 0);
		fill(&group, &round);
		tally_add(&round.began, 1);
		expect_skipped(&group, &round);
		pthread_join(thread, NULL);
		eg_ctx_unref(parent);
		eg_ctx_unref(canceller.ctx);
	}
}

static void the_end_of_a_parent_by_its_deadline(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 300); i++) {
		struct round round = {.began = TALLY_INIT};
		eg_group group;
		eg_ctx *parent;

		assert_int_equal(eg_ctx_with_timeout(NULL, MILLISECOND, &parent), 0);
		group_begin(&group, parent, LIMIT, 0);
		fill(&group, &round);
		assert_int_equal(eg_group_wait(&group), -ECANCELED);
		assert_int_equal(atomic_load(&round.late), 0);
		eg_group_destroy(&group);
		eg_ctx_unref(parent);
	}
}

static void block(void *arg)
{
	struct hold *hold = arg;

	tally_add(&hold->started, 1);
	tally_await(&hold->release, 1);
}

/* Functions of the program are called at the end, and do not return before everything has been skipped. */
static void however_long_the_functions_take_that_are_called_at_the_end(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 50); i++) {
		struct round round = {.began = TALLY_INIT};
		struct hold hold = HOLD_INIT;
		struct canceller canceller = {&round, ctx_under(NULL)};
		eg_ctx_callback above = EG_CTX_CALLBACK_INIT, below = EG_CTX_CALLBACK_INIT;
		pthread_t thread;
		eg_group group;

		group_begin(&group, canceller.ctx, LIMIT, 0);
		assert_int_equal(eg_ctx_on_end(canceller.ctx, block, &hold, &above), 0);
		assert_int_equal(eg_ctx_on_end(eg_group_ctx(&group), block, &hold, &below), 0);
		assert_int_equal(pthread_create(&thread, NULL, cancel_when_full, &canceller), 0);
		fill(&group, &round);
		tally_add(&round.began, 1);
		/* Returns although a function is still running, since what was skipped waits for none. */
		assert_int_equal(eg_group_wait(&group), -ECANCELED);
		assert_int_equal(atomic_load(&round.late), 0);
		tally_await(&hold.started, 1);
		tally_add(&hold.release, 1);
		pthread_join(thread, NULL);
		eg_ctx_off_end(&above);
		eg_ctx_off_end(&below);
		eg_group_destroy(&group);
		eg_ctx_unref(canceller.ctx);
	}
}

/* A submitter that waits for room is told as early. */
static void *submitter_main(void *arg)
{
	CHECK(eg_group_go(arg, task_nothing, NULL) == -ECANCELED);
	return NULL;
}

static void a_submitter_that_waits_for_room_does_not_wait_for_the_functions(void **state)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	struct hold task = HOLD_INIT, call = HOLD_INIT;
	struct round round = {.began = TALLY_INIT};
	struct canceller canceller = {&round, ctx_under(NULL)};
	pthread_t submitter, thread;
	eg_ctx_callback callback;
	eg_group group;

	(void)state;
	options.limit = 1;
	options.backlog = EG_BACKLOG_NONE;
	assert_int_equal(eg_group_init(&group, canceller.ctx, &options), 0);
	assert_int_equal(eg_ctx_on_end(eg_group_ctx(&group), block, &call, &callback), 0);
	assert_int_equal(eg_group_go(&group, task_hold, &task), 0);
	tally_await(&task.started, 1);
	assert_int_equal(pthread_create(&submitter, NULL, submitter_main, &group), 0);
	assert_int_equal(pthread_create(&thread, NULL, cancel_when_full, &canceller), 0);
	tally_add(&round.began, LIMIT + 1);
	tally_await(&call.started, 1);
	/* The function is running. */
	pthread_join(submitter, NULL);
	tally_add(&call.release, 1);
	tally_add(&task.release, 1);
	pthread_join(thread, NULL);
	assert_int_equal(eg_ctx_off_end(&callback), -EALREADY);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	eg_ctx_unref(canceller.ctx);
}

/* The end that a wait brings about is none: what is submitted afterwards runs. */
static void after_a_wait_tasks_run_again(void **state)
{
	struct round round = {.began = TALLY_INIT};
	eg_group group;

	(void)state;
	group_begin(&group, NULL, LIMIT, 0);
	for (int i = 1; i <= 3; i++) {
		for (int k = 0; k < LATER; k++)
			eg_group_go(&group, task_late, &round);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(atomic_load(&round.late), i * LATER);
		assert_int_equal(eg_ctx_err(eg_group_ctx(&group)), -ECANCELED);
	}
	eg_group_destroy(&group);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_task_that_the_first_error_wakes_is_followed_by_none),
	    TEST(the_end_of_a_parent_by_a_cancellation),
	    TEST(the_end_of_a_parent_by_its_deadline),
	    TEST(however_long_the_functions_take_that_are_called_at_the_end),
	    TEST(a_submitter_that_waits_for_room_does_not_wait_for_the_functions),
	    TEST(after_a_wait_tasks_run_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
