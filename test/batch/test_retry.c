/* SPDX-License-Identifier: MIT */
/*
 * What is tried again: how often, after what, until when, and what is told of it.
 */

#include "support.h"

#include <errgroup.h>
#include <limits.h>

/* Fails until attempt number `good`, from 1; says its number. */
struct trial {
	long good;
	long tried;
	int code;
};

static int try_number(eg_ctx *ctx, void *arg)
{
	struct trial *trial = arg;

	(void)ctx;
	if (++trial->tried == trial->good)
		return 0;
	return eg_fail(trial->code ? trial->code : -EAGAIN, "attempt %ld", trial->tried);
}

#define AT_ONCE(...) EG_RETRY_OPTIONS(.first_delay_ns = EG_RETRY_NO_DELAY, __VA_ARGS__)

static void what_succeeds_is_not_tried_again(void **state)
{
	(void)state;
	for (long good = 1; good <= 3; good++) {
		struct trial trial = {.good = good};
		eg_error *error = (eg_error *)&trial;

		assert_int_equal(eg_retry(NULL, try_number, &trial, AT_ONCE(.attempts = 4), &error), 0);
		assert_int_equal(trial.tried, good);
		assert_null(error);
	}
}

static void by_default_it_is_three_attempts_and_a_short_while(void **state)
{
	struct trial trial = {.good = 3};

	(void)state;
	assert_int_equal(eg_retry(NULL, try_number, &trial, NULL, NULL), 0);
	trial = (struct trial){.good = 4};
	assert_int_equal((eg_retry)(NULL, try_number, &trial, AT_ONCE(.attempts = 0), NULL), -EAGAIN);
	assert_int_equal(trial.tried, 3);
}

static void each_failure_is_the_cause_of_the_next(void **state)
{
	struct trial trial = {0};
	const eg_error *error;
	eg_error *last;

	(void)state;
	assert_int_equal(eg_retry(NULL, try_number, &trial, AT_ONCE(.attempts = 4), &last), -EAGAIN);
	error = last;
	for (int i = 4; i >= 1; i--, error = eg_error_cause(error)) {
		char text[20];

		snprintf(text, sizeof(text), "attempt %d", i);
		assert_string_equal(eg_error_message(error), text);
		assert_string_equal(eg_error_site(error)->function, __func__);
	}
	assert_null(error);
	eg_error_unref(last);
}

static int try_with_cause(eg_ctx *ctx, void *arg)
{
	eg_error *deep = eg_error_create(-EPROTO, "deep %ld", ++((struct trial *)arg)->tried);
	eg_error *cause = eg_error_create_from(deep, -EBADMSG, "cause"), *error;

	(void)ctx;
	error = eg_error_create_from(cause, -EIO, "error");
	eg_error_unref(deep);
	eg_error_unref(cause);
	return eg_fail_with(error);
}

static void the_causes_of_an_attempt_come_before_the_attempt_before(void **state)
{
	static const char *const expected[] = {"error", "cause", "deep 2", "error", "cause", "deep 1"};
	struct trial trial = {0};
	const eg_error *error;
	eg_error *last;

	(void)state;
	assert_int_equal(eg_retry(NULL, try_with_cause, &trial, AT_ONCE(.attempts = 2), &last), -EIO);
	error = last;
	for (size_t i = 0; i < 6; i++, error = eg_error_cause(error))
		assert_string_equal(eg_error_message(error), expected[i]);
	assert_null(error);
	eg_error_unref(last);
}

static void of_very_many_attempts_the_latest_are_told(void **state)
{
	long attempts = scaled(10000) + 20;
	struct trial trial = {0};
	const eg_error *error;
	eg_error *last;
	char text[30];
	long told = 0;

	(void)state;
	assert_int_equal(eg_retry(NULL, try_number, &trial, AT_ONCE(.attempts = (unsigned)attempts), &last),
			 -EAGAIN);
	assert_int_equal(trial.tried, attempts);
	for (error = last; error; error = eg_error_cause(error)) {
		snprintf(text, sizeof(text), "attempt %ld", attempts - told++);
		assert_string_equal(eg_error_message(error), text);
	}
	assert_int_equal(told, 16);
	eg_error_unref(last);
}

/*
 * What is tried again
 */

static int try_panic(eg_ctx *ctx, void *arg)
{
	struct trial *trial = arg;

	(void)ctx;
	if (++trial->tried == trial->good)
		return 0;
	eg_panic("attempt %ld", trial->tried);
}

static int try_exit(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	((struct trial *)arg)->tried++;
	pthread_exit(NULL);
}

static bool yes(const eg_error *error, void *arg)
{
	(void)error, (void)arg;
	return true;
}

static bool no(const eg_error *error, void *arg)
{
	(void)error, (void)arg;
	return false;
}

static long tried(eg_task_fn *fn, int code, eg_retry_if_fn *retry_if)
{
	struct trial trial = {.code = code};
	struct eg_group_options no_help = EG_GROUP_OPTIONS_INIT;

	no_help.flags = EG_GROUP_NO_HELP;
	assert_true(eg_retry(NULL, fn, &trial,
			     AT_ONCE(.attempts = 5, .retry_if = retry_if, .group = &no_help), NULL) != 0);
	return trial.tried;
}

static void by_default_what_the_program_did_wrong_is_not_tried_again(void **state)
{
	(void)state;
	assert_int_equal(tried(try_number, -EIO, NULL), 5);
	assert_int_equal(tried(try_number, 17, NULL), 5);
	assert_int_equal(tried(try_number, -ECANCELED, NULL), 1);
	assert_int_equal(tried(try_panic, 0, NULL), 1);
	assert_int_equal(tried(try_exit, 0, NULL), 1);
}

static void a_predicate_may_say_otherwise(void **state)
{
	(void)state;
	assert_int_equal(tried(try_number, -EIO, no), 1);
	assert_int_equal(tried(try_number, -ECANCELED, yes), 5);
	assert_int_equal(tried(try_panic, 0, yes), 5);
	assert_int_equal(tried(try_exit, 0, yes), 5);
}

static bool sees_all(const eg_error *error, void *arg)
{
	const struct trial *trial = arg;
	char text[20];

	snprintf(text, sizeof(text), "attempt %ld", trial->tried);
	CHECK(strstr(eg_error_message(error), text));
	CHECK(eg_error_kind(error) == EG_ERROR_PANIC);
	CHECK(eg_error_frame_count(error) > 0);
	return true;
}

static void the_predicate_sees_the_whole_error(void **state)
{
	struct trial trial = {.good = 3};

	(void)state;
	assert_int_equal(
	    eg_retry(NULL, try_panic, &trial, AT_ONCE(.retry_if = sees_all, .retry_arg = &trial), NULL), 0);
}

static bool panics_at_last(const eg_error *error, void *arg)
{
	(void)error;
	if (((struct trial *)arg)->tried == 3)
		eg_panic("no more of this");
	return true;
}

static int task_retry_panics(eg_ctx *ctx, void *arg)
{
	return eg_retry(ctx, try_number, arg,
			AT_ONCE(.attempts = 9, .retry_if = panics_at_last, .retry_arg = arg), NULL);
}

static void a_predicate_that_panics_ends_the_task_that_tries(void **state)
{
	struct trial trial = {0};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_go(&group, task_retry_panics, &trial);
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);
	assert_int_equal(trial.tried, 3);
	eg_group_destroy(&group);
}

static int task_retry(eg_ctx *ctx, void *arg)
{
	return eg_retry(ctx, try_number, arg, AT_ONCE(.attempts = 2), NULL);
}

static void a_task_fails_with_all_that_was_tried(void **state)
{
	struct trial trial = {0};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_go(&group, task_retry, &trial);
	assert_int_equal(eg_group_wait(&group), -EAGAIN);
	assert_string_equal(eg_error_message(eg_group_error(&group)), "attempt 2");
	assert_string_equal(eg_error_message(eg_error_cause(eg_group_error(&group))), "attempt 1");
	eg_group_destroy(&group);
}

/*
 * Time
 */

static int try_until_late(eg_ctx *ctx, void *arg)
{
	struct trial *trial = arg;

	if (++trial->tried == trial->good)
		return 0;
	CHECK(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) == 0);
	CHECK(eg_ctx_err(ctx) == -ETIMEDOUT);
	/* Even one that says no more than that it was cancelled. */
	return trial->tried % 2 ? -ECANCELED : eg_fail(eg_ctx_err(ctx), "late");
}

static void an_attempt_has_a_time_of_its_own(void **state)
{
	struct trial trial = {.good = 4};

	(void)state;
	assert_int_equal(eg_retry(NULL, try_until_late, &trial,
				  AT_ONCE(.attempts = 10, .attempt_timeout_ns = 1000000), NULL),
			 0);
	assert_int_equal(trial.tried, 4);
}

struct ending {
	eg_ctx *ctx;
	long tried;
	long last;
};

static int try_and_cancel(eg_ctx *ctx, void *arg)
{
	struct ending *ending = arg;

	(void)ctx;
	if (++ending->tried == ending->last)
		eg_ctx_cancel(ending->ctx, NULL);
	return eg_fail(-EIO, "attempt %ld", ending->tried);
}

static bool cancel_and_go_on(const eg_error *error, void *arg)
{
	(void)error;
	eg_ctx_cancel(arg, NULL);
	return true;
}

static void it_ends_with_its_context(void **state)
{
	struct ending ending = {ctx_under(NULL), 0, 3};
	eg_error *error;

	(void)state;
	assert_int_equal(eg_retry(ending.ctx, try_and_cancel, &ending, AT_ONCE(.attempts = UINT_MAX), &error),
			 -EIO);
	assert_int_equal(ending.tried, 3);
	assert_string_equal(eg_error_message(error), "attempt 3");
	eg_error_unref(error);

	/* Before the first attempt. */
	assert_int_equal(eg_retry(ending.ctx, try_and_cancel, &ending, NULL, &error), -ECANCELED);
	assert_int_equal(ending.tried, 3);
	assert_int_equal(eg_error_kind(error), EG_ERROR_SKIPPED);
	eg_error_unref(error);
	eg_ctx_unref(ending.ctx);

	/* In a delay that would take for ever: the chance that it does not is one in 2^40. */
	ending = (struct ending){ctx_under(NULL), 0, 0};
	assert_int_equal(eg_retry(ending.ctx, try_and_cancel, &ending,
				  EG_RETRY_OPTIONS(.first_delay_ns = INT64_MAX, .delay_max_ns = INT64_MAX,
						   .retry_if = cancel_and_go_on, .retry_arg = ending.ctx),
				  NULL),
			 -EIO);
	assert_int_equal(ending.tried, 1);
	eg_ctx_unref(ending.ctx);
}

static void no_delay_goes_past_the_deadline(void **state)
{
	struct trial trial = {0};
	eg_ctx *ctx;

	(void)state;
	assert_int_equal(eg_ctx_with_timeout(NULL, INT64_C(3600) * 1000000000, &ctx), 0);
	/* Gives up at once: an hour from now is before the next attempt. */
	assert_int_equal(eg_retry(ctx, try_number, &trial,
				  EG_RETRY_OPTIONS(.first_delay_ns = INT64_MAX, .delay_max_ns = INT64_MAX),
				  NULL),
			 -EAGAIN);
	assert_int_equal(trial.tried, 1);
	assert_int_equal(eg_ctx_err(ctx), 0);
	eg_ctx_unref(ctx);
}

static void delays_are_random_below_a_bound_that_doubles(void **state)
{
	(void)state;
	/* 300 attempts double it far beyond all numbers; no delay is above the longest. */
	for (int64_t first = 1; first < 1000000000; first *= 10) {
		struct trial trial = {0};

		assert_int_equal(
		    eg_retry(NULL, try_number, &trial,
			     EG_RETRY_OPTIONS(.attempts = 100, .first_delay_ns = first, .delay_max_ns = 1),
			     NULL),
		    -EAGAIN);
		assert_int_equal(trial.tried, 100);
	}
}

static void what_cannot_be_is_refused(void **state)
{
	struct trial trial = {0};
	struct eg_retry_options options = EG_RETRY_OPTIONS_INIT;
	struct eg_group_options group = EG_GROUP_OPTIONS_INIT;
	eg_error *error;

	(void)state;
	assert_int_equal(eg_retry(NULL, NULL, &trial, NULL, &error), -EINVAL);
	assert_int_equal(eg_error_code(error), -EINVAL);
	eg_error_unref(error);
	options.size = 8;
	assert_int_equal(eg_retry(NULL, try_number, &trial, &options, NULL), -EINVAL);
	options.size = sizeof(options);
	options.reserved = 1;
	assert_int_equal(eg_retry(NULL, try_number, &trial, &options, NULL), -EINVAL);
	assert_int_equal(eg_retry(NULL, try_number, &trial, EG_RETRY_OPTIONS(.first_delay_ns = -2), NULL),
			 -EINVAL);
	assert_int_equal(eg_retry(NULL, try_number, &trial, EG_RETRY_OPTIONS(.delay_max_ns = -1), NULL),
			 -EINVAL);
	assert_int_equal(eg_retry(NULL, try_number, &trial, EG_RETRY_OPTIONS(.attempt_timeout_ns = -1), NULL),
			 -EINVAL);
	group.limit = -9;
	assert_int_equal(eg_retry(NULL, try_number, &trial, EG_RETRY_OPTIONS(.group = &group), NULL),
			 -EINVAL);
	assert_int_equal(trial.tried, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(what_succeeds_is_not_tried_again),
	    TEST(by_default_it_is_three_attempts_and_a_short_while),
	    TEST(each_failure_is_the_cause_of_the_next),
	    TEST(the_causes_of_an_attempt_come_before_the_attempt_before),
	    TEST(of_very_many_attempts_the_latest_are_told),
	    TEST(by_default_what_the_program_did_wrong_is_not_tried_again),
	    TEST(a_predicate_may_say_otherwise),
	    TEST(the_predicate_sees_the_whole_error),
	    TEST(a_predicate_that_panics_ends_the_task_that_tries),
	    TEST(a_task_fails_with_all_that_was_tried),
	    TEST(an_attempt_has_a_time_of_its_own),
	    TEST(it_ends_with_its_context),
	    TEST(no_delay_goes_past_the_deadline),
	    TEST(delays_are_random_below_a_bound_that_doubles),
	    TEST(what_cannot_be_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
