/* SPDX-License-Identifier: MIT */
/*
 * Derived contexts: deadlines, which are never early and cost one thread in all; values; and contexts that outlive the
 * end of their parent.
 */

#include "support.h"

#define MILLISECOND INT64_C(1000000)
#define HOUR (INT64_C(3600000) * MILLISECOND)

static eg_ctx *ctx_until(eg_ctx *parent, int64_t deadline_ns)
{
	eg_ctx *ctx = NULL;

	if (eg_ctx_with_deadline(parent, deadline_ns, &ctx))
		abort();
	return ctx;
}

static eg_ctx *ctx_for(eg_ctx *parent, int64_t timeout_ns)
{
	eg_ctx *ctx = NULL;

	if (eg_ctx_with_timeout(parent, timeout_ns, &ctx))
		abort();
	return ctx;
}

static void assert_timed_out(eg_ctx *ctx)
{
	assert_int_equal(eg_ctx_err(ctx), -ETIMEDOUT);
	assert_int_equal(eg_error_code(eg_ctx_cause(ctx)), -ETIMEDOUT);
	assert_string_equal(eg_error_message(eg_ctx_cause(ctx)), "deadline exceeded");
}

/*
 * Deadlines
 */

static void *thread_tell_id(void *arg)
{
	*(pid_t *)arg = thread_id();
	return NULL;
}

/* The first test: nothing else has started a thread of the library. */
static void all_deadlines_share_one_thread_and_without_any_there_is_none(void **state)
{
	eg_ctx *plain = ctx_under(NULL), *timed[100];
	pthread_t first;
	pid_t first_id;
	long before;

	(void)state;
	/* With the first thread ThreadSanitizer starts one of its own. */
	assert_int_equal(pthread_create(&first, NULL, thread_tell_id, &first_id), 0);
	pthread_join(first, NULL);
	thread_await_end(first_id);
	before = threads_now();
	eg_ctx_unref(ctx_until(plain, EG_CTX_NO_DEADLINE));
	eg_ctx_unref(ctx_for(plain, INT64_MAX));
	eg_ctx_unref(ctx_for(plain, 0));
	eg_ctx_unref(ctx_until(plain, 1));
	assert_int_equal(eg_ctx_wait_until(plain, eg_clock_now_ns() + MILLISECOND), -ETIMEDOUT);
	assert_int_equal(threads_now(), before);
	for (int i = 0; i < 100; i++)
		timed[i] = ctx_for(plain, HOUR - i * MILLISECOND);
	assert_int_equal(threads_now(), before + 1);
	for (int i = 0; i < 100; i++)
		eg_ctx_unref(timed[i]);
	eg_ctx_unref(plain);
}

static void a_deadline_ends_the_context_and_is_never_early(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 100); i++) {
		int64_t deadline = eg_clock_now_ns() + MILLISECOND / 10 * (i % 10);
		eg_ctx *ctx = ctx_until(NULL, deadline), *child = ctx_under(ctx);

		assert_true(eg_ctx_deadline(ctx) <= deadline);
		assert_int_equal(eg_ctx_deadline(child), eg_ctx_deadline(ctx));
		ctx_await_cancel(ctx);
		assert_true(eg_clock_now_ns() >= deadline);
		ctx_await_cancel(child);
		assert_timed_out(ctx);
		assert_timed_out(child);
		assert_int_equal(eg_ctx_cancel(ctx, NULL), -EALREADY);
		eg_ctx_unref(ctx);
		eg_ctx_unref(child);
	}
}

static void a_deadline_in_the_past_ends_it_at_once(void **state)
{
	int64_t past[] = {0, -1, INT64_MIN, 1, eg_clock_now_ns()};

	(void)state;
	for (size_t i = 0; i < sizeof(past) / sizeof(past[0]); i++) {
		eg_ctx *ctx = ctx_until(NULL, past[i]);

		assert_timed_out(ctx);
		assert_true(eg_ctx_deadline(ctx) <= eg_clock_now_ns());
		eg_ctx_unref(ctx);
	}
	for (int i = -1; i <= 0; i++) {
		eg_ctx *ctx = ctx_for(NULL, i);

		assert_timed_out(ctx);
		eg_ctx_unref(ctx);
	}
	eg_ctx_unref(ctx_for(NULL, INT64_MIN));
}

static void sums_beyond_the_clock_are_no_deadline(void **state)
{
	eg_ctx *last = ctx_until(NULL, INT64_MAX - 1), *forever = ctx_for(NULL, INT64_MAX),
	       *almost = ctx_for(NULL, INT64_MAX - 1), *long_time = ctx_for(NULL, INT64_MAX / 2);

	(void)state;
	assert_int_equal(eg_ctx_deadline(NULL), EG_CTX_NO_DEADLINE);
	assert_int_equal(eg_ctx_deadline(last), INT64_MAX - 1);
	assert_int_equal(eg_ctx_deadline(forever), EG_CTX_NO_DEADLINE);
	assert_int_equal(eg_ctx_deadline(almost), EG_CTX_NO_DEADLINE);
	assert_int_equal(eg_ctx_err(last), 0);
	assert_int_equal(eg_ctx_err(long_time), 0);
	eg_ctx_unref(last);
	eg_ctx_unref(forever);
	eg_ctx_unref(almost);
	eg_ctx_unref(long_time);
}

static void of_a_context_and_its_parents_the_earliest_deadline_counts(void **state)
{
	int64_t soon = eg_clock_now_ns() + 2 * MILLISECOND, late = soon + HOUR;
	eg_ctx *outer = ctx_until(NULL, late), *inner = ctx_until(outer, soon),
	       *later = ctx_until(inner, late), *none = ctx_until(inner, EG_CTX_NO_DEADLINE);

	(void)state;
	assert_int_equal(eg_ctx_deadline(inner), soon);
	assert_int_equal(eg_ctx_deadline(later), soon);
	assert_int_equal(eg_ctx_deadline(none), soon);
	ctx_await_cancel(none);
	assert_timed_out(inner);
	ctx_await_cancel(later);
	assert_timed_out(later);
	assert_int_equal(eg_ctx_err(outer), 0);
	assert_int_equal(eg_ctx_cancel(outer, NULL), 0);
	assert_timed_out(inner);
	eg_ctx_unref(outer);
	eg_ctx_unref(inner);
	eg_ctx_unref(later);
	eg_ctx_unref(none);
}

/* Every kind below every other, ended at each place. */
static void layers_of_cancels_timeouts_and_values_end_from_where_they_are_ended(void **state)
{
	static const char key;

	(void)state;
	for (unsigned end = 0; end < 6; end++) {
		eg_error *cause = eg_error_create(-EIO, "cause");
		eg_ctx *layers[6];

		layers[0] = ctx_under(NULL);
		layers[1] = ctx_for(layers[0], HOUR);
		assert_int_equal(eg_ctx_with_value(layers[1], &key, NULL, NULL, &layers[2]), 0);
		layers[3] = ctx_for(layers[2], HOUR / 2);
		layers[4] = ctx_under(layers[3]);
		layers[5] = ctx_for(layers[4], HOUR / 4);
		assert_int_equal(eg_ctx_cancel(layers[end], cause), 0);
		for (unsigned i = 0; i < 6; i++) {
			assert_int_equal(eg_ctx_err(layers[i]), i < end ? 0 : -ECANCELED);
			assert_ptr_equal(eg_ctx_cause(layers[i]), i < end ? NULL : cause);
		}
		/* Released in some order, half of them before the rest is ended. */
		for (unsigned i = 0; i < 6; i++)
			eg_ctx_unref(layers[(i * 5 + end) % 6]);
		eg_error_unref(cause);
	}
}

static void a_timed_child_of_a_parent_that_is_over_has_the_parents_cause(void **state)
{
	eg_ctx *parent = ctx_under(NULL), *past, *future;
	eg_error *cause = eg_error_create(-EIO, "cause");

	(void)state;
	eg_ctx_cancel(parent, cause);
	past = ctx_for(parent, -1);
	future = ctx_for(parent, HOUR);
	assert_int_equal(eg_ctx_err(past), -ECANCELED);
	assert_ptr_equal(eg_ctx_cause(past), cause);
	assert_ptr_equal(eg_ctx_cause(future), cause);
	eg_ctx_unref(past);
	eg_ctx_unref(future);
	eg_ctx_unref(parent);
	eg_error_unref(cause);
}

/* A cancellation and a deadline at once: one of them wins, with code, cause and children in accord. */
static void between_a_cancellation_and_a_deadline_exactly_one_wins(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 3000); i++) {
		eg_ctx *ctx = ctx_for(NULL, MILLISECOND / 16 + i % 50 * 3000), *child = ctx_under(ctx);
		int64_t then = eg_ctx_deadline(ctx) + 30000 + i % 30 * 2000;
		int err;

		while (eg_clock_now_ns() < then)
			;
		err = eg_ctx_cancel(ctx, NULL);
		assert_true(err == 0 || err == -EALREADY);
		assert_int_equal(eg_ctx_err(ctx), err ? -ETIMEDOUT : -ECANCELED);
		assert_int_equal(eg_error_code(eg_ctx_cause(ctx)), eg_ctx_err(ctx));
		assert_int_equal(eg_ctx_err(child), eg_ctx_err(ctx));
		eg_ctx_unref(ctx);
		eg_ctx_unref(child);
	}
}

/* Released as it fires: nobody touches it afterwards, which AddressSanitizer and ThreadSanitizer watch. */
static void a_context_may_be_released_at_the_moment_of_its_deadline(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 3000); i++) {
		eg_ctx *parent = ctx_under(NULL), *ctx = ctx_for(parent, MILLISECOND / 16 + i % 50 * 3000);
		int64_t then = eg_ctx_deadline(ctx) + 30000 + i % 30 * 2000;

		while (eg_clock_now_ns() < then)
			;
		if (i % 2)
			eg_ctx_unref(parent);
		eg_ctx_unref(ctx);
		if (i % 2 == 0)
			eg_ctx_unref(parent);
	}
}

struct due {
	eg_ctx *ctx;
	eg_ctx_callback callback;
	atomic_long *fired, *early;
	int64_t deadline;
};

static void due_note(void *arg)
{
	struct due *due = arg;

	if (eg_clock_now_ns() < due->deadline || eg_ctx_err(due->ctx) != -ETIMEDOUT)
		atomic_fetch_add(due->early, 1);
	atomic_fetch_add(due->fired, 1);
}

static void of_a_hundred_thousand_deadlines_none_is_early_and_none_is_missed(void **state)
{
	long count = scaled(100000), taken_out = 0;
	struct due *dues = calloc((size_t)count, sizeof(*dues));
	atomic_long fired = 0, early = 0;
	eg_ctx *root = ctx_under(NULL);
	uint64_t random = 88172645463325252U;
	int64_t base = eg_clock_now_ns();

	(void)state;
	assert_non_null(dues);
	for (long i = 0; i < count; i++) {
		random ^= random << 13, random ^= random >> 7, random ^= random << 17;
		dues[i].fired = &fired;
		dues[i].early = &early;
		dues[i].deadline = base + 10 * MILLISECOND + (int64_t)(random % 500000000);
		dues[i].ctx = ctx_until(i % 2 ? root : NULL, dues[i].deadline);
		assert_int_equal(eg_ctx_on_end(dues[i].ctx, due_note, &dues[i], &dues[i].callback), 0);
	}
	for (long i = 0; i < count; i++)
		assert_int_equal(eg_ctx_wait_until(dues[i].ctx, EG_CTX_NO_DEADLINE), 0);
	for (long i = 0; i < count; i++) {
		/* Seen to be over, and taken out before its function was called. */
		taken_out += eg_ctx_off_end(&dues[i].callback) == 0;
		eg_ctx_unref(dues[i].ctx);
	}
	assert_int_equal(atomic_load(&fired) + taken_out, count);
	assert_int_equal(atomic_load(&early), 0);
	eg_ctx_unref(root);
	free(dues);
}

static void a_cancelled_context_gives_its_deadline_up(void **state)
{
	eg_ctx *root = ctx_under(NULL);
	size_t before;

	(void)state;
	for (int i = 0; i < 1000; i++)
		eg_ctx_unref(ctx_for(root, HOUR));
	before = heap_in_use();
	for (long i = 0; goes_on(i, 200000); i++) {
		eg_ctx *ctx = ctx_for(i % 2 ? root : NULL, (i % 100 + 1) * HOUR);

		if (i % 3)
			eg_ctx_cancel(ctx, NULL);
		eg_ctx_unref(ctx);
	}
	assert_true(heap_in_use() < before + 65536);
	eg_ctx_unref(root);
}

/*
 * Values
 */

static const char key_name, key_count;

static void count_release(void *value)
{
	++*(int *)value;
}

static void a_value_is_found_from_below_and_the_nearest_counts(void **state)
{
	eg_ctx *root = ctx_under(NULL), *named, *counted, *renamed, *leaf;
	int one = 0, two = 0, three = 0;

	(void)state;
	assert_int_equal(eg_ctx_with_value(root, &key_name, &one, count_release, &named), 0);
	assert_int_equal(eg_ctx_with_value(named, &key_count, &two, count_release, &counted), 0);
	assert_int_equal(eg_ctx_with_value(counted, &key_name, &three, count_release, &renamed), 0);
	leaf = ctx_for(renamed, HOUR);
	assert_null(eg_ctx_value(NULL, &key_name));
	assert_null(eg_ctx_value(root, &key_name));
	assert_null(eg_ctx_value(named, &key_count));
	assert_ptr_equal(eg_ctx_value(named, &key_name), &one);
	assert_ptr_equal(eg_ctx_value(counted, &key_name), &one);
	assert_ptr_equal(eg_ctx_value(leaf, &key_name), &three);
	assert_ptr_equal(eg_ctx_value(leaf, &key_count), &two);
	assert_null(eg_ctx_value(leaf, &one));

	/* They live as long as anything below them, and are released once. */
	eg_ctx_unref(root);
	eg_ctx_unref(named);
	eg_ctx_unref(counted);
	eg_ctx_unref(renamed);
	assert_ptr_equal(eg_ctx_value(leaf, &key_name), &three);
	assert_int_equal(eg_ctx_cancel(leaf, NULL), 0);
	assert_ptr_equal(eg_ctx_value(leaf, &key_count), &two);
	assert_int_equal(one + two + three, 0);
	eg_ctx_unref(leaf);
	assert_int_equal(one, 1);
	assert_int_equal(two, 1);
	assert_int_equal(three, 1);
}

static void a_context_with_a_value_ends_like_any_other(void **state)
{
	eg_ctx *root = ctx_under(NULL), *valued, *child, *ctx = NULL;

	(void)state;
	assert_int_equal(eg_ctx_with_value(root, &key_name, NULL, NULL, &valued), 0);
	assert_null(eg_ctx_value(valued, &key_name));
	child = ctx_under(valued);
	assert_int_equal(eg_ctx_cancel(valued, NULL), 0);
	assert_int_equal(eg_ctx_err(child), -ECANCELED);
	assert_int_equal(eg_ctx_err(root), 0);
	assert_int_equal(eg_ctx_with_value(root, NULL, NULL, NULL, &ctx), -EINVAL);
	assert_int_equal(eg_ctx_with_value(root, &key_name, NULL, NULL, NULL), -EINVAL);
	assert_null(ctx);
	eg_ctx_unref(child);
	eg_ctx_unref(valued);
	eg_ctx_unref(root);
}

/*
 * Without the parent's end
 */

static void without_cancel_has_the_values_and_neither_the_end_nor_the_deadline(void **state)
{
	eg_ctx *root = ctx_for(NULL, HOUR), *valued, *apart, *child, *late;
	int value = 0;

	(void)state;
	assert_int_equal(eg_ctx_with_value(root, &key_name, &value, count_release, &valued), 0);
	assert_int_equal(eg_ctx_without_cancel(valued, &apart), 0);
	child = ctx_for(apart, 2 * HOUR);
	assert_int_equal(eg_ctx_deadline(apart), EG_CTX_NO_DEADLINE);
	assert_true(eg_ctx_deadline(child) > eg_ctx_deadline(root));
	assert_ptr_equal(eg_ctx_value(child, &key_name), &value);
	assert_int_equal(eg_ctx_cancel(root, NULL), 0);
	assert_int_equal(eg_ctx_err(valued), -ECANCELED);
	assert_int_equal(eg_ctx_err(apart), 0);
	assert_int_equal(eg_ctx_err(child), 0);
	assert_null(eg_ctx_cause(apart));

	/* Also of one that is over. */
	assert_int_equal(eg_ctx_without_cancel(valued, &late), 0);
	assert_int_equal(eg_ctx_err(late), 0);
	eg_ctx_unref(late);
	eg_ctx_unref(root);
	eg_ctx_unref(valued);
	assert_int_equal(value, 0);

	/* It is a root of its own. */
	assert_int_equal(eg_ctx_cancel(apart, NULL), 0);
	assert_int_equal(eg_ctx_err(child), -ECANCELED);
	eg_ctx_unref(apart);
	assert_ptr_equal(eg_ctx_value(child, &key_name), &value);
	eg_ctx_unref(child);
	assert_int_equal(value, 1);
	assert_int_equal(eg_ctx_without_cancel(NULL, NULL), -EINVAL);
	assert_int_equal(eg_ctx_without_cancel(NULL, &late), 0);
	eg_ctx_unref(late);
}

/* The trap: work that outlives the group is given the group's context, as the task got it. */
static eg_ctx *left_trapped, *left_free;

static int task_leaves_work(eg_ctx *ctx, void *arg)
{
	(void)arg;
	left_trapped = eg_ctx_ref(ctx);
	return eg_ctx_without_cancel(ctx, &left_free);
}

static void work_that_outlives_its_group_goes_on_without_cancel(void **state)
{
	eg_ctx *parent;
	eg_group group;
	int value = 0;

	(void)state;
	assert_int_equal(eg_ctx_with_value(NULL, &key_name, &value, NULL, &parent), 0);
	assert_int_equal(eg_group_init(&group, parent, NULL), 0);
	eg_group_go(&group, task_leaves_work, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	assert_int_equal(eg_ctx_err(left_trapped), -ECANCELED);
	assert_int_equal(eg_ctx_err(left_free), 0);
	assert_ptr_equal(eg_ctx_value(left_free, &key_name), &value);
	eg_ctx_unref(left_trapped);
	eg_ctx_unref(left_free);
	eg_ctx_unref(parent);
}

static void bad_arguments_are_refused(void **state)
{
	(void)state;
	assert_int_equal(eg_ctx_with_deadline(NULL, 0, NULL), -EINVAL);
	assert_int_equal(eg_ctx_with_timeout(NULL, 0, NULL), -EINVAL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(all_deadlines_share_one_thread_and_without_any_there_is_none),
	    TEST(a_deadline_ends_the_context_and_is_never_early),
	    TEST(a_deadline_in_the_past_ends_it_at_once),
	    TEST(sums_beyond_the_clock_are_no_deadline),
	    TEST(of_a_context_and_its_parents_the_earliest_deadline_counts),
	    TEST(layers_of_cancels_timeouts_and_values_end_from_where_they_are_ended),
	    TEST(a_timed_child_of_a_parent_that_is_over_has_the_parents_cause),
	    TEST(between_a_cancellation_and_a_deadline_exactly_one_wins),
	    TEST(a_context_may_be_released_at_the_moment_of_its_deadline),
	    TEST(of_a_hundred_thousand_deadlines_none_is_early_and_none_is_missed),
	    TEST(a_cancelled_context_gives_its_deadline_up),
	    TEST(a_value_is_found_from_below_and_the_nearest_counts),
	    TEST(a_context_with_a_value_ends_like_any_other),
	    TEST(without_cancel_has_the_values_and_neither_the_end_nor_the_deadline),
	    TEST(work_that_outlives_its_group_goes_on_without_cancel),
	    TEST(bad_arguments_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
