/* SPDX-License-Identifier: MIT */
/*
 * The end of the process beside the threads of deadlines and of the functions that these call: it waits for none of them,
 * whose thread-specific values may have destructors that wait. No test here starts a thread in its own process, so that
 * leak checkers see the children whole.
 */

#include <signal.h>

#include "support.h"

#define MILLISECOND INT64_C(1000000)

enum { STATUS = 7 };

static pthread_key_t value_key;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static void destroy_value(void *value)
{
	(void)value;
	pthread_mutex_lock(&held);
	pthread_mutex_unlock(&held);
}

static void leave_value(void *arg)
{
	CHECK(pthread_setspecific(value_key, &held) == 0);
	tally_add(arg, 1);
}

static void exit_beside_idle_threads(void *arg)
{
	struct tally called = TALLY_INIT;
	eg_ctx_callback callback;
	eg_ctx *ctx;

	(void)arg;
	EXPECT(pthread_key_create(&value_key, destroy_value) == 0);
	EXPECT(eg_ctx_with_timeout(NULL, MILLISECOND, &ctx) == 0);
	EXPECT(eg_ctx_on_end(ctx, leave_value, &called, &callback) == 0);
	tally_await(&called, 1);
	EXPECT(eg_ctx_off_end(&callback) == -EALREADY);
	eg_ctx_unref(ctx);
	/* A little later they sleep. */
	EXPECT(eg_ctx_sleep_until(NULL, eg_clock_now_ns() + 5 * MILLISECOND) == 0);
	pthread_mutex_lock(&held);
	exit(STATUS);
}

static void meet(void *arg)
{
	tally_meet(arg, 3);
}

static void exit_beside_waiting_functions(void *arg)
{
	static const int signals[] = {SIGUSR1};
	struct tally arrived = TALLY_INIT;
	eg_ctx_callback callbacks[2];
	eg_ctx *ctx;

	(void)arg;
	/* Not by a deadline, which may pass before they are registered: they would be called here, and wait. */
	EXPECT(eg_ctx_with_signals(NULL, signals, 1, &ctx) == 0);
	for (int i = 0; i < 2; i++)
		EXPECT(eg_ctx_on_end(ctx, meet, &arrived, &callbacks[i]) == 0);
	EXPECT(raise(SIGUSR1) == 0);
	tally_await(&arrived, 2);
	exit(STATUS);
}

static void exit_waits_for_none_of_these_threads(void **state)
{
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		return;
	child_run(exit_beside_idle_threads, NULL, &child);
	assert_true(child_exited(&child, STATUS));
	child_run(exit_beside_waiting_functions, NULL, &child);
	assert_true(child_exited(&child, STATUS));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(exit_waits_for_none_of_these_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
