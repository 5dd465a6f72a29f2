/* SPDX-License-Identifier: MIT */
/*
 * Contexts in a forked child: copies, with descriptors and deadlines of their own, and nobody to wait for who is not
 * there.
 */

#include "support.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#define MILLISECOND INT64_C(1000000)

static bool is_readable(int fd)
{
	struct pollfd poll_fd = {fd, POLLIN, 0};

	return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLIN) != 0;
}

static void child_has_its_own_descriptor(void *arg)
{
	eg_ctx *ctx = arg;
	int fd = eg_ctx_fd(ctx);

	if (fd < 0 || is_readable(fd))
		_exit(1);
	eg_ctx_cancel(ctx, NULL);
	if (!is_readable(fd) || eg_ctx_fd(ctx) != fd)
		_exit(2);
	eg_ctx_unref(ctx);
}

static void child_cancels(void *arg)
{
	eg_ctx_cancel(arg, NULL);
	eg_ctx_unref(arg);
}

static void a_forked_child_and_its_parent_do_not_raise_each_others_descriptors(void **state)
{
	eg_ctx *ctx = ctx_under(NULL);
	int fd = eg_ctx_fd(ctx);
	struct child child;

	(void)state;
	child_run(child_cancels, ctx, &child);
	assert_true(child_exited(&child, 0));
	child_run(child_has_its_own_descriptor, ctx, &child);
	assert_true(child_exited(&child, 0));
	assert_false(is_readable(fd));
	assert_int_equal(eg_ctx_err(ctx), 0);
	eg_ctx_cancel(ctx, NULL);
	assert_true(is_readable(fd));
	eg_ctx_unref(ctx);
}

static void child_deadline(void *arg)
{
	eg_ctx *ctx = arg, *own;
	int64_t deadline = eg_ctx_deadline(ctx);

	/* The parent's thread is not here; the deadline is. */
	while (!eg_ctx_err(ctx))
		sched_yield();
	if (eg_clock_now_ns() < deadline || eg_ctx_err(ctx) != -ETIMEDOUT || !eg_ctx_cause(ctx))
		_exit(1);
	if (eg_ctx_cancel(ctx, NULL) != -EALREADY || eg_error_code(eg_ctx_cause(ctx)) != -ETIMEDOUT)
		_exit(2);
	if (!child_may_start_threads())
		return;
	if (eg_ctx_with_timeout(NULL, MILLISECOND, &own) || eg_ctx_wait_until(own, EG_CTX_NO_DEADLINE) ||
	    eg_ctx_err(own) != -ETIMEDOUT)
		_exit(3);
	eg_ctx_unref(own);
}

static void child_deadline_wait(void *arg)
{
	struct pollfd fd = {eg_ctx_fd(arg), POLLIN, 0};

	if (fd.fd < 0 || poll(&fd, 1, -1) != 1 || eg_ctx_err(arg) != -ETIMEDOUT)
		_exit(1);
	if (eg_ctx_wait_until(arg, EG_CTX_NO_DEADLINE) != 0)
		_exit(2);
}

static void deadlines_come_in_a_forked_child_too(void **state)
{
	struct child child;

	(void)state;
	for (int i = 0; i < 10; i++) {
		eg_ctx *ctx;

		assert_int_equal(eg_ctx_with_timeout(NULL, 20 * MILLISECOND, &ctx), 0);
		child_run(child_deadline, ctx, &child);
		assert_true(child_exited(&child, 0));
		eg_ctx_unref(ctx);
		if (!child_may_start_threads())
			continue;
		assert_int_equal(eg_ctx_with_timeout(NULL, 20 * MILLISECOND, &ctx), 0);
		child_run(child_deadline_wait, ctx, &child);
		assert_true(child_exited(&child, 0));
		eg_ctx_unref(ctx);
	}
}

struct slow {
	eg_ctx *ctx;
	eg_ctx_callback callback;
	struct hold hold;
};

static void slow_call(void *arg)
{
	struct slow *slow = arg;

	tally_add(&slow->hold.started, 1);
	tally_await(&slow->hold.release, 1);
}

static void *slow_cancel(void *arg)
{
	struct slow *slow = arg;

	eg_ctx_cancel(slow->ctx, NULL);
	return NULL;
}

static void child_unregisters(void *arg)
{
	struct slow *slow = arg;

	/* Another thread of the parent was calling it; here there is none to wait for. */
	if (eg_ctx_off_cancel(&slow->callback) != -EALREADY)
		_exit(1);
}

static void in_a_forked_child_nobody_waits_for_the_parents_calls(void **state)
{
	struct slow slow = {.ctx = ctx_under(NULL), .hold = HOLD_INIT};
	pthread_t canceller;
	struct child child;

	(void)state;
	assert_int_equal(eg_ctx_on_cancel(slow.ctx, slow_call, &slow, &slow.callback), 0);
	assert_int_equal(pthread_create(&canceller, NULL, slow_cancel, &slow), 0);
	tally_await(&slow.hold.started, 1);
	child_run(child_unregisters, &slow, &child);
	assert_true(child_exited(&child, 0));
	tally_add(&slow.hold.release, 1);
	pthread_join(canceller, NULL);
	eg_ctx_unref(slow.ctx);
}

/*
 * The function forks. The child unregisters it, puts something else in its room, and returns through the copy of the
 * cancellation, which must not touch that.
 */
struct forking {
	eg_ctx *ctx;
	eg_ctx_callback callback;
	pid_t child;
};

static void fork_in_call(void *arg)
{
	struct forking *forking = arg;

	forking->child = fork();
	if (forking->child)
		return;
	alarm(20);
	if (eg_ctx_off_cancel(&forking->callback) != -EALREADY || eg_ctx_err(forking->ctx) != -ECANCELED)
		_exit(1);
	memset(&forking->callback, 0xff, sizeof(forking->callback));
}

static void a_function_may_fork(void **state)
{
	struct forking forking = {.ctx = ctx_under(NULL)};
	int status = 0;

	(void)state;
	assert_int_equal(eg_ctx_on_cancel(forking.ctx, fork_in_call, &forking, &forking.callback), 0);
	assert_int_equal(eg_ctx_cancel(forking.ctx, NULL), 0);
	if (forking.child == 0) {
		eg_ctx_callback expected;

		memset(&expected, 0xff, sizeof(expected));
		eg_ctx_unref(forking.ctx);
		_exit(memcmp(&forking.callback, &expected, sizeof(expected)) ? 2 : 0);
	}
	assert_true(forking.child > 0);
	assert_int_equal(waitpid(forking.child, &status, 0), forking.child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(eg_ctx_off_cancel(&forking.callback), -EALREADY);
	eg_ctx_unref(forking.ctx);
}

/* At any moment: another thread has deadlines set and cancelled, and the keeper has them fire. */
static void *churn_main(void *arg)
{
	while (!atomic_load((atomic_bool *)arg)) {
		eg_ctx *ctx, *child;

		if (eg_ctx_with_timeout(NULL, MILLISECOND / 8, &ctx))
			break;
		child = ctx_under(ctx);
		if (eg_ctx_wait_until(child, eg_clock_now_ns() + MILLISECOND / 8))
			eg_ctx_cancel(ctx, NULL);
		eg_ctx_unref(ctx);
		eg_ctx_unref(child);
	}
	return NULL;
}

static void child_of_churn(void *arg)
{
	eg_ctx *ctx;

	(void)arg;
	if (!child_may_start_threads() || !child_of_busy_may_allocate())
		return;
	if (eg_ctx_with_timeout(NULL, MILLISECOND / 8, &ctx) || eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE))
		_exit(1);
	eg_ctx_unref(ctx);
}

static void a_fork_at_any_moment_leaves_no_lock_held(void **state)
{
	atomic_bool stop = false;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, churn_main, &stop), 0);
	for (long i = 0; i < scaled(300); i++) {
		struct child child;

		child_run(child_of_churn, NULL, &child);
		assert_true(child_exited(&child, 0));
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_forked_child_and_its_parent_do_not_raise_each_others_descriptors),
	    TEST(deadlines_come_in_a_forked_child_too),
	    TEST(in_a_forked_child_nobody_waits_for_the_parents_calls),
	    TEST(a_function_may_fork),
	    TEST(a_fork_at_any_moment_leaves_no_lock_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
