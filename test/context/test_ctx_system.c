/* SPDX-License-Identifier: MIT */
/*
 * Contexts on a system that is not as usual: no eventfd(2), no threads, and a wall clock that jumps. The linker's --wrap
 * sends the library's calls here; names with two underscores are the linker's.
 */

#include "support.h"

#include <poll.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND INT64_C(1000000)
#define SECOND (1000 * MILLISECOND)
#define HOUR (INT64_C(3600000) * MILLISECOND)

static atomic_int eventfd_error, threads_refused;

/* What is added to the monotonic clock, and how much faster it runs; and where it stands still, or 0. */
static _Atomic int64_t clock_offset, clock_speed = 1, clock_start, stopped_ns;
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
	int64_t now = ret_time->tv_sec * SECOND + ret_time->tv_nsec, start = atomic_load(&clock_start);
	int64_t stopped = atomic_load(&stopped_ns);

	if (clock == CLOCK_MONOTONIC) {
		now = start + (now - start) * atomic_load(&clock_speed) + atomic_load(&clock_offset);
		if (stopped)
			now = stopped;
		/* As the kernel has it: nanoseconds are never negative. */
		ret_time->tv_sec = now / SECOND - (now % SECOND < 0);
		ret_time->tv_nsec = (now % SECOND + SECOND) % SECOND;
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

static void child_with_pipes_for_standard_ones(void *arg)
{
	eg_ctx *ctx = ctx_under(NULL);
	int fd;

	(void)arg;
	close(STDIN_FILENO);
	close(STDERR_FILENO);
	atomic_store(&eventfd_error, ENOSYS);
	fd = eg_ctx_fd(ctx);
	if (fd <= STDERR_FILENO)
		_exit(2);
	(void)!write(STDERR_FILENO, "started\n", 8);
	if (is_readable(fd))
		_exit(3);
	eg_ctx_cancel(ctx, NULL);
	_exit(is_readable(fd) ? 0 : 4);
}

static void neither_end_of_a_pipe_is_a_standard_descriptor(void **state)
{
	struct child child;

	(void)state;
	child_run(child_with_pipes_for_standard_ones, NULL, &child);
	assert_true(child_exited(&child, 0));
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
	EXPECT(eg_ctx_err(far) == 0 && !eg_ctx_cause(far));
	EXPECT(eg_ctx_fd(far) == -EAGAIN);
	EXPECT(eg_ctx_on_end(far, count, &calls, &callback) == -EAGAIN);
	EXPECT(eg_ctx_off_end(&callback) == 0);
	EXPECT(eg_ctx_with_signals(NULL, signals, 1, &other) == -EAGAIN);
	EXPECT(eg_ctx_poll(far, NULL, 0, now) == 0);
	atomic_store(&stopped_ns, 0);

	/* Asked, waited for, slept through, and inherited. */
	EXPECT(eg_ctx_sleep_until(child, eg_clock_now_ns() + HOUR) == -ETIMEDOUT);
	expect_over(child, deadline);
	EXPECT(eg_ctx_poll(far, NULL, 0, eg_clock_after_ns(MILLISECOND)) == 0);
	EXPECT(eg_ctx_with_timeout(NULL, 2 * MILLISECOND, &other) == 0);
	EXPECT(eg_ctx_poll(other, NULL, 0, eg_clock_after_ns(HOUR)) == -ETIMEDOUT);
	expect_over(other, eg_ctx_deadline(other));
	eg_ctx_unref(other);
	EXPECT(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) == 0);
	expect_over(ctx, deadline);
	EXPECT(eg_ctx_with_cancel(child, &other) == 0);
	expect_over(other, deadline);
	EXPECT(eg_ctx_on_end(other, count, &calls, &callback) == 0);
	EXPECT(atomic_exchange(&calls, 0) == 1);
	expect_over(other, deadline);
	eg_ctx_unref(other);
	EXPECT(is_readable(eg_ctx_fd(child)));

	/* What has been seen to be over cannot be cancelled with another cause. */
	EXPECT(eg_ctx_cancel(child, NULL) == -EALREADY);
	expect_over(child, deadline);
	EXPECT(eg_ctx_on_end(child, count, &calls, &callback) == 0);
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
		EXPECT(eg_ctx_on_end(other, count, &calls, &callback) == 0);
		EXPECT(poll(&fd, 1, -1) == 1);
		EXPECT(eg_ctx_err(other) == -ETIMEDOUT);
		while (atomic_load(&calls) < 2)
			sched_yield();
		EXPECT(eg_ctx_off_end(&callback) == -EALREADY);
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
 * The library's thread for deadlines is there, and no other can be had: it calls the functions, and one that waits for
 * other deadlines is not stuck, nor is a group that it waits for.
 */
static int task_await_own(eg_ctx *ctx, void *arg)
{
	eg_ctx *own;

	(void)arg;
	CHECK(eg_ctx_with_timeout(ctx, MILLISECOND, &own) == 0);
	CHECK(eg_ctx_wait_until(own, EG_CTX_NO_DEADLINE) == 0);
	CHECK(eg_ctx_err(own) == -ETIMEDOUT);
	eg_ctx_unref(own);
	return 0;
}

static void wait_in_call(void *arg)
{
	eg_group group = EG_GROUP_INIT;

	EXPECT(task_await_own(NULL, NULL) == 0);
	EXPECT(eg_group_go(&group, task_await_own, NULL) == 0);
	EXPECT(eg_group_wait(&group) == 0);
	eg_group_destroy(&group);
	atomic_fetch_add((atomic_int *)arg, 1);
}

static void in_child_with_one_thread(void *arg)
{
	eg_ctx_callback callbacks[2];
	eg_ctx *contexts[2];
	atomic_int calls = 0;

	(void)arg;
	for (int i = 0; i < 2; i++) {
		EXPECT(eg_ctx_with_timeout(NULL, 2 * MILLISECOND, &contexts[i]) == 0);
		/* The thread has been started by then. */
		atomic_store(&threads_refused, 1);
		EXPECT(eg_ctx_on_end(contexts[i], wait_in_call, &calls, &callbacks[i]) == 0);
	}
	while (atomic_load(&calls) < 2)
		sched_yield();
	for (int i = 0; i < 2; i++) {
		EXPECT(eg_ctx_off_end(&callbacks[i]) == -EALREADY);
		EXPECT(eg_ctx_err(contexts[i]) == -ETIMEDOUT);
		eg_ctx_unref(contexts[i]);
	}

	/* With threads again, they are called by others. */
	atomic_store(&threads_refused, 0);
	EXPECT(eg_ctx_with_timeout(NULL, MILLISECOND, &contexts[0]) == 0);
	EXPECT(eg_ctx_on_end(contexts[0], wait_in_call, &calls, &callbacks[0]) == 0);
	while (atomic_load(&calls) < 3)
		sched_yield();
	EXPECT(eg_ctx_off_end(&callbacks[0]) == -EALREADY);
	eg_ctx_unref(contexts[0]);
}

static void without_another_thread_a_function_may_wait_for_deadlines_too(void **state)
{
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		return;
	child_run(in_child_with_one_thread, NULL, &child);
	assert_string_equal(child.text, "");
	assert_true(child_exited(&child, 0));
}

/*
 * The same, and the function waits for a thread that was asleep on another context before there was nobody to end it: in a
 * wait, and in a submission for which there is no room.
 */
struct sleeper {
	atomic_int is_up;
	eg_ctx *ctx;
	eg_group *group;
	bool submits;
};

static void *sleep_on_context(void *arg)
{
	struct sleeper *sleeper = arg;

	if (sleeper->submits)
		EXPECT(eg_group_go(sleeper->group, task_nothing, NULL) == -ECANCELED);
	else
		EXPECT(eg_ctx_wait_until(sleeper->ctx, EG_CTX_NO_DEADLINE) == 0);
	EXPECT(eg_ctx_err(sleeper->ctx) == -ETIMEDOUT);
	atomic_store(&sleeper->is_up, 1);
	return NULL;
}

static void wait_for_sleeper(void *arg)
{
	struct sleeper *sleeper = arg;

	while (!atomic_load(&sleeper->is_up))
		sched_yield();
}

/* Return: whether the function was called before the sleeper was up; if not, it fell asleep too late. */
static bool is_called_while_asleep(bool submits, int64_t interval)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	struct sleeper sleeper = {.submits = submits};
	struct hold hold = HOLD_INIT;
	eg_ctx_callback callback;
	pthread_t thread;
	eg_group group;
	eg_ctx *sooner;
	int called;

	options.limit = 1;
	options.backlog = EG_BACKLOG_NONE;
	EXPECT(eg_ctx_with_timeout(NULL, 2 * interval, &sleeper.ctx) == 0);
	EXPECT(eg_ctx_with_timeout(NULL, interval, &sooner) == 0);
	EXPECT(eg_ctx_on_end(sooner, wait_for_sleeper, &sleeper, &callback) == 0);
	EXPECT(eg_group_init(&group, sleeper.ctx, &options) == 0);
	EXPECT(eg_group_go(&group, task_hold, &hold) == 0);
	tally_await(&hold.started, 1);
	sleeper.group = &group;
	EXPECT(pthread_create(&thread, NULL, sleep_on_context, &sleeper) == 0);
	atomic_store(&threads_refused, 1);
	pthread_join(thread, NULL);
	called = eg_ctx_off_end(&callback);
	tally_add(&hold.release, 1);
	EXPECT(eg_group_wait(&group) == 0);
	eg_group_destroy(&group);
	eg_ctx_unref(sooner);
	eg_ctx_unref(sleeper.ctx);
	atomic_store(&threads_refused, 0);
	return called == -EALREADY;
}

/* Again with more time where there was too little. */
static void in_child_with_sleeper(void *arg)
{
	int64_t interval = 30 * MILLISECOND;

	while (!is_called_while_asleep(*(bool *)arg, interval) && interval < 8000 * MILLISECOND)
		interval *= 4;
	EXPECT(interval < 8000 * MILLISECOND);
}

static void without_another_thread_a_function_may_wait_for_who_sleeps(void **state)
{
	static bool submits[] = {false, true};
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		return;
	for (int i = 0; i < 2; i++) {
		child_run(in_child_with_sleeper, &submits[i], &child);
		assert_string_equal(child.text, "");
		assert_true(child_exited(&child, 0));
	}
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

/*
 * A clock that somebody has put in place of the C library's, as libfaketime does: the kernel, which ends sleeps, has
 * another. In a child, since the library looks now and then which it is.
 */
struct fake {
	int64_t offset, speed;
};

static void expect_deadlines(void)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_ctx_callback callback;
	atomic_int calls = 0;
	int64_t begin = eg_clock_now_ns(), deadline = begin + 20 * MILLISECOND;
	struct hold hold = HOLD_INIT;
	struct pollfd fd;
	eg_group group;
	eg_ctx *ctx;

	EXPECT(eg_ctx_with_deadline(NULL, deadline, &ctx) == 0);
	EXPECT(eg_ctx_on_end(ctx, count, &calls, &callback) == 0);
	fd = (struct pollfd){eg_ctx_fd(ctx), POLLIN, 0};
	EXPECT(eg_ctx_wait_until(ctx, begin + MILLISECOND) == -ETIMEDOUT || eg_clock_now_ns() >= deadline);
	EXPECT(poll(&fd, 1, -1) == 1);
	EXPECT(eg_ctx_err(ctx) == -ETIMEDOUT && eg_clock_now_ns() >= deadline);
	while (atomic_load(&calls) == 0)
		sched_yield();
	EXPECT(eg_ctx_off_end(&callback) == -EALREADY);
	eg_ctx_unref(ctx);
	EXPECT(eg_ctx_with_timeout(NULL, INT64_MAX, &ctx) == 0);
	EXPECT(eg_ctx_sleep_until(ctx, eg_clock_now_ns() + 20 * MILLISECOND) == 0);
	eg_ctx_unref(ctx);
	EXPECT(eg_ctx_with_timeout(NULL, 20 * MILLISECOND, &ctx) == 0);
	deadline = eg_ctx_deadline(ctx);
	EXPECT(eg_ctx_poll(ctx, NULL, 0, deadline - 10 * MILLISECOND) == 0 || eg_ctx_err(ctx) == -ETIMEDOUT);
	EXPECT(eg_ctx_poll(ctx, NULL, 0, EG_CTX_NO_DEADLINE) == -ETIMEDOUT);
	EXPECT(eg_clock_now_ns() >= deadline);
	eg_ctx_unref(ctx);
	EXPECT(eg_clock_now_ns() >= begin + 60 * MILLISECOND);

	/* A wait for a group ends at its time, and one without ends. */
	options.limit = 1;
	options.flags = EG_GROUP_NO_HELP;
	EXPECT(eg_group_init(&group, NULL, &options) == 0);
	EXPECT(eg_group_go(&group, task_hold, &hold) == 0);
	deadline = eg_clock_now_ns() + 20 * MILLISECOND;
	EXPECT(eg_group_wait_until(&group, deadline) == EG_EUNFINISHED);
	EXPECT(eg_clock_now_ns() >= deadline);
	tally_add(&hold.release, 1);
	EXPECT(eg_group_wait(&group) == 0);
	eg_group_destroy(&group);
}

static void in_child_with_clock(void *arg)
{
	const struct fake *fake = arg;

	atomic_store(&clock_start, eg_clock_now_ns());
	atomic_store(&clock_speed, fake->speed);
	atomic_store(&clock_offset, fake->offset);
	expect_deadlines();
}

static void deadlines_come_by_whatever_clock_there_is(void **state)
{
	static const struct fake fakes[] = {
	    {HOUR, 1}, {-HOUR, 1}, {1000 * 24 * HOUR, 1}, {-1000 * 24 * HOUR, 1}, {0, 10}, {-HOUR, 3}};

	(void)state;
	if (!child_may_start_threads())
		return;
	for (size_t i = 0; i < sizeof(fakes) / sizeof(fakes[0]); i++) {
		struct fake fake = fakes[i];
		struct child child;

		child_run(in_child_with_clock, &fake, &child);
		assert_string_equal(child.text, "");
		assert_true(child_exited(&child, 0));
	}
}

/*
 * A signal that comes to a child as it begins, before the library's own fork handler has put the former action back: by a
 * fork handler that is older.
 */
static bool signals_child;

static void child_begins(void)
{
	if (signals_child)
		raise(SIGUSR1);
}

static void __attribute__((constructor(101))) registers_first(void)
{
	pthread_atfork(NULL, NULL, child_begins);
}

static void in_child_that_forks(void *arg)
{
	static const int signals[] = {SIGUSR1};
	int status = 0;
	eg_ctx *ctx;
	pid_t child;

	(void)arg;
	EXPECT(eg_ctx_with_signals(NULL, signals, 1, &ctx) == 0);
	signals_child = true;
	child = fork();
	if (child == 0)
		_exit(0);
	signals_child = false;
	EXPECT(waitpid(child, &status, 0) == child);
	EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);

	/* In the parent it is listened to as before, and in no thread blocked. */
	EXPECT(eg_ctx_err(ctx) == 0);
	raise(SIGUSR1);
	EXPECT(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) == 0);
	eg_ctx_unref(ctx);
}

static void a_signal_that_comes_to_a_child_early_takes_the_former_action(void **state)
{
	struct child child;

	(void)state;
	child_run(in_child_that_forks, NULL, &child);
	assert_string_equal(child.text, "");
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

enum { STATUS = 7 };

/* The keeper, and one that makes calls. */
enum { LATE_THREADS = 2 };

static bool is_used_late;
static eg_ctx *late;

static void note_call(void *arg)
{
	tally_add(arg, 1);
}

/* The library is in the program, and has come to its end when this is called, which is the last thing of all. */
static void __attribute__((destructor(101))) use_after_the_end(void)
{
	eg_ctx_callback callback;
	eg_ctx *ctx;

	if (!is_used_late)
		return;
	if (eg_ctx_with_timeout(NULL, MILLISECOND, &ctx) != 0 ||
	    eg_ctx_on_end(late, note_call, NULL, &callback) != -EAGAIN ||
	    eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) != 0 || eg_ctx_err(ctx) != -ETIMEDOUT)
		_exit(1);
	eg_ctx_unref(ctx);
	eg_ctx_unref(late);
	/* They sleep for good. There are more if it took them long to begin. */
	if (eg_threads_end_idle() < LATE_THREADS)
		_exit(1);
	_exit(STATUS);
}

static void exit_with_threads(void *arg)
{
	struct tally called = TALLY_INIT;
	eg_ctx_callback callback;
	eg_ctx *ctx;

	(void)arg;
	EXPECT(eg_ctx_with_timeout(NULL, HOUR, &late) == 0);
	EXPECT(eg_ctx_with_timeout(NULL, MILLISECOND, &ctx) == 0);
	EXPECT(eg_ctx_on_end(ctx, note_call, &called, &callback) == 0);
	tally_await(&called, 1);
	EXPECT(eg_ctx_off_end(&callback) == -EALREADY);
	eg_ctx_unref(ctx);
	is_used_late = true;
	exit(0);
}

/* First of all: once deadlines came by the clock they go on to. */
static void after_the_end_of_the_library_deadlines_come_by_the_clock(void **state)
{
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		return;
	child_run(exit_with_threads, NULL, &child);
	assert_true(child_exited(&child, STATUS));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(after_the_end_of_the_library_deadlines_come_by_the_clock),
	    TEST(without_a_thread_deadlines_come_by_the_clock),
	    TEST(without_another_thread_a_function_may_wait_for_deadlines_too),
	    TEST(without_another_thread_a_function_may_wait_for_who_sleeps),
	    TEST(without_a_thread_a_blocked_submission_gives_up_at_the_deadline),
	    TEST(where_there_is_no_eventfd_it_is_a_pipe),
	    TEST(neither_end_of_a_pipe_is_a_standard_descriptor),
	    TEST(no_more_descriptors_is_what_the_caller_is_told),
	    TEST(deadlines_come_by_whatever_clock_there_is),
	    TEST(a_signal_that_comes_to_a_child_early_takes_the_former_action),
	    TEST(jumps_of_the_wall_clock_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
