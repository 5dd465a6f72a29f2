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
	if (eg_ctx_off_end(&slow->callback) != -EALREADY)
		_exit(1);
}

static void in_a_forked_child_nobody_waits_for_the_parents_calls(void **state)
{
	struct slow slow = {.ctx = ctx_under(NULL), .hold = HOLD_INIT};
	pthread_t canceller;
	struct child child;

	(void)state;
	assert_int_equal(eg_ctx_on_end(slow.ctx, slow_call, &slow, &slow.callback), 0);
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
	alarm(60);
	if (eg_ctx_off_end(&forking->callback) != -EALREADY || eg_ctx_err(forking->ctx) != -ECANCELED)
		_exit(1);
	memset(&forking->callback, 0xff, sizeof(forking->callback));
}

static void a_function_may_fork(void **state)
{
	struct forking forking = {.ctx = ctx_under(NULL)};
	int status = 0;

	(void)state;
	assert_int_equal(eg_ctx_on_end(forking.ctx, fork_in_call, &forking, &forking.callback), 0);
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
	assert_int_equal(eg_ctx_off_end(&forking.callback), -EALREADY);
	eg_ctx_unref(forking.ctx);
}

/*
 * What was registered before a fork does nothing in the child: not the forking thread's, nor another's, not at a deadline
 * nor at a cancellation. What the child registers works, with contexts of before too.
 */

struct before {
	eg_ctx *above, *plain, *timed;
	eg_ctx_callback plain_callback, timed_callback;
	atomic_int calls;
	struct tally registered, go_on;
};

static void count_call(void *arg)
{
	atomic_fetch_add((atomic_int *)arg, 1);
}

static void register_both(struct before *before, eg_ctx_callback *plain, eg_ctx_callback *timed)
{
	CHECK(eg_ctx_on_end(before->plain, count_call, &before->calls, plain) == 0);
	CHECK(eg_ctx_on_end(before->timed, count_call, &before->calls, timed) == 0);
}

/* Another thread's callbacks lie on its stack, which the child is going to give to a thread of its own. */
static void *register_main(void *arg)
{
	struct before *before = arg;
	eg_ctx_callback plain, timed;

	register_both(before, &plain, &timed);
	tally_add(&before->registered, 1);
	tally_await(&before->go_on, 1);
	CHECK(eg_ctx_off_end(&plain) == -EALREADY);
	CHECK(eg_ctx_off_end(&timed) == -EALREADY);
	return NULL;
}

static void *write_on_stack(void *arg)
{
	volatile char bytes[65536];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)0xaa;
	return arg;
}

static int task_await_end(eg_ctx *ctx, void *arg)
{
	(void)arg;
	return eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE);
}

/* In a child: contexts, functions, deadlines and groups of its own, below a context of before or not. */
static void begin_anew(eg_ctx *above)
{
	eg_ctx_callback callback;
	atomic_int called = 0;
	pthread_t threads[3];
	eg_group group;
	eg_ctx *own;

	for (int i = 0; i < 3; i++)
		EXPECT(pthread_create(&threads[i], NULL, write_on_stack, NULL) == 0);
	for (int i = 0; i < 3; i++)
		EXPECT(pthread_join(threads[i], NULL) == 0);
	EXPECT(eg_ctx_with_timeout(above, MILLISECOND, &own) == 0);
	EXPECT(eg_ctx_on_end(own, count_call, &called, &callback) == 0);
	while (atomic_load(&called) == 0)
		sched_yield();
	EXPECT(eg_ctx_off_end(&callback) == -EALREADY);
	EXPECT(eg_ctx_err(own) == -ETIMEDOUT);
	eg_ctx_unref(own);
	EXPECT(eg_group_init(&group, above, NULL) == 0);
	for (int i = 0; i < 3; i++)
		EXPECT(eg_group_go(&group, task_await_end, NULL) == 0);
	EXPECT(eg_group_cancel(&group, NULL) == 0);
	EXPECT(eg_group_wait(&group) == 0);
	eg_group_destroy(&group);
}

static void child_of_registered(void *arg)
{
	eg_ctx_callback plain, timed;
	struct before *before = arg;
	/* On a busy machine the deadline may have come before the fork. */
	bool was_over = eg_ctx_err(before->timed) != 0;
	int calls = atomic_load(&before->calls);
	atomic_int own = 0;

	if (!child_may_start_threads())
		return;
	EXPECT(eg_ctx_on_end(before->plain, count_call, &own, &plain) == 0);
	EXPECT(eg_ctx_on_end(before->timed, count_call, &own, &timed) == 0);
	begin_anew(before->above);
	begin_anew(NULL);
	EXPECT(eg_ctx_cancel(before->plain, NULL) == 0 || eg_ctx_err(before->plain) != 0);
	EXPECT(eg_ctx_wait_until(before->timed, EG_CTX_NO_DEADLINE) == 0);
	while (atomic_load(&own) < 2)
		sched_yield();
	EXPECT(eg_ctx_off_end(&plain) == -EALREADY && eg_ctx_off_end(&timed) == -EALREADY);
	/* It was not called, nor is it going to be. */
	EXPECT(eg_ctx_off_end(&before->plain_callback) == 0);
	EXPECT(eg_ctx_off_end(&before->timed_callback) == 0 || was_over);
	eg_ctx_cancel(before->above, NULL);
	eg_ctx_unref(before->plain);
	eg_ctx_unref(before->timed);
	eg_ctx_unref(before->above);
	EXPECT(atomic_load(&before->calls) == calls);
}

static void nothing_that_was_registered_before_a_fork_acts_in_the_child(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 20); i++) {
		struct before before = {.registered = TALLY_INIT, .go_on = TALLY_INIT};
		struct child child;
		pthread_t other;

		before.above = ctx_under(NULL);
		before.plain = ctx_under(before.above);
		assert_int_equal(eg_ctx_with_timeout(before.above, 10 * MILLISECOND, &before.timed), 0);
		assert_false(is_readable(eg_ctx_fd(before.plain)));
		assert_true(eg_ctx_fd(before.timed) >= 0);
		register_both(&before, &before.plain_callback, &before.timed_callback);
		assert_int_equal(pthread_create(&other, NULL, register_main, &before), 0);
		tally_await(&before.registered, 1);
		child_run(child_of_registered, &before, &child);
		assert_string_equal(child.text, "");
		assert_true(child_exited(&child, 0));

		/* The child's end of its copies is none of this process's. */
		assert_int_equal(eg_ctx_err(before.plain), 0);
		assert_false(is_readable(eg_ctx_fd(before.plain)));
		eg_ctx_cancel(before.plain, NULL);
		assert_int_equal(eg_ctx_wait_until(before.timed, EG_CTX_NO_DEADLINE), 0);
		assert_true(is_readable(eg_ctx_fd(before.plain)));
		while (atomic_load(&before.calls) < 4)
			sched_yield();
		tally_add(&before.go_on, 1);
		pthread_join(other, NULL);
		assert_int_equal(eg_ctx_off_end(&before.plain_callback), -EALREADY);
		assert_int_equal(eg_ctx_off_end(&before.timed_callback), -EALREADY);
		eg_ctx_unref(before.plain);
		eg_ctx_unref(before.timed);
		eg_ctx_unref(before.above);
	}
}

/*
 * A function forks, at a deadline or a cancellation, and others of the same context are still to be called: by the parent.
 */
#define BEHIND 3

struct forking_among {
	eg_ctx *ctx;
	eg_ctx_callback callback, others[2 * BEHIND];
	pid_t parent;
	bool at_deadline;
	_Atomic pid_t child;
	atomic_int others_called;
};

static void call_in_parent(void *arg)
{
	struct forking_among *forking = arg;

	if (getpid() != forking->parent)
		_exit(9);
	atomic_fetch_add(&forking->others_called, 1);
}

/* Without the handlers of the process: leak checkers do not know that the other threads' stacks are gone. */
static void leave(void)
{
	_exit(0);
}

static void fork_among(void *arg)
{
	struct forking_among *forking = arg;
	bool by_deadline = thread_id() != forking->parent;
	pid_t child = fork();

	if (child != 0) {
		atomic_store(&forking->child, child);
		return;
	}
	if (forking->at_deadline && !by_deadline)
		_exit(0);
	alarm(20);
	EXPECT(atexit(leave) == 0);
	EXPECT(eg_ctx_off_end(&forking->callback) == -EALREADY);
	for (int i = 0; i < 2 * BEHIND; i++) {
		int err = eg_ctx_off_end(&forking->others[i]);

		EXPECT(err == 0 || err == -EALREADY);
	}
}

/* False if the deadline came before all were registered, from when on they are called by who registers them. */
static bool check_fork_among(int64_t timeout_ns)
{
	bool at_deadline = timeout_ns != EG_CTX_NO_DEADLINE, in_time;
	struct forking_among forking = {.parent = getpid(), .at_deadline = at_deadline};
	int status = 0;

	assert_int_equal(eg_ctx_with_timeout(NULL, timeout_ns, &forking.ctx), 0);
	for (int i = 0; i < 2 * BEHIND; i++) {
		if (i == BEHIND)
			assert_int_equal(eg_ctx_on_end(forking.ctx, fork_among, &forking, &forking.callback),
					 0);
		assert_int_equal(eg_ctx_on_end(forking.ctx, call_in_parent, &forking, &forking.others[i]), 0);
	}
	in_time = eg_ctx_err(forking.ctx) == 0;
	if (!at_deadline) {
		eg_ctx_cancel(forking.ctx, NULL);
		/* The child comes back through the copy of the cancellation. */
		if (getpid() != forking.parent) {
			if (child_may_start_threads())
				begin_anew(NULL);
			_exit(0);
		}
	}
	while (atomic_load(&forking.others_called) < 2 * BEHIND || atomic_load(&forking.child) == 0)
		sched_yield();
	/* At a deadline, the child's only thread is a copy of the library's, which ends: and the child with it. */
	assert_int_equal(waitpid(atomic_load(&forking.child), &status, 0), atomic_load(&forking.child));
	assert_true(!in_time || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
	assert_int_equal(eg_ctx_off_end(&forking.callback), -EALREADY);
	for (int i = 0; i < 2 * BEHIND; i++)
		assert_int_equal(eg_ctx_off_end(&forking.others[i]), -EALREADY);
	eg_ctx_unref(forking.ctx);
	return in_time;
}

static void a_child_that_a_function_forks_calls_no_other(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 20); i++) {
		int64_t timeout_ns = MILLISECOND;

		check_fork_among(EG_CTX_NO_DEADLINE);
		while (!check_fork_among(timeout_ns))
			timeout_ns *= 2;
	}
}

/* A task forks, under a context whose end the parent sees to. */
static int task_fork(eg_ctx *ctx, void *arg)
{
	struct child *child = arg;

	child_run(child_cancels, eg_ctx_ref(ctx), child);
	CHECK(eg_ctx_err(ctx) == 0);
	eg_ctx_unref(ctx);
	return 0;
}

static void a_task_may_fork_a_child_that_cancels(void **state)
{
	struct before before = {.above = ctx_under(NULL)};
	struct child child;
	eg_group group;

	(void)state;
	assert_int_equal(eg_group_init(&group, before.above, NULL), 0);
	assert_int_equal(
	    eg_ctx_on_end(eg_group_ctx(&group), count_call, &before.calls, &before.plain_callback), 0);
	eg_group_go(&group, task_fork, &child);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_true(child_exited(&child, 0));
	assert_int_equal(atomic_load(&before.calls), 1);
	assert_int_equal(eg_ctx_off_end(&before.plain_callback), -EALREADY);
	eg_group_destroy(&group);
	eg_ctx_unref(before.above);
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
	for (long i = 0; goes_on(i, 300); i++) {
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
	    TEST(nothing_that_was_registered_before_a_fork_acts_in_the_child),
	    TEST(a_child_that_a_function_forks_calls_no_other),
	    TEST(a_task_may_fork_a_child_that_cancels),
	    TEST(a_fork_at_any_moment_leaves_no_lock_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
