/* SPDX-License-Identifier: MIT */
/*
 * What errors do to the rest of their group (the options halt and halt_after), which of them are kept (collect), and errors
 * from outside (eg_group_fail).
 */

#include "support.h"

static void group_begin(eg_group *group, eg_ctx *parent, int limit, unsigned halt, unsigned after,
			unsigned flags)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;

	options.limit = limit;
	options.halt = halt;
	options.halt_after = after;
	options.flags = flags;
	options.collect = EG_COLLECT_ALL;
	assert_int_equal(eg_group_init(group, parent, &options), 0);
}

/* Tasks of a group with limit 1: how many have begun, and how many of these found their context over. */
struct seen {
	atomic_long began;
	atomic_long over;
};

static struct seen seen;

static int task_see(eg_ctx *ctx, void *arg)
{
	atomic_fetch_add(&seen.began, 1);
	if (eg_ctx_err(ctx))
		atomic_fetch_add(&seen.over, 1);
	return (int)(intptr_t)arg;
}

/* Fails with -1, succeeds, fails with -2, succeeds and so on, `errors` times; then `more` tasks that succeed. */
static void go_failing(eg_group *group, int errors, int more)
{
	atomic_store(&seen.began, 0);
	atomic_store(&seen.over, 0);
	for (int i = 1; i <= errors; i++) {
		assert_int_equal(eg_group_go(group, task_see, CODE(-i)), 0);
		assert_int_equal(eg_group_go(group, task_see, CODE(0)), 0);
	}
	for (int i = 0; i < more; i++)
		assert_int_equal(eg_group_go(group, task_see, CODE(0)), 0);
}

static void expect_seen(long began, long over)
{
	assert_int_equal(atomic_load(&seen.began), began);
	assert_int_equal(atomic_load(&seen.over), over);
}

/* The errors but the first few are of skipped tasks, whose cause is the first. */
static void expect_skipped(const eg_group *group, size_t returned, size_t skipped)
{
	eg_error *errors[64];
	size_t count = eg_group_errors(group, 64, errors);

	assert_int_equal(count, returned + skipped);
	assert_int_equal(eg_group_error_count(group), count);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(eg_error_kind(errors[i]),
				 i < returned ? EG_ERROR_RETURNED : EG_ERROR_SKIPPED);
		assert_ptr_equal(eg_error_cause(errors[i]), i < returned ? NULL : errors[0]);
	}
}

static void the_nth_error_cancels_with_the_first_as_the_cause(void **state)
{
	eg_group group;

	(void)state;
	group_begin(&group, NULL, 1, EG_HALT_CANCEL, 3, 0);
	go_failing(&group, 4, 2);
	assert_int_equal(eg_group_wait(&group), -1);
	expect_seen(10, 5);
	assert_ptr_equal(eg_ctx_cause(eg_group_ctx(&group)), eg_group_error(&group));
	expect_skipped(&group, 4, 0);
	eg_group_destroy(&group);
}

static void zero_errors_and_one_are_the_same(void **state)
{
	(void)state;
	for (unsigned after = 0; after < 2; after++) {
		eg_group group;

		group_begin(&group, NULL, 1, EG_HALT_CANCEL, after, 0);
		go_failing(&group, 1, 3);
		assert_int_equal(eg_group_wait(&group), -1);
		expect_seen(5, 4);
		eg_group_destroy(&group);
	}
}

static void now_skips_what_has_not_started_and_cancels(void **state)
{
	eg_group group;

	(void)state;
	group_begin(&group, NULL, 1, EG_HALT_NOW, 2, 0);
	go_failing(&group, 3, 5);
	assert_int_equal(eg_group_wait(&group), -1);
	expect_seen(3, 0);
	expect_skipped(&group, 2, 8);
	assert_ptr_equal(eg_ctx_cause(eg_group_ctx(&group)), eg_group_error(&group));
	eg_group_destroy(&group);
}

static void now_skips_at_any_end_of_the_context(void **state)
{
	eg_group group;
	eg_ctx *parent = ctx_under(NULL);

	(void)state;
	group_begin(&group, parent, 1, EG_HALT_NOW, 0, 0);
	eg_ctx_cancel(parent, NULL);
	go_failing(&group, 0, 5);
	assert_int_equal(eg_group_wait(&group), -ECANCELED);
	expect_seen(0, 0);
	assert_int_equal(eg_group_error_count(&group), 5);
	eg_group_destroy(&group);
	eg_ctx_unref(parent);
}

/* Waits until a number of errors have been recorded. */
struct watcher {
	eg_group *group;
	size_t errors;
	int err; /* of its context, afterwards */
	struct tally started;
};

static int task_await_errors(eg_ctx *ctx, void *arg)
{
	struct watcher *watcher = arg;

	tally_add(&watcher->started, 1);
	while (eg_group_error_count(watcher->group) < watcher->errors)
		sched_yield();
	watcher->err = eg_ctx_err(ctx);
	return 0;
}

/* Returns when the task has started: one that a worker has only taken is skipped like the rest. */
static void watcher_go(struct watcher *watcher, eg_group *group)
{
	watcher->group = group;
	eg_group_go(group, task_await_errors, watcher);
	tally_await(&watcher->started, 1);
}

static void soon_leaves_alone_what_runs(void **state)
{
	struct watcher watcher = {.errors = 3, .err = 1, .started = TALLY_INIT};
	eg_group group;

	(void)state;
	group_begin(&group, NULL, 2, EG_HALT_SOON, 2, 0);
	watcher_go(&watcher, &group);
	go_failing(&group, 3, 5);
	assert_int_equal(eg_group_wait(&group), -1);
	/* The third error is that of a skipped task, so the group was halted by then. */
	assert_int_equal(watcher.err, 0);
	expect_seen(3, 0);
	expect_skipped(&group, 2, 8);
	assert_int_equal(eg_ctx_err(eg_group_ctx(&group)), -ECANCELED);
	assert_ptr_equal(eg_ctx_cause(eg_group_ctx(&group)), eg_group_error(&group));
	eg_group_destroy(&group);
}

static void never_has_every_task_run(void **state)
{
	eg_group group;

	(void)state;
	group_begin(&group, NULL, 1, EG_HALT_NEVER, 1, 0);
	go_failing(&group, 4, 2);
	assert_int_equal(eg_group_wait(&group), -1);
	expect_seen(10, 0);
	expect_skipped(&group, 4, 0);
	assert_ptr_equal(eg_ctx_cause(eg_group_ctx(&group)), eg_group_error(&group));
	eg_group_destroy(&group);
}

static void without_a_context_to_cancel_now_is_soon_and_cancel_is_never(void **state)
{
	static const struct {
		unsigned halt;
		size_t skipped;
	} cases[] = {{EG_HALT_CANCEL, 0}, {EG_HALT_NOW, 5}, {EG_HALT_SOON, 5}, {EG_HALT_NEVER, 0}};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		eg_ctx *parent = ctx_under(NULL);
		eg_group group;

		group_begin(&group, parent, 1, cases[i].halt, 0, EG_GROUP_NO_CANCEL);
		go_failing(&group, 1, 4);
		assert_int_equal(eg_group_wait(&group), -1);
		expect_seen(6 - (long)cases[i].skipped, 0);
		expect_skipped(&group, 1, cases[i].skipped);
		assert_int_equal(eg_ctx_err(parent), 0);
		eg_group_destroy(&group);
		eg_ctx_unref(parent);
	}
}

/* A task that saw the n-th error is followed by none, although whoever recorded it may not have come further yet. */
static void a_task_that_sees_the_last_error_is_followed_by_none(void **state)
{
	static const unsigned halts[] = {EG_HALT_SOON, EG_HALT_NOW};

	(void)state;
	for (long i = 0; goes_on(i, 2000); i++) {
		struct watcher watcher = {.errors = 1, .started = TALLY_INIT};
		eg_group group;

		group_begin(&group, NULL, 2, halts[i % 2], 1, 0);
		atomic_store(&seen.began, 0);
		watcher_go(&watcher, &group);
		eg_group_go(&group, task_return, CODE(-EIO));
		eg_group_go(&group, task_see, CODE(0));
		eg_group_go(&group, task_see, CODE(0));
		assert_int_equal(eg_group_wait(&group), -EIO);
		assert_int_equal(atomic_load(&seen.began), 0);
		assert_int_equal(eg_group_error_count(&group), 3);
		eg_group_destroy(&group);
	}
}

struct ending {
	eg_group *group;
	atomic_long calls;
	size_t errors;
	eg_error *cause;
};

static void note_end(void *arg)
{
	struct ending *ending = arg;

	atomic_fetch_add(&ending->calls, 1);
	ending->errors = eg_group_error_count(ending->group);
	ending->cause = eg_ctx_cause(eg_group_ctx(ending->group));
}

static void one_of_many_errors_at_once_halts(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 200); i++) {
		unsigned after = 1 + (unsigned)i % 40;
		struct ending ending = {.errors = 0};
		eg_ctx_callback callback;
		eg_group group;

		ending.group = &group;
		group_begin(&group, NULL, 4, EG_HALT_NOW, after, EG_GROUP_NO_HELP * ((unsigned)i % 2));
		assert_int_equal(eg_ctx_on_end(eg_group_ctx(&group), note_end, &ending, &callback), 0);
		for (int task = 0; task < 60; task++)
			eg_group_go(&group, task_return, CODE(-EIO));
		assert_int_equal(eg_group_wait(&group), -EIO);
		eg_ctx_off_end(&callback);
		assert_int_equal(atomic_load(&ending.calls), 1);
		assert_true(ending.errors >= after);
		assert_ptr_equal(ending.cause, eg_group_error(&group));
		assert_int_equal(eg_group_error_count(&group), 60);
		eg_group_destroy(&group);
	}
}

struct submitter {
	eg_group *group;
	_Atomic pid_t thread;
	atomic_bool returned;
	int code;
};

static void *submit_one(void *arg)
{
	struct submitter *submitter = arg;

	atomic_store(&submitter->thread, thread_id());
	submitter->code = eg_group_go(submitter->group, task_see, CODE(0));
	atomic_store(&submitter->returned, true);
	return NULL;
}

static void submitters_without_room_are_sent_away(void **state)
{
	static const unsigned halts[] = {EG_HALT_CANCEL, EG_HALT_NOW, EG_HALT_SOON};
	eg_error *error = eg_error_create(-EIO, NULL);

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
		struct hold hold = HOLD_INIT;
		eg_group group;
		struct submitter submitter = {.group = &group};
		pthread_t thread;

		options.limit = 1;
		options.backlog = 1;
		options.halt = halts[i];
		assert_int_equal(eg_group_init(&group, NULL, &options), 0);
		/* One runs, and is not just about to; one waits, and the third is kept out. */
		eg_group_go(&group, task_hold, &hold);
		tally_await(&hold.started, 1);
		eg_group_go(&group, task_hold, &hold);
		assert_int_equal(pthread_create(&thread, NULL, submit_one, &submitter), 0);
		assert_true(thread_blocks(&submitter.thread, &submitter.returned));
		assert_int_equal(eg_group_fail(&group, error), 0);
		pthread_join(thread, NULL);
		assert_int_equal(submitter.code, -ECANCELED);
		tally_add(&hold.release, 1);
		assert_int_equal(eg_group_wait(&group), -EIO);
		assert_int_equal(eg_group_error_count(&group), i == 0 ? 1 : 2);
		eg_group_destroy(&group);
	}
	eg_error_unref(error);
}

static void a_halted_group_stays_so_until_it_is_reset(void **state)
{
	eg_group group;

	(void)state;
	group_begin(&group, NULL, 1, EG_HALT_SOON, 2, 0);
	go_failing(&group, 1, 0);
	assert_int_equal(eg_group_wait(&group), -1);
	expect_seen(2, 0);
	/* Errors of rounds before count. */
	go_failing(&group, 1, 3);
	assert_int_equal(eg_group_wait(&group), -1);
	expect_seen(1, 1);
	go_failing(&group, 0, 3);
	assert_int_equal(eg_group_wait(&group), -1);
	expect_seen(0, 0);
	expect_skipped(&group, 2, 7);
	assert_int_equal(eg_group_reset(&group), 0);
	go_failing(&group, 1, 3);
	assert_int_equal(eg_group_wait(&group), -1);
	expect_seen(5, 0);
	expect_skipped(&group, 1, 0);
	eg_group_destroy(&group);
}

static void a_halt_that_is_not_known_is_refused(void **state)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group = EG_GROUP_INIT;

	(void)state;
	options.halt = EG_HALT_NEVER + 1;
	assert_int_equal(eg_group_init(&group, NULL, &options), -EINVAL);
}

/*
 * Which errors are kept
 */

static atomic_int arrivals;

#define FAILS_EVERY 1000

/* Every so many tasks one fails, with the number that it drew when it did. */
static int task_fail_some(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	return (uintptr_t)arg % FAILS_EVERY == 0 ? atomic_fetch_add(&arrivals, 1) + 1 : 0;
}

static void of_a_thousand_errors_in_a_million_tasks_the_first_hundred_are_kept(void **state)
{
	long tasks = scaled(1000) * FAILS_EVERY, errors = tasks / FAILS_EVERY;

	(void)state;
	for (int limit = 1; limit <= 4; limit += 3) {
		struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
		eg_error *kept[128];
		bool had[1001] = {false};
		eg_group group;
		size_t count;

		atomic_store(&arrivals, 0);
		options.limit = limit;
		options.collect = 100;
		options.halt = EG_HALT_NEVER;
		assert_int_equal(eg_group_init(&group, NULL, &options), 0);
		for (long i = 0; i < tasks; i++)
			eg_group_go(&group, task_fail_some, (void *)(uintptr_t)i);
		assert_int_not_equal(eg_group_wait(&group), 0);
		assert_int_equal(atomic_load(&arrivals), errors);
		assert_int_equal(eg_group_error_count(&group), errors);
		count = eg_group_errors(&group, 128, kept);
		assert_int_equal(count, errors < 100 ? errors : 100);
		for (size_t i = 0; i < count; i++) {
			int number = eg_error_code(kept[i]);

			/* One that has drawn its number may be overtaken; but no more of them than run at once. */
			assert_true(number >= 1 && number <= (int)i + limit && !had[number]);
			had[number] = true;
			assert_int_equal(eg_error_task_index(kept[i]) % FAILS_EVERY, 0);
			if (limit == 1)
				assert_int_equal(eg_error_task_index(kept[i]), (int64_t)i * FAILS_EVERY);
		}
		eg_group_destroy(&group);
	}
}

static void all_errors_are_kept_if_that_is_asked_for(void **state)
{
	size_t tasks = (size_t)scaled(20000), count;
	eg_error **kept = calloc(tasks + 1, sizeof(*kept));
	eg_group group;

	(void)state;
	assert_non_null(kept);
	group_begin(&group, NULL, 1, EG_HALT_CANCEL, 0, 0);
	for (size_t i = 1; i <= tasks; i++)
		eg_group_go(&group, task_return, CODE(i));
	assert_int_equal(eg_group_wait(&group), 1);
	count = eg_group_errors(&group, tasks + 1, kept);
	assert_int_equal(count, tasks);
	assert_int_equal(eg_group_error_count(&group), tasks);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(eg_error_code(kept[i]), i + 1);
	eg_group_destroy(&group);
	free(kept);
}

/*
 * Errors from outside
 */

static void a_group_is_failed_from_outside_its_tasks(void **state)
{
	eg_error *error = eg_error_create(-EPROTO, "the watchdog"), *kept[4];
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(eg_group_fail(&group, error), 0);
	eg_error_unref(error);
	assert_ptr_equal(eg_group_error(&group), error);
	eg_group_go(&group, task_return, CODE(-EIO));
	assert_int_equal(eg_group_wait(&group), -EPROTO);
	assert_int_equal(eg_group_wait(&group), -EPROTO);
	assert_int_equal(eg_group_error_count(&group), 2);
	assert_int_equal(eg_group_errors(&group, 4, kept), 1);
	assert_int_equal(eg_group_reset(&group), 0);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

static void a_group_without_tasks_that_was_failed_returns_that(void **state)
{
	eg_group group = EG_GROUP_INIT;
	eg_error *error = eg_error_create(-EPROTO, "nothing came");

	(void)state;
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(eg_group_fail(&group, error), 0);
	assert_int_equal(eg_group_wait(&group), -EPROTO);
	eg_group_destroy(&group);
	assert_string_equal(eg_error_message(error), "nothing came");
	eg_error_unref(error);
}

static void an_error_from_outside_halts_as_any_other(void **state)
{
	static const unsigned halts[] = {EG_HALT_CANCEL, EG_HALT_NOW, EG_HALT_SOON, EG_HALT_NEVER};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		eg_error *errors[2] = {eg_error_create(-EPROTO, "one"), eg_error_create(-EBADMSG, "two")};
		eg_group group;

		group_begin(&group, NULL, 1, halts[i], 2, 0);
		assert_int_equal(eg_group_fail(&group, errors[0]), 0);
		assert_int_equal(eg_ctx_err(eg_group_ctx(&group)), 0);
		assert_int_equal(eg_group_fail(&group, errors[1]), 0);
		assert_int_equal(eg_ctx_err(eg_group_ctx(&group)), i < 2 ? -ECANCELED : 0);
		assert_ptr_equal(eg_ctx_cause(eg_group_ctx(&group)), i < 2 ? errors[0] : NULL);
		go_failing(&group, 0, 3);
		assert_int_equal(eg_group_wait(&group), -EPROTO);
		expect_seen(i == 1 || i == 2 ? 0 : 3, i == 0 ? 3 : 0);
		eg_group_destroy(&group);
		eg_error_unref(errors[0]);
		eg_error_unref(errors[1]);
	}
}

static int task_fail_group(eg_ctx *ctx, void *arg)
{
	eg_error *error = eg_error_create(-EPROTO, "by a task");

	CHECK(eg_group_fail(arg, error) == 0);
	CHECK(eg_ctx_err(ctx) == -ECANCELED && eg_ctx_cause(ctx) == error);
	eg_error_unref(error);
	return -EIO;
}

static void a_task_fails_its_group_and_then_by_itself(void **state)
{
	eg_error *kept[4];
	eg_group group;

	(void)state;
	group_begin(&group, NULL, 0, EG_HALT_CANCEL, 0, 0);
	eg_group_go(&group, task_fail_group, &group);
	assert_int_equal(eg_group_wait(&group), -EPROTO);
	assert_int_equal(eg_group_errors(&group, 4, kept), 2);
	assert_int_equal(eg_error_task_index(kept[0]), -1);
	assert_int_equal(eg_error_code(kept[1]), -EIO);
	eg_group_destroy(&group);
}

static void *fail_often(void *arg)
{
	for (int i = 0; i < 100; i++) {
		eg_error *error = eg_error_create(-EPROTO, "%d", i);

		CHECK(eg_group_fail(arg, error) == 0);
		eg_error_unref(error);
	}
	return NULL;
}

static void threads_fail_a_group_while_it_works(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 20); i++) {
		pthread_t threads[2];
		eg_group group;

		group_begin(&group, NULL, 2, EG_HALT_NEVER, 0, 0);
		for (size_t n = 0; n < 2; n++)
			assert_int_equal(pthread_create(&threads[n], NULL, fail_often, &group), 0);
		for (int n = 0; n < 200; n++)
			eg_group_go(&group, task_return, CODE(-EIO * (n % 2)));
		assert_int_not_equal(eg_group_wait(&group), 0);
		for (size_t n = 0; n < 2; n++)
			pthread_join(threads[n], NULL);
		assert_int_equal(eg_group_error_count(&group), 300);
		eg_group_destroy(&group);
	}
}

static int task_fail_when_cancelled(eg_ctx *ctx, void *arg)
{
	eg_error *error = eg_error_create(-EPROTO, "too late");

	ctx_await_cancel(ctx);
	CHECK(eg_group_fail(arg, error) == -ECANCELED);
	eg_error_unref(error);
	return 0;
}

static void a_failure_that_cannot_be_recorded_is_refused(void **state)
{
	eg_group group = EG_GROUP_INIT;
	eg_error *error = eg_error_create(-EPROTO, "none");

	(void)state;
	assert_int_equal(eg_group_fail(NULL, error), -EINVAL);
	assert_int_equal(eg_group_fail(&group, NULL), -EINVAL);
	eg_error_unref(error);
	assert_int_equal(eg_group_init(&group, NULL, NULL), 0);
	eg_group_go(&group, task_fail_when_cancelled, &group);
	eg_group_destroy(&group);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_nth_error_cancels_with_the_first_as_the_cause),
	    TEST(zero_errors_and_one_are_the_same),
	    TEST(now_skips_what_has_not_started_and_cancels),
	    TEST(now_skips_at_any_end_of_the_context),
	    TEST(soon_leaves_alone_what_runs),
	    TEST(never_has_every_task_run),
	    TEST(without_a_context_to_cancel_now_is_soon_and_cancel_is_never),
	    TEST(a_task_that_sees_the_last_error_is_followed_by_none),
	    TEST(one_of_many_errors_at_once_halts),
	    TEST(submitters_without_room_are_sent_away),
	    TEST(a_halted_group_stays_so_until_it_is_reset),
	    TEST(a_halt_that_is_not_known_is_refused),
	    TEST(of_a_thousand_errors_in_a_million_tasks_the_first_hundred_are_kept),
	    TEST(all_errors_are_kept_if_that_is_asked_for),
	    TEST(a_group_is_failed_from_outside_its_tasks),
	    TEST(a_group_without_tasks_that_was_failed_returns_that),
	    TEST(an_error_from_outside_halts_as_any_other),
	    TEST(a_task_fails_its_group_and_then_by_itself),
	    TEST(threads_fail_a_group_while_it_works),
	    TEST(a_failure_that_cannot_be_recorded_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
