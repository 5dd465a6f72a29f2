/* SPDX-License-Identifier: MIT */
/*
 * Functions that a deadline calls: they may wait, for other deadlines too, and hold up nobody else's.
 */

#include "support.h"

#include <poll.h>

#define MILLISECOND INT64_C(1000000)
#define CROWD 6

static eg_ctx *timed(eg_ctx *parent, int64_t timeout_ns)
{
	eg_ctx *ctx = NULL;

	CHECK(eg_ctx_with_timeout(parent, timeout_ns, &ctx) == 0);
	return ctx;
}

/*
 * A function that waits
 */

static void wait_for_deadline(void *arg)
{
	eg_ctx *grace = timed(NULL, MILLISECOND);

	CHECK(eg_ctx_wait_until(grace, EG_CTX_NO_DEADLINE) == 0);
	CHECK(eg_ctx_err(grace) == -ETIMEDOUT);
	eg_ctx_unref(grace);
	tally_add(arg, 1);
}

static void wait_for_descriptor(void *arg)
{
	eg_ctx *grace = timed(NULL, MILLISECOND);
	struct pollfd fd = {eg_ctx_fd(grace), POLLIN, 0};

	CHECK(poll(&fd, 1, -1) == 1);
	eg_ctx_unref(grace);
	tally_add(arg, 1);
}

static int task_sleep(eg_ctx *ctx, void *arg)
{
	eg_ctx *limited = timed(ctx, MILLISECOND);
	int err = eg_ctx_wait_until(limited, EG_CTX_NO_DEADLINE);

	(void)arg;
	eg_ctx_unref(limited);
	return err;
}

static void wait_for_group(void *arg)
{
	eg_group group = EG_GROUP_INIT;

	for (int i = 0; i < CROWD; i++)
		eg_group_go(&group, task_sleep, NULL);
	CHECK(eg_group_wait(&group) == 0);
	eg_group_destroy(&group);
	tally_add(arg, 1);
}

static void add_one(void *arg)
{
	tally_add(arg, 1);
}

/* A function waits for one that another deadline calls. */
static void wait_for_function(void *arg)
{
	struct tally called = TALLY_INIT;
	eg_ctx_callback callback;
	eg_ctx *ctx = timed(NULL, MILLISECOND);

	CHECK(eg_ctx_on_end(ctx, add_one, &called, &callback) == 0);
	tally_await(&called, 1);
	CHECK(eg_ctx_off_end(&callback) == -EALREADY);
	eg_ctx_unref(ctx);
	tally_add(arg, 1);
}

static void a_function_may_wait_for_other_deadlines(void **state)
{
	static void (*const functions[])(void *) = {wait_for_deadline, wait_for_descriptor, wait_for_group,
						    wait_for_function};

	(void)state;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		struct tally done = TALLY_INIT;
		eg_ctx_callback callback;
		eg_ctx *ctx = timed(NULL, MILLISECOND);

		assert_int_equal(eg_ctx_on_end(ctx, functions[i], &done, &callback), 0);
		tally_await(&done, 1);
		assert_int_equal(eg_ctx_off_end(&callback), -EALREADY);
		eg_ctx_unref(ctx);
	}
}

/*
 * Functions that wait for one another
 */

static void meet(void *arg)
{
	tally_meet(arg, CROWD);
}

static void functions_of_many_deadlines_may_wait_for_each_other(void **state)
{
	struct tally arrived = TALLY_INIT;
	eg_ctx_callback callbacks[CROWD];
	eg_ctx *contexts[CROWD], *parent = ctx_under(NULL);

	(void)state;
	for (int i = 0; i < CROWD; i++) {
		contexts[i] = timed(i % 2 ? parent : NULL, MILLISECOND * (i / 2 + 1));
		assert_int_equal(eg_ctx_on_end(contexts[i], meet, &arrived, &callbacks[i]), 0);
	}
	tally_await(&arrived, CROWD);
	for (int i = 0; i < CROWD; i++) {
		assert_int_equal(eg_ctx_off_end(&callbacks[i]), -EALREADY);
		eg_ctx_unref(contexts[i]);
	}
	eg_ctx_unref(parent);
}

/* Of one context: they are called one after the other, and each by another thread if the one before it waits. */
static void functions_of_one_deadline_may_wait_for_each_other(void **state)
{
	struct tally arrived = TALLY_INIT;
	eg_ctx_callback callbacks[CROWD];
	eg_ctx *ctx = timed(NULL, MILLISECOND);

	(void)state;
	for (int i = 0; i < CROWD; i++)
		assert_int_equal(eg_ctx_on_end(ctx, meet, &arrived, &callbacks[i]), 0);
	tally_await(&arrived, CROWD);
	for (int i = 0; i < CROWD; i++)
		assert_int_equal(eg_ctx_off_end(&callbacks[i]), -EALREADY);
	eg_ctx_unref(ctx);
}

/*
 * Short functions do not cost a thread each
 */

#define MANY 3000

struct threads_seen {
	atomic_long calls;
	atomic_long most;
};

static void note_threads(void *arg)
{
	struct threads_seen *seen = arg;
	long now = threads_now(), most = atomic_load(&seen->most);

	while (now > most && !atomic_compare_exchange_weak(&seen->most, &most, now))
		;
	atomic_fetch_add(&seen->calls, 1);
}

static void many_functions_are_called_by_a_few_threads(void **state)
{
	struct threads_seen seen = {0, 0};
	long many = scaled(MANY), before = threads_now();
	eg_ctx_callback *callbacks = calloc((size_t)many, sizeof(*callbacks));
	eg_ctx **contexts = calloc((size_t)many, sizeof(eg_ctx *));
	int64_t deadline = eg_clock_now_ns() + 20 * MILLISECOND;

	(void)state;
	assert_true(callbacks && contexts);
	for (long i = 0; i < many; i++) {
		assert_int_equal(eg_ctx_with_deadline(NULL, deadline + i, &contexts[i]), 0);
		assert_int_equal(eg_ctx_on_end(contexts[i], note_threads, &seen, &callbacks[i]), 0);
	}
	for (long i = 0; i < many; i++) {
		while (eg_ctx_err(contexts[i]) == 0)
			sched_yield();
		eg_ctx_off_end(&callbacks[i]);
		eg_ctx_unref(contexts[i]);
	}
	/* On a busy machine one that is kept from the CPU looks like one that waits. */
	assert_true(atomic_load(&seen.most) - before < many / 2 + CROWD);
	free(callbacks);
	free(contexts);
}

/*
 * Nothing is kept
 */

static char key;

static void set_true(void *arg)
{
	atomic_store((atomic_bool *)arg, true);
}

/* A context ends by its deadline while its last reference is given back: what it kept alive is gone when that returns. */
static void what_a_context_keeps_goes_with_its_last_reference(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 5000); i++) {
		atomic_bool released = false;
		eg_ctx *kept, *ctx, *below;

		assert_int_equal(eg_ctx_with_value(NULL, &key, &released, set_true, &kept), 0);
		ctx = timed(kept, MILLISECOND / 10);
		below = ctx_under(ctx);
		eg_ctx_unref(kept);
		eg_ctx_unref(ctx);
		assert_int_equal(eg_ctx_wait_until(below, EG_CTX_NO_DEADLINE), 0);
		eg_ctx_unref(below);
		assert_true(atomic_load(&released));
	}
}

/* The same, and a function is called that the deadline calls. */
static void what_a_context_keeps_goes_when_its_function_has_returned(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 2000); i++) {
		atomic_bool released = false, called = false;
		eg_ctx_callback callback;
		eg_ctx *kept, *ctx;
		int err;

		assert_int_equal(eg_ctx_with_value(NULL, &key, &released, set_true, &kept), 0);
		ctx = timed(kept, MILLISECOND / 10);
		eg_ctx_unref(kept);
		assert_int_equal(eg_ctx_on_end(ctx, set_true, &called, &callback), 0);
		if (i % 2)
			assert_int_equal(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE), 0);
		else
			while (!atomic_load(&called))
				sched_yield();
		err = eg_ctx_off_end(&callback);
		assert_int_equal(err, atomic_load(&called) ? -EALREADY : 0);
		eg_ctx_unref(ctx);
		assert_true(atomic_load(&released));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_function_may_wait_for_other_deadlines),
	    TEST(functions_of_many_deadlines_may_wait_for_each_other),
	    TEST(functions_of_one_deadline_may_wait_for_each_other),
	    TEST(many_functions_are_called_by_a_few_threads),
	    TEST(what_a_context_keeps_goes_with_its_last_reference),
	    TEST(what_a_context_keeps_goes_when_its_function_has_returned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
