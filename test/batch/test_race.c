/* SPDX-License-Identifier: MIT */
/*
 * Races: exactly one winner, the others cancelled and waited for; and if nobody wins, everybody's errors.
 */

#include "support.h"

#include <errgroup.h>

/* Runners: all meet first, so that all run; then the winner wins, and the others wait for their end. */
struct course {
	struct tally met;
	long runners;
	size_t winner;
	int loser_code;
	atomic_long ended;
};

static int run_course(eg_ctx *ctx, void *arg, size_t index)
{
	struct course *course = arg;

	tally_meet(&course->met, course->runners);
	if (index == course->winner)
		return 0;
	ctx_await_cancel(ctx);
	atomic_fetch_add(&course->ended, 1);
	return course->loser_code;
}

static void the_first_wins_and_the_others_are_cancelled_and_waited_for(void **state)
{
	static const int codes[] = {0, -ECANCELED, -EIO};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct course course = {TALLY_INIT, 5, i, codes[i], 0};
		size_t winner = 99;
		eg_error *error = (eg_error *)&course;

		/* Losers that return 0 as well have not won. */
		assert_int_equal(eg_race(NULL, 5, run_course, &course, NULL, &winner, &error), 0);
		assert_int_equal(winner, i);
		assert_null(error);
		assert_int_equal(atomic_load(&course.ended), 4);
	}
}

static int run_at_once(eg_ctx *ctx, void *arg, size_t index)
{
	(void)ctx;
	(void)index;
	atomic_fetch_add((atomic_long *)arg, 1);
	return 0;
}

static void of_many_that_succeed_at_once_one_has_won(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 200); round++) {
		atomic_long ran = 0;
		size_t winner = 99;

		assert_int_equal(eg_race(NULL, 8, run_at_once, &ran, NULL, &winner, NULL), 0);
		assert_true(winner < 8);
		assert_in_range(atomic_load(&ran), 1, 8);
	}
}

static void those_not_started_do_not_start_once_one_has_won(void **state)
{
	atomic_long ran = 0;
	size_t winner = 99;

	(void)state;
	assert_int_equal(
	    eg_race(NULL, 100000, run_at_once, &ran, EG_GROUP_OPTIONS(.limit = 1), &winner, NULL), 0);
	assert_int_equal(winner, 0);
	assert_int_equal(atomic_load(&ran), 1);
	assert_int_equal((eg_race)(NULL, 1, run_at_once, &ran, NULL, NULL, NULL), 0);
}

/* The last of so many succeeds; an `index` of `panic` panics. */
struct failing {
	size_t good;
	size_t panic;
};

static int run_failing(eg_ctx *ctx, void *arg, size_t index)
{
	const struct failing *failing = arg;

	CHECK(eg_ctx_err(ctx) == 0);
	if (index == failing->panic)
		eg_panic("runner %zu fell", index);
	return index == failing->good ? 0 : eg_fail(-1 - (int)index, "runner %zu", index);
}

static void failures_and_panics_stop_nobody(void **state)
{
	struct failing failing = {500, 3};
	size_t winner = 99;

	(void)state;
	assert_int_equal(
	    eg_race(NULL, 501, run_failing, &failing, EG_GROUP_OPTIONS(.limit = 1), &winner, NULL), 0);
	assert_int_equal(winner, 500);
}

static void if_none_wins_the_first_error_has_the_others_joined(void **state)
{
	struct failing failing = {SIZE_MAX, 2};
	const eg_error *error;
	eg_error *first;
	size_t winner = 99;

	(void)state;
	assert_int_equal(
	    eg_race(NULL, 5, run_failing, &failing, EG_GROUP_OPTIONS(.limit = 1), &winner, &first), -1);
	assert_int_equal(winner, 99);
	error = first;
	for (size_t i = 0; i < 5; i++, error = eg_error_joined(error)) {
		char name[20];

		snprintf(name, sizeof(name), "runner %zu", i);
		assert_non_null(strstr(eg_error_message(error), name));
		assert_int_equal(eg_error_kind(error), i == 2 ? EG_ERROR_PANIC : EG_ERROR_RETURNED);
		assert_int_equal(eg_error_task_index(error), i);
		assert_true((eg_error_frame_count(error) > 0) == (i == 2));
		assert_string_equal(eg_error_site(error)->function, __func__);
	}
	assert_null(error);
	eg_error_unref(first);
}

static void of_very_many_errors_some_are_kept(void **state)
{
	struct failing failing = {SIZE_MAX, SIZE_MAX};
	const eg_error *error;
	eg_error *first;
	size_t kept = 0;

	(void)state;
	assert_int_equal(
	    eg_race(NULL, 10000, run_failing, &failing, EG_GROUP_OPTIONS(.limit = 1), NULL, &first), -1);
	for (error = first; error; error = eg_error_joined(error))
		kept++;
	assert_int_equal(kept, 64);
	eg_error_unref(first);
}

/* What a runner's deferred calls add stays with it. */
static void call_panic(void *arg)
{
	eg_panic("and lost its %s", (const char *)arg);
}

static int run_and_lose(eg_ctx *ctx, void *arg, size_t index)
{
	(void)ctx;
	if (eg_defer(call_panic, arg))
		return -ENOMEM;
	return eg_fail(-EIO, "runner %zu fell", index);
}

static void what_is_joined_to_an_error_stays_with_it(void **state)
{
	static const char *const expected[] = {"runner 0", "its shoe", "runner 1", "its shoe"};
	const eg_error *error;
	eg_error *first;

	(void)state;
	assert_int_equal(
	    eg_race(NULL, 2, run_and_lose, (void *)"shoe", EG_GROUP_OPTIONS(.limit = 1), NULL, &first), -EIO);
	error = first;
	for (size_t i = 0; i < 4; i++, error = eg_error_joined(error))
		assert_non_null(strstr(eg_error_message(error), expected[i]));
	assert_null(error);
	eg_error_unref(first);
}

/*
 * The parent
 */

struct doomed {
	eg_ctx *parent;
	struct meeting runners;
};

/* Nobody is left that would not start any more, and whose error could be the first. */
static int run_until_the_end(eg_ctx *ctx, void *arg, size_t index)
{
	struct doomed *doomed = arg;

	task_meet(ctx, &doomed->runners);
	if (index == 0)
		eg_ctx_cancel(doomed->parent, NULL);
	ctx_await_cancel(ctx);
	return -EIO;
}

static void a_parent_that_ends_is_the_races_error(void **state)
{
	eg_error *why = eg_error_create(-EDQUOT, "enough"), *error;
	eg_ctx *parent = ctx_under(NULL);
	struct doomed doomed = {parent, {TALLY_INIT, 3}};
	size_t winner = 99;

	(void)state;
	assert_int_equal(eg_race(parent, 3, run_until_the_end, &doomed, NULL, &winner, &error), -ECANCELED);
	assert_int_equal(eg_error_code(eg_error_joined(error)), -EIO);
	eg_error_unref(error);
	eg_ctx_unref(parent);

	parent = ctx_under(NULL);
	eg_ctx_cancel(parent, why);
	assert_int_equal(eg_race(parent, 3, run_until_the_end, &doomed, NULL, &winner, &error), -ECANCELED);
	assert_ptr_equal(eg_error_cause(error), why);
	assert_int_equal(winner, 99);
	eg_error_unref(error);
	eg_error_unref(why);
	eg_ctx_unref(parent);
}

static int run_past_the_end(eg_ctx *ctx, void *arg, size_t index)
{
	(void)index;
	eg_ctx_cancel(arg, NULL);
	CHECK(eg_ctx_err(ctx) == -ECANCELED);
	return 0;
}

static void who_wins_in_spite_of_the_parents_end_has_won(void **state)
{
	eg_ctx *parent = ctx_under(NULL);
	size_t winner = 99;

	(void)state;
	assert_int_equal(eg_race(parent, 1, run_past_the_end, parent, NULL, &winner, NULL), 0);
	assert_int_equal(winner, 0);
	eg_ctx_unref(parent);
}

static void what_is_no_race_is_refused(void **state)
{
	atomic_long ran = 0;

	(void)state;
	assert_int_equal(eg_race(NULL, 0, run_at_once, &ran, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(eg_race(NULL, 2, NULL, &ran, NULL, NULL, NULL), -EINVAL);
	assert_int_equal(
	    eg_race(NULL, 2, run_at_once, &ran, EG_GROUP_OPTIONS(.flags = EG_GROUP_NO_CANCEL), NULL, NULL),
	    -EINVAL);
	assert_int_equal(
	    eg_race(NULL, 2, run_at_once, &ran, EG_GROUP_OPTIONS(.halt = EG_HALT_NOW), NULL, NULL), -EINVAL);
	assert_int_equal(atomic_load(&ran), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(the_first_wins_and_the_others_are_cancelled_and_waited_for),
	    TEST(of_many_that_succeed_at_once_one_has_won),
	    TEST(those_not_started_do_not_start_once_one_has_won),
	    TEST(failures_and_panics_stop_nobody),
	    TEST(if_none_wins_the_first_error_has_the_others_joined),
	    TEST(of_very_many_errors_some_are_kept),
	    TEST(what_is_joined_to_an_error_stays_with_it),
	    TEST(a_parent_that_ends_is_the_races_error),
	    TEST(who_wins_in_spite_of_the_parents_end_has_won),
	    TEST(what_is_no_race_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
