/* SPDX-License-Identifier: MIT */
/*
 * Contexts on a system that is not as usual: no eventfd(2), no threads, and a wall clock that jumps. The linker's --wrap
 * sends the library's calls here; names with two underscores are the linker's.
 */

#include "support.h"

#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND INT64_C(1000000)
#define HOUR (INT64_C(3600000) * MILLISECOND)

static atomic_int eventfd_error, threads_refused;
static _Atomic int64_t stopped_ns; /* where the monotonic clock stands still, or 0 */
static atomic_long wall_clock_reads, eventfd_calls;

int __real_eventfd(unsigned start, int flags);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*entry)(void *),
			  void *arg);
int __real_clock_gettime(clockid_t clock, struct timespec *ret_time);

int __wrap_eventfd(unsigned start, int flags);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*entry)(void *),
			  void *arg);
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time);
int __wrap_gettimeofday(struct timeval *ret_time, void *zone);
time_t __wrap_time(time_t *ret_time);

int __wrap_eventfd(unsigned start, int flags)
{
	int error = atomic_load(&eventfd_error);

	atomic_fetch_add(&eventfd_calls, 1);
	if (!error)
		return __real_eventfd(start, flags);
	errno = error;
	return -1;
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*entry)(void *),
			  void *arg)
{
	return atomic_load(&threads_refused) ? EAGAIN : __real_pthread_create(thread, attributes, entry, arg);
}

/* Every look at the wall clock gives another year. The other stands still on demand. */
int __wrap_clock_gettime(clockid_t clock, struct timespec *ret_time)
{
	int result = __real_clock_gettime(clock, ret_time);
	int64_t stopped = atomic_load(&stopped_ns);

	if (clock == CLOCK_MONOTONIC && stopped) {
		ret_time->tv_sec = (time_t)(stopped / (1000 * MILLISECOND));
		ret_time->tv_nsec = (long)(stopped % (1000 * MILLISECOND));
	}
	if (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)
		ret_time->tv_sec += (atomic_fetch_add(&wall_clock_reads, 1) % 3 - 1) * 31536000;
	return result;
}

int __wrap_gettimeofday(struct timeval *ret_time, void *zone)
{
	(void)zone;
	atomic_fetch_add(&wall_clock_reads, 1);
	memset(ret_time, 0, sizeof(*ret_time));
	return 0;
}

time_t __wrap_time(time_t *ret_time)
{
	atomic_fetch_add(&wall_clock_reads, 1);
	if (ret_time)
		*ret_time = 0;
	return 0;
}

static bool is_readable(int fd)
{
	struct pollfd poll_fd = {fd, POLLIN, 0};

	return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLIN) != 0;
}

static void where_there_is_no_eventfd_it_is_a_pipe(void **state)
{
	static const int errors[] = {ENOSYS, EPERM, EINVAL};

	(void)state;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		eg_ctx *root, *child, *late;
		int fd;

		atomic_store(&eventfd_error, errors[i]);
		assert_int_equal(eg_ctx_with_cancel(NULL, &root), 0);
		assert_int_equal(eg_ctx_with_cancel(root, &child), 0);
		fd = eg_ctx_fd(child);
		assert_true(fd >= 0);
		assert_false(is_readable(fd));
		assert_int_equal(eg_ctx_cancel(root, NULL), 0);
		assert_true(is_readable(fd));
		assert_int_equal(eg_ctx_fd(child), fd);
		assert_int_equal(eg_ctx_with_cancel(child, &late), 0);
		assert_true(is_readable(eg_ctx_fd(late)));
		eg_ctx_unref(late);
		eg_ctx_unref(child);
		eg_ctx_unref(root);
		assert_int_equal(write(fd, "", 1), -1);
		atomic_store(&eventfd_error, 0);
	}
	assert_true(atomic_load(&eventfd_calls) > 0);
}

static void no_more_descriptors_is_what_the_caller_is_told(void **state)
{
	static const int errors[] = {EMFILE, ENFILE, ENOMEM};
	eg_ctx *ctx;

	(void)state;
	assert_int_equal(eg_ctx_with_cancel(NULL, &ctx), 0);
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		atomic_store(&eventfd_error, errors[i]);
		assert_int_equal(eg_ctx_fd(ctx), -errors[i]);
	}
	atomic_store(&eventfd_error, 0);
	eg_ctx_unref(ctx);
}

/*
 * Without a thread, deadlines come by the clock for whoever asks or sleeps, and the rest says that it cannot. In a child
 * of its own: a process that was once without a thread looks at the clock ever after.
 */

static void count(void *arg)
{
	atomic_fetch_add((atomic_int *)arg, 1);
}

static void expect_over(eg_ctx *ctx, int64_t deadline)
{
	EXPECT(eg_clock_now_ns() >= deadline);
	EXPECT(eg_ctx_err(ctx) == -ETIMEDOUT);
	EXPECT(eg_error_code(eg_ctx_cause(ctx)) == -ETIMEDOUT);
	EXPECT(!strcmp(eg_error_message(eg_ctx_cause(ctx)), "deadline exceeded"));
}

static void in_child_without_threads(void *arg)
{
	int64_t now = eg_clock_now_ns(), deadline = now + 20 * MILLISECOND;
	eg_ctx_callback callback = EG_CTX_CALLBACK_INIT;
	atomic_int calls = 0;
	atomic_long ran = 0;
	eg_ctx *ctx, *child, *other, *far;
	static const int signals[] = {SIGTERM};
	eg_group group;

	(void)arg;
	atomic_store(&threads_refused, 1);
	/* Before the deadline, however long the process is kept from running. */
	atomic_store(&stopped_ns, now);
	EXPECT(eg_ctx_with_deadline(NULL, deadline, &ctx) == 0);
	EXPECT(eg_ctx_with_cancel(ctx, &child) == 0);
	EXPECT(eg_ctx_with_timeout(NULL, HOUR, &far) == 0);
	EXPECT(eg_ctx_err(child) == 0 && !eg_ctx_cause(child));
	EXPECT(eg_ctx_fd(child) == -EAGAIN);
	EXPECT(eg_ctx_on_cancel(child, count, &calls, &callback) == -EAGAIN);
	EXPECT(eg_ctx_off_cancel(&callback) == 0);
	EXPECT(eg_ctx_with_signals(NULL, signals, 1, &other) == -EAGAIN);
	atomic_store(&stopped_ns, 0);

	/* Asked, waited for, slept through, and inherited. */
	EXPECT(eg_ctx_sleep_until(child, eg_clock_now_ns() + HOUR) == -ETIMEDOUT);
	expect_over(child, deadline);
	EXPECT(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) == 0);
	expect_over(ctx, deadline);
	EXPECT(eg_ctx_with_cancel(child, &other) == 0);
	expect_over(other, deadline);
	EXPECT(eg_ctx_on_cancel(other, count, &calls, &callback) == 0);
	EXPECT(atomic_exchange(&calls, 0) == 1);
	expect_over(other, deadline);
	eg_ctx_unref(other);
	EXPECT(is_readable(eg_ctx_fd(child)));

	/* What has been seen to be over cannot be cancelled with another cause. */
	EXPECT(eg_ctx_cancel(child, NULL) == -EALREADY);
	expect_over(child, deadline);
	EXPECT(eg_ctx_on_cancel(child, count, &calls, &callback) == 0);
	EXPECT(atomic_load(&calls) == 1);
	EXPECT(eg_ctx_cancel(far, NULL) == 0);
	EXPECT(eg_ctx_err(far) == -ECANCELED);
	eg_ctx_unref(far);

	/* A group's tasks see it too; the waiting thread runs them. */
	EXPECT(eg_ctx_with_timeout(NULL, 5 * MILLISECOND, &other) == 0);
	EXPECT(eg_group_init(&group, other, NULL) == 0);
	for (int i = 0; i < 3; i++)
		EXPECT(eg_group_go(&group, task_count, &ran) == 0);
	EXPECT(eg_group_wait(&group) == 0);
	EXPECT(eg_ctx_wait_until(other, EG_CTX_NO_DEADLINE) == 0);
	eg_group_destroy(&group);
	eg_ctx_unref(other);

	/* With threads again, what was armed meanwhile is served. */
	EXPECT(eg_ctx_with_timeout(NULL, 20 * MILLISECOND, &other) == 0);
	atomic_store(&threads_refused, 0);
	if (child_may_start_threads()) {
		struct pollfd fd = {eg_ctx_fd(other), POLLIN, 0};

		EXPECT(fd.fd >= 0);
		EXPECT(eg_ctx_on_cancel(other, count, &calls, &callback) == 0);
		EXPECT(poll(&fd, 1, -1) == 1);
		EXPECT(eg_ctx_err(other) == -ETIMEDOUT);
		while (atomic_load(&calls) < 2)
			sched_yield();
		EXPECT(eg_ctx_off_cancel(&callback) == -EALREADY);
	}
	eg_ctx_unref(other);
	eg_ctx_unref(child);
	eg_ctx_unref(ctx);
}

static void without_a_thread_deadlines_come_by_the_clock(void **state)
{
	struct child child;

	(void)state;
	child_run(in_child_without_threads, NULL, &child);
	assert_true(child_exited(&child, 0));
}

/*
 * A submission that the backlog blocks, in a group whose only task runs on a thread that there was before: it gives up at
 * the deadline, of which nobody tells it.
 */
static void in_child_blocked(void *arg)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	struct hold hold = HOLD_INIT;
	int64_t deadline;
	eg_group group;
	eg_ctx *ctx;

	(void)arg;
	EXPECT(eg_group_init(&group, NULL, NULL) == 0);
	EXPECT(eg_group_go(&group, task_hold, &hold) == 0);
	tally_await(&hold.started, 1);
	tally_add(&hold.release, 1);
	EXPECT(eg_group_wait(&group) == 0);
	eg_group_destroy(&group);

	/* A thread of the crew is idle now; there is none for deadlines. */
	hold = (struct hold)HOLD_INIT;
	atomic_store(&threads_refused, 1);
	EXPECT(eg_ctx_with_timeout(NULL, 20 * MILLISECOND, &ctx) == 0);
	deadline = eg_ctx_deadline(ctx);
	options.limit = 1;
	options.backlog = EG_BACKLOG_NONE;
	EXPECT(eg_group_init(&group, ctx, &options) == 0);
	EXPECT(eg_group_go(&group, task_hold, &hold) == 0);
	tally_await(&hold.started, 1);
	EXPECT(eg_group_go(&group, task_nothing, NULL) == -ECANCELED);
	EXPECT(eg_clock_now_ns() >= deadline);
	tally_add(&hold.release, 1);
	EXPECT(eg_group_wait(&group) == 0);
	eg_group_destroy(&group);
	eg_ctx_unref(ctx);
}

static void without_a_thread_a_blocked_submission_gives_up_at_the_deadline(void **state)
{
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		return;
	child_run(in_child_blocked, NULL, &child);
	assert_true(child_exited(&child, 0));
}

/* The clock of the whole library: nothing that it does looks at the wall clock. */
static void jumps_of_the_wall_clock_change_nothing(void **state)
{
	(void)state;
	for (int i = 0; i < 20; i++) {
		int64_t deadline = eg_clock_now_ns() + MILLISECOND, sleep;
		eg_ctx *ctx;

		assert_int_equal(eg_ctx_with_deadline(NULL, deadline, &ctx), 0);
		assert_int_equal(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE), 0);
		assert_true(eg_clock_now_ns() >= deadline);
		sleep = eg_clock_now_ns() + MILLISECOND;
		assert_int_equal(eg_ctx_sleep_until(NULL, sleep), 0);
		assert_true(eg_clock_now_ns() >= sleep);
		eg_ctx_unref(ctx);
	}
	assert_int_equal(atomic_load(&wall_clock_reads), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(without_a_thread_deadlines_come_by_the_clock),
	    TEST(without_a_thread_a_blocked_submission_gives_up_at_the_deadline),
	    TEST(where_there_is_no_eventfd_it_is_a_pipe),
	    TEST(no_more_descriptors_is_what_the_caller_is_told),
	    TEST(jumps_of_the_wall_clock_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
