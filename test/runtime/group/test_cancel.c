/* SPDX-License-Identifier: MIT */
/*
 * Cancelling groups: from outside, from the parent and by the first error; what the flags make of tasks that
 * have not started, of the context, and of the waiting thread.
 */

#include "support.h"

static void group_init_flags(eg_group *group, eg_ctx *parent, int limit, unsigned flags)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;

	options.limit = limit;
	options.flags = flags;
	options.collect = 200;
	assert_int_equal(eg_group_init(group, parent, &options), 0);
}

static void cancel_reaches_tasks_with_its_cause_and_is_no_error(void **state)
{
	eg_error *causes[] = {eg_error_create(-EINTR, "stop"), eg_error_create(17, "enough"), NULL};
	eg_error *late = eg_error_create(-EPIPE, "too late");

	(void)state;
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		struct hold hold = HOLD_INIT;
		eg_group group;
		eg_ctx *ctx;

		group_init_flags(&group, NULL, 2, 0);
		ctx = eg_group_ctx(&group);
		eg_group_go(&group, task_hold, &hold);
		assert_int_equal(eg_group_cancel(&group, causes[i]), 0);
		assert_int_equal(eg_group_cancel(&group, late), -EALREADY);
		assert_int_equal(eg_ctx_err(ctx), -ECANCELED);
		if (causes[i])
			assert_ptr_equal(eg_ctx_cause(ctx), causes[i]);
		else
			assert_int_equal(eg_error_code(eg_ctx_cause(ctx)), -ECANCELED);
		tally_add(&hold.release, 1);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_null(eg_group_error(&group));
		assert_int_equal(eg_group_error_count(&group), 0);
		eg_group_destroy(&group);
		eg_error_unref(causes[i]);
	}
	eg_error_unref(late);
}

/* The context has a reference of its own: the caller may give its back at once. */
static void the_cause_of_a_cancellation_lives_as_long_as_the_context(void **state)
{
	eg_error *cause = eg_error_create(-ENOSPC, "%s is full", "/var");
	eg_group group;
	eg_ctx *ctx;

	(void)state;
	group_init_flags(&group, NULL, 1, 0);
	ctx = eg_ctx_ref(eg_group_ctx(&group));
	assert_int_equal(eg_group_cancel(&group, cause), 0);
	eg_error_unref(cause);
	eg_group_destroy(&group);
	assert_int_equal(eg_error_code(eg_ctx_cause(ctx)), -ENOSPC);
	assert_string_equal(eg_error_message(eg_ctx_cause(ctx)), "/var is full");
	eg_ctx_unref(ctx);
}

static int task_stop_for_the_reason(eg_ctx *ctx, void *arg)
{
	tally_add(arg, 1);
	ctx_await_cancel(ctx);
	return eg_fail_with(eg_error_ref(eg_ctx_cause(ctx)));
}

static void a_task_can_fail_with_the_reason_for_which_its_group_was_cancelled(void **state)
{
	eg_error *cause = eg_error_create(-ENOSPC, "%s is full", "/var");
	struct tally started = TALLY_INIT;
	eg_group group;

	(void)state;
	group_init_flags(&group, NULL, 1, 0);
	eg_group_go(&group, task_stop_for_the_reason, &started);
	tally_await(&started, 1);
	assert_int_equal(eg_group_cancel(&group, cause), 0);
	eg_error_unref(cause);
	assert_int_equal(eg_group_wait(&group), -ENOSPC);
	assert_string_equal(eg_error_message(eg_group_error(&group)), "/var is full");
	assert_int_equal(eg_error_task_index(eg_group_error(&group)), 0);
	eg_group_destroy(&group);
}

static void cancel_of_a_group_without_a_context_of_its_own_is_refused(void **state)
{
	eg_group zero = EG_GROUP_INIT, flagged;
	eg_ctx *parent;

	(void)state;
	assert_int_equal(eg_group_cancel(&zero, NULL), -EINVAL);
	eg_group_go(&zero, task_nothing, NULL);
	assert_int_equal(eg_group_cancel(&zero, NULL), -EINVAL);
	assert_null(eg_group_ctx(&zero));
	assert_int_equal(eg_group_wait(&zero), 0);
	eg_group_destroy(&zero);

	assert_int_equal(eg_ctx_with_cancel(NULL, &parent), 0);
	group_init_flags(&flagged, parent, 2, EG_GROUP_NO_CANCEL);
	assert_int_equal(eg_group_cancel(&flagged, NULL), -EINVAL);
	assert_int_equal(eg_ctx_err(parent), 0);
	eg_group_destroy(&flagged);
	eg_ctx_unref(parent);
}

struct seen_ctx {
	eg_ctx *ctx;
	int err;
	int code; /* what the task returns */
};

static int task_see(eg_ctx *ctx, void *arg)
{
	struct seen_ctx *seen = arg;

	seen->ctx = ctx;
	seen->err = eg_ctx_err(ctx);
	return seen->code;
}

static void tasks_of_a_zero_group_get_the_background_context(void **state)
{
	struct seen_ctx seen = {(eg_ctx *)&seen, 1, -EIO};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_go(&group, task_see, &seen);
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_null(seen.ctx);
	assert_int_equal(seen.err, 0);
	eg_group_destroy(&group);
}

static void tasks_get_the_context_that_the_group_shows(void **state)
{
	struct seen_ctx seen = {NULL, 1, 0};
	eg_ctx *parent;
	eg_group group;

	(void)state;
	assert_int_equal(eg_ctx_with_cancel(NULL, &parent), 0);
	group_init_flags(&group, parent, 2, 0);
	eg_group_go(&group, task_see, &seen);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_non_null(seen.ctx);
	assert_ptr_equal(seen.ctx, eg_group_ctx(&group));
	assert_ptr_not_equal(seen.ctx, parent);
	assert_int_equal(seen.err, 0);
	eg_group_destroy(&group);
	eg_ctx_unref(parent);
}

static void no_cancel_hands_the_parent_on_and_cancels_nothing(void **state)
{
	struct seen_ctx first = {NULL, 1, -EIO}, second = {NULL, 1, 0};
	eg_ctx *parent;
	eg_group group;

	(void)state;
	assert_int_equal(eg_ctx_with_cancel(NULL, &parent), 0);
	group_init_flags(&group, parent, 1, EG_GROUP_NO_CANCEL);
	assert_ptr_equal(eg_group_ctx(&group), parent);
	eg_group_go(&group, task_see, &first);
	eg_group_go(&group, task_see, &second);
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_ptr_equal(first.ctx, parent);
	assert_ptr_equal(second.ctx, parent);
	assert_int_equal(second.err, 0);
	eg_group_destroy(&group);
	assert_int_equal(eg_ctx_err(parent), 0);
	eg_ctx_unref(parent);

	group_init_flags(&group, NULL, 1, EG_GROUP_NO_CANCEL);
	assert_null(eg_group_ctx(&group));
	eg_group_go(&group, task_see, &first);
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_null(first.ctx);
	eg_group_destroy(&group);
}

static int task_derive_and_wait(eg_ctx *ctx, void *arg)
{
	eg_ctx *own;

	if (eg_ctx_with_cancel(ctx, &own))
		return -ENOMEM;
	tally_add(arg, 1);
	ctx_await_cancel(own);
	CHECK(eg_ctx_cause(own) == eg_ctx_cause(ctx));
	CHECK(eg_error_code(eg_ctx_cause(own)) == -EIO);
	eg_ctx_unref(own);
	return 0;
}

static void parent_cancellation_reaches_tasks_and_is_no_error(void **state)
{
	eg_error *cause = eg_error_create(-EIO, "stop");
	struct tally started = TALLY_INIT;
	eg_ctx *parent;
	eg_group group;

	(void)state;
	assert_int_equal(eg_ctx_with_cancel(NULL, &parent), 0);
	group_init_flags(&group, parent, 2, 0);
	eg_group_go(&group, task_derive_and_wait, &started);
	eg_group_go(&group, task_derive_and_wait, &started);
	tally_await(&started, 2);
	assert_int_equal(eg_ctx_cancel(parent, cause), 0);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_null(eg_group_error(&group));
	assert_ptr_equal(eg_ctx_cause(eg_group_ctx(&group)), cause);
	eg_group_destroy(&group);
	eg_ctx_unref(parent);
	eg_error_unref(cause);
}

static void an_error_reaches_contexts_that_tasks_derived_and_not_the_parent(void **state)
{
	struct tally started = TALLY_INIT;
	eg_ctx *parent;
	eg_group group;

	(void)state;
	assert_int_equal(eg_ctx_with_cancel(NULL, &parent), 0);
	group_init_flags(&group, parent, EG_LIMIT_NONE, 0);
	eg_group_go(&group, task_derive_and_wait, &started);
	tally_await(&started, 1);
	eg_group_go(&group, task_return, CODE(-EIO));
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_int_equal(eg_ctx_err(parent), 0);
	eg_group_destroy(&group);
	eg_ctx_unref(parent);
}

/*
 * Tasks that have not started
 */

enum { UNSTARTED = 100 };

struct unstarted {
	struct hold hold;
	atomic_long ran;
	int code;
};

static int task_first(eg_ctx *ctx, void *arg)
{
	struct unstarted *unstarted = arg;

	(void)task_hold(ctx, &unstarted->hold);
	return unstarted->code;
}

static void unstarted_submit(eg_group *group, struct unstarted *unstarted)
{
	eg_group_go(group, task_first, unstarted);
	tally_await(&unstarted->hold.started, 1);
	for (int i = 0; i < UNSTARTED; i++)
		assert_int_equal(eg_group_go(group, task_count, &unstarted->ran), 0);
}

static void without_the_flag_unstarted_tasks_run_after_cancellation(void **state)
{
	struct unstarted unstarted = {.hold = HOLD_INIT};
	eg_group group;

	(void)state;
	group_init_flags(&group, NULL, 1, 0);
	unstarted_submit(&group, &unstarted);
	assert_int_equal(eg_group_cancel(&group, NULL), 0);
	tally_add(&unstarted.hold.release, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&unstarted.ran), UNSTARTED);

	/* A task accepted after the cancellation runs as well. */
	assert_int_equal(eg_group_go(&group, task_count, &unstarted.ran), 0);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&unstarted.ran), UNSTARTED + 1);
	eg_group_destroy(&group);
}

static void skipped_tasks_are_reported_with_the_reason(eg_group *group, int by)
{
	eg_error *errors[UNSTARTED + 1];
	size_t failed = eg_group_errors(group, UNSTARTED + 1, errors);
	size_t first = by == -EIO ? 1 : 0; /* the failed task itself comes before the skipped ones */
	bool seen[UNSTARTED + 1] = {false};

	assert_int_equal(failed, UNSTARTED + first);
	for (size_t i = first; i < failed; i++) {
		int64_t index = eg_error_task_index(errors[i]);

		assert_int_equal(eg_error_kind(errors[i]), EG_ERROR_SKIPPED);
		assert_int_equal(eg_error_code(errors[i]), -ECANCELED);
		assert_int_equal(eg_error_worker_slot(errors[i]), -1);
		assert_int_equal(eg_error_code(eg_error_cause(errors[i])), by);
		assert_non_null(eg_error_site(errors[i]));
		assert_string_equal(eg_error_site(errors[i])->function, "unstarted_submit");
		assert_in_range(index, 1, UNSTARTED);
		assert_false(seen[index]);
		seen[index] = true;
	}
}

static void skip_unstarted_skips_and_reports_whoever_cancels(void **state)
{
	/* By eg_group_cancel, by the parent, by the first task's error. */
	static const int by[] = {-EINTR, -EPIPE, -EIO};

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct unstarted unstarted = {.hold = HOLD_INIT, .code = by[i] == -EIO ? -EIO : 0};
		eg_error *cause = eg_error_create(by[i], "stop");
		eg_ctx *parent;
		eg_group group;

		assert_int_equal(eg_ctx_with_cancel(NULL, &parent), 0);
		group_init_flags(&group, parent, 1, EG_GROUP_SKIP_UNSTARTED);
		unstarted_submit(&group, &unstarted);
		if (by[i] == -EINTR)
			assert_int_equal(eg_group_cancel(&group, cause), 0);
		else if (by[i] == -EPIPE)
			assert_int_equal(eg_ctx_cancel(parent, cause), 0);
		tally_add(&unstarted.hold.release, 1);
		assert_int_equal(eg_group_wait(&group), by[i] == -EIO ? -EIO : -ECANCELED);
		assert_int_equal(atomic_load(&unstarted.ran), 0);
		skipped_tasks_are_reported_with_the_reason(&group, by[i]);
		eg_group_destroy(&group);
		eg_ctx_unref(parent);
		eg_error_unref(cause);
	}
}

static void skip_unstarted_accounts_for_a_hundred_thousand(void **state)
{
	static const int limits[] = {1, 2, 8};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		atomic_long ran = 0;
		long count = scaled(100000);
		eg_group group;
		int code;

		group_init_flags(&group, NULL, limits[i], EG_GROUP_SKIP_UNSTARTED);
		for (long k = 0; k < count; k++) {
			if (k == count / 2)
				eg_group_go(&group, task_return, CODE(-EIO));
			assert_int_equal(eg_group_go(&group, task_count, &ran), 0);
		}
		code = eg_group_wait(&group);
		assert_int_equal(code, -EIO);
		assert_int_equal(atomic_load(&ran) + (long)eg_group_error_count(&group), count + 1);
		eg_group_destroy(&group);
	}
}

/*
 * The waiting thread
 */

static int task_on_thread(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	CHECK(!pthread_equal(pthread_self(), *(pthread_t *)arg));
	return 0;
}

static void no_help_keeps_tasks_off_the_waiting_thread(void **state)
{
	static const int limits[] = {1, 2, 0};
	pthread_t self = pthread_self();

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		for (long round = 0; goes_on(round, 200); round++) {
			eg_group group;

			group_init_flags(&group, NULL, limits[i], EG_GROUP_NO_HELP);
			for (int k = 0; k < 200; k++)
				eg_group_go(&group, task_on_thread, &self);
			assert_int_equal(eg_group_wait(&group), 0);
			eg_group_destroy(&group);
		}
	}
}

static void wait_until_runs_no_task_on_the_waiting_thread(void **state)
{
	pthread_t self = pthread_self();

	(void)state;
	for (long round = 0; goes_on(round, 200); round++) {
		eg_group group = EG_GROUP_INIT;

		eg_group_set_limit(&group, 2);
		for (int k = 0; k < 200; k++)
			eg_group_go(&group, task_on_thread, &self);
		assert_int_equal(eg_group_wait_until(&group, INT64_MAX), 0);
		eg_group_destroy(&group);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(cancel_reaches_tasks_with_its_cause_and_is_no_error),
	    TEST(the_cause_of_a_cancellation_lives_as_long_as_the_context),
	    TEST(a_task_can_fail_with_the_reason_for_which_its_group_was_cancelled),
	    TEST(cancel_of_a_group_without_a_context_of_its_own_is_refused),
	    TEST(tasks_of_a_zero_group_get_the_background_context),
	    TEST(tasks_get_the_context_that_the_group_shows),
	    TEST(no_cancel_hands_the_parent_on_and_cancels_nothing),
	    TEST(parent_cancellation_reaches_tasks_and_is_no_error),
	    TEST(an_error_reaches_contexts_that_tasks_derived_and_not_the_parent),
	    TEST(without_the_flag_unstarted_tasks_run_after_cancellation),
	    TEST(skip_unstarted_skips_and_reports_whoever_cancels),
	    TEST(skip_unstarted_accounts_for_a_hundred_thousand),
	    TEST(no_help_keeps_tasks_off_the_waiting_thread),
	    TEST(wait_until_runs_no_task_on_the_waiting_thread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
