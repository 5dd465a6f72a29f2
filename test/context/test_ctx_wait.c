/* SPDX-License-Identifier: MIT */
/*
 * Blocking until a context is over: in a wait, in a sleep, in poll beside a socket, in a submission that the backlog
 * blocks.
 */

#include "support.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MILLISECOND INT64_C(1000000)
#define HOUR (INT64_C(3600000) * MILLISECOND)

static int64_t from_now(int64_t delay_ns)
{
	return eg_clock_now_ns() + delay_ns;
}

/*
 * Waiting and sleeping
 */

static void a_wait_says_whether_the_context_or_the_time_came_first(void **state)
{
	eg_ctx *ctx = ctx_under(NULL), *timed;
	int64_t soon = from_now(2 * MILLISECOND);

	(void)state;
	assert_int_equal(eg_ctx_wait_until(ctx, 0), -ETIMEDOUT);
	assert_int_equal(eg_ctx_wait_until(ctx, INT64_MIN), -ETIMEDOUT);
	assert_int_equal(eg_ctx_wait_until(NULL, 0), -ETIMEDOUT);
	assert_int_equal(eg_ctx_wait_until(ctx, soon), -ETIMEDOUT);
	assert_true(eg_clock_now_ns() >= soon);
	soon = from_now(2 * MILLISECOND);
	assert_int_equal(eg_ctx_wait_until(NULL, soon), -ETIMEDOUT);
	assert_true(eg_clock_now_ns() >= soon);

	assert_int_equal(eg_ctx_with_timeout(ctx, 2 * MILLISECOND, &timed), 0);
	assert_int_equal(eg_ctx_wait_until(timed, EG_CTX_NO_DEADLINE), 0);
	assert_true(eg_clock_now_ns() >= eg_ctx_deadline(timed));
	assert_int_equal(eg_ctx_err(timed), -ETIMEDOUT);
	eg_ctx_unref(timed);

	eg_ctx_cancel(ctx, NULL);
	assert_int_equal(eg_ctx_wait_until(ctx, 0), 0);
	assert_int_equal(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE), 0);
	eg_ctx_unref(ctx);
}

static void a_sleep_lasts_until_its_time_unless_the_context_ends(void **state)
{
	eg_ctx *ctx = ctx_under(NULL), *timed;
	int64_t soon = from_now(2 * MILLISECOND);

	(void)state;
	assert_int_equal(eg_ctx_sleep_until(ctx, 0), 0);
	assert_int_equal(eg_ctx_sleep_until(ctx, soon), 0);
	assert_true(eg_clock_now_ns() >= soon);
	soon = from_now(2 * MILLISECOND);
	assert_int_equal(eg_ctx_sleep_until(NULL, soon), 0);
	assert_true(eg_clock_now_ns() >= soon);
	assert_int_equal(eg_ctx_with_timeout(ctx, MILLISECOND, &timed), 0);
	assert_int_equal(eg_ctx_sleep_until(timed, from_now(HOUR)), -ETIMEDOUT);
	eg_ctx_unref(timed);
	eg_ctx_cancel(ctx, NULL);
	assert_int_equal(eg_ctx_sleep_until(ctx, from_now(HOUR)), -ECANCELED);
	assert_int_equal(eg_ctx_sleep_until(ctx, 0), -ECANCELED);
	eg_ctx_unref(ctx);
}

struct sleeper {
	eg_ctx *ctx;
	_Atomic pid_t thread;
	atomic_bool returned;
	bool sleeps;
	int code;
};

static void *sleeper_main(void *arg)
{
	struct sleeper *sleeper = arg;

	atomic_store(&sleeper->thread, thread_id());
	if (sleeper->sleeps)
		sleeper->code = eg_ctx_sleep_until(sleeper->ctx, from_now(HOUR));
	else
		sleeper->code = eg_ctx_wait_until(sleeper->ctx, EG_CTX_NO_DEADLINE);
	atomic_store(&sleeper->returned, true);
	return NULL;
}

static void everybody_asleep_on_a_context_or_below_is_woken(void **state)
{
	eg_ctx *root = ctx_under(NULL), *child = ctx_under(root), *other = ctx_under(root);
	struct sleeper sleepers[6];
	pthread_t threads[6];

	(void)state;
	for (int i = 0; i < 6; i++) {
		sleepers[i] = (struct sleeper){.ctx = i < 3 ? child : i < 5 ? root : other, .sleeps = i % 2};
		assert_int_equal(pthread_create(&threads[i], NULL, sleeper_main, &sleepers[i]), 0);
	}
	for (int i = 0; i < 6; i++)
		assert_true(thread_blocks(&sleepers[i].thread, &sleepers[i].returned));
	assert_int_equal(eg_ctx_cancel(child, NULL), 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	for (int i = 3; i < 6; i++)
		assert_false(atomic_load(&sleepers[i].returned));
	assert_int_equal(eg_ctx_cancel(root, NULL), 0);
	for (int i = 3; i < 6; i++)
		pthread_join(threads[i], NULL);
	for (int i = 0; i < 6; i++)
		assert_int_equal(sleepers[i].code, i % 2 ? -ECANCELED : 0);
	eg_ctx_unref(child);
	eg_ctx_unref(other);
	eg_ctx_unref(root);
}

static void ignore(int signal)
{
	(void)signal;
}

static void signals_do_not_cut_a_sleep_short(void **state)
{
	struct sigaction action = {.sa_handler = ignore}, before;
	struct sleeper sleeper = {.ctx = ctx_under(NULL), .sleeps = true};
	pthread_t thread;

	(void)state;
	assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
	assert_int_equal(pthread_create(&thread, NULL, sleeper_main, &sleeper), 0);
	for (int i = 0; i < 20; i++) {
		assert_true(thread_blocks(&sleeper.thread, &sleeper.returned));
		pthread_kill(thread, SIGUSR1);
	}
	assert_true(thread_blocks(&sleeper.thread, &sleeper.returned));
	eg_ctx_cancel(sleeper.ctx, NULL);
	pthread_join(thread, NULL);
	assert_int_equal(sleeper.code, -ECANCELED);
	sigaction(SIGUSR1, &before, NULL);
	eg_ctx_unref(sleeper.ctx);
}

/* Waits and the end of the context at once: no wake-up is lost. */
static void a_wait_that_begins_as_the_context_ends_returns(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 2000); i++) {
		struct sleeper sleeper = {.ctx = ctx_under(NULL)};
		pthread_t thread;

		assert_int_equal(pthread_create(&thread, NULL, sleeper_main, &sleeper), 0);
		for (long k = 0; k < i % 16; k++)
			sched_yield();
		eg_ctx_cancel(sleeper.ctx, NULL);
		pthread_join(thread, NULL);
		assert_int_equal(sleeper.code, 0);
		eg_ctx_unref(sleeper.ctx);
	}
}

/*
 * The descriptor
 */

static bool is_readable(int fd)
{
	struct pollfd poll_fd = {fd, POLLIN, 0};

	return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLIN) != 0;
}

static void the_descriptor_becomes_readable_and_stays_so(void **state)
{
	eg_ctx *root = ctx_under(NULL), *child = ctx_under(root), *late;
	int root_fd = eg_ctx_fd(root), child_fd = eg_ctx_fd(child), late_fd;
	char bytes[8];

	(void)state;
	assert_true(root_fd >= 0 && child_fd >= 0 && root_fd != child_fd);
	assert_int_equal(eg_ctx_fd(root), root_fd);
	assert_true(fcntl(root_fd, F_GETFD) & FD_CLOEXEC);
	assert_false(is_readable(root_fd));
	eg_ctx_cancel(child, NULL);
	assert_true(is_readable(child_fd));
	assert_false(is_readable(root_fd));
	eg_ctx_cancel(root, NULL);
	assert_true(is_readable(root_fd));

	/* Reading is a mistake, and does no harm. */
	for (int i = 0; i < 10; i++)
		assert_true(read(root_fd, bytes, sizeof(bytes)) > 0);
	assert_true(is_readable(root_fd));

	/* One that is asked for after the end. */
	late = ctx_under(root);
	late_fd = eg_ctx_fd(late);
	assert_true(is_readable(late_fd));
	eg_ctx_unref(late);
	eg_ctx_unref(child);
	eg_ctx_unref(root);
	assert_false(descriptor_is_event(root_fd));
	assert_false(descriptor_is_event(late_fd));
}

static void the_background_has_a_descriptor_that_is_never_readable(void **state)
{
	int fd = eg_ctx_fd(NULL);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(eg_ctx_fd(NULL), fd);
	assert_false(is_readable(fd));
}

static void a_context_has_no_descriptor_until_it_is_asked_for(void **state)
{
	long before = descriptors_open();
	eg_ctx *ctxs[100];

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(eg_ctx_with_timeout(NULL, i % 2 ? HOUR : INT64_MAX, &ctxs[i]), 0);
	assert_int_equal(descriptors_open(), before);
	for (int i = 0; i < 100; i++)
		assert_true(eg_ctx_fd(ctxs[i]) >= 0);
	assert_int_equal(descriptors_open(), before + 100);
	for (int i = 0; i < 100; i++)
		eg_ctx_unref(ctxs[i]);
	assert_int_equal(descriptors_open(), before);
}

static void epoll_reports_it_by_level_and_by_edge(void **state)
{
	eg_ctx *level = ctx_under(NULL), *edge = ctx_under(level);
	struct epoll_event events[2] = {{.events = EPOLLIN}, {.events = EPOLLIN | EPOLLET}};
	int loop = epoll_create1(EPOLL_CLOEXEC);

	(void)state;
	assert_true(loop >= 0);
	assert_int_equal(epoll_ctl(loop, EPOLL_CTL_ADD, eg_ctx_fd(level), &events[0]), 0);
	assert_int_equal(epoll_ctl(loop, EPOLL_CTL_ADD, eg_ctx_fd(edge), &events[1]), 0);
	assert_int_equal(epoll_wait(loop, events, 2, 0), 0);
	eg_ctx_cancel(level, NULL);
	assert_int_equal(epoll_wait(loop, events, 2, -1), 2);
	assert_int_equal(epoll_wait(loop, events, 2, -1), 1);
	assert_int_equal(epoll_wait(loop, events, 2, -1), 1);
	close(loop);
	eg_ctx_unref(edge);
	eg_ctx_unref(level);
}

static void without_descriptors_the_call_says_so_and_works_later(void **state)
{
	eg_ctx *ctx = ctx_under(NULL);
	struct rlimit before, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	errno = 0;
	assert_int_equal(eg_ctx_fd(ctx), -EMFILE);
	assert_int_equal(errno, 0);
	assert_int_equal(eg_ctx_fd(ctx), -EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(eg_ctx_fd(ctx) >= 0);
	eg_ctx_cancel(ctx, NULL);
	assert_true(is_readable(eg_ctx_fd(ctx)));
	eg_ctx_unref(ctx);
}

/* Without standard descriptors: what is printed all the same must not reach a context's. */
static void child_without_standard_descriptors(void *arg)
{
	int closed = *(const int *)arg;
	eg_ctx *contexts[] = {ctx_under(NULL), NULL};

	for (int fd = 0; fd < 3; fd++)
		if ((closed & 1 << fd) != 0)
			close(fd);
	for (int i = 0; i < 2; i++) {
		int fd = eg_ctx_fd(contexts[i]);

		if (fd <= STDERR_FILENO)
			_exit(2);
		for (int standard = 0; standard < 3; standard++)
			if ((closed & 1 << standard) != 0)
				(void)!write(standard, "started\n", 8);
		if (is_readable(fd))
			_exit(3);
	}
	for (int fd = 0; fd < 3; fd++)
		if ((closed & 1 << fd) != 0 && (fcntl(fd, F_GETFD) >= 0 || errno != EBADF))
			_exit(4);
	eg_ctx_cancel(contexts[0], NULL);
	_exit(is_readable(eg_ctx_fd(contexts[0])) ? 0 : 5);
}

static void the_descriptor_is_never_a_standard_one(void **state)
{
	struct child child;

	(void)state;
	for (int closed = 1; closed < 8; closed++) {
		child_run(child_without_standard_descriptors, &closed, &child);
		assert_true(child_exited(&child, 0));
	}
}

/* Cancelled, and released by the last holder, at once: a descriptor that is another's by then must not be written. */
struct closing {
	eg_ctx *ctx;
	struct tally start;
};

static void *closing_cancel(void *arg)
{
	struct closing *closing = arg;

	tally_meet(&closing->start, 2);
	eg_ctx_cancel(closing->ctx, NULL);
	eg_ctx_unref(closing->ctx);
	return NULL;
}

static void a_descriptor_is_not_written_after_it_was_closed(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 2000); i++) {
		eg_ctx *root = ctx_under(NULL), *child = ctx_under(root);
		struct closing closing = {root, TALLY_INIT};
		int ends[2], fd = eg_ctx_fd(child);
		pthread_t thread;

		assert_true(fd >= 0);
		assert_int_equal(pthread_create(&thread, NULL, closing_cancel, &closing), 0);
		tally_meet(&closing.start, 2);
		for (long k = 0; k < i % 8; k++)
			sched_yield();
		eg_ctx_unref(child);

		/* Most likely the same number. */
		assert_int_equal(pipe(ends), 0);
		pthread_join(thread, NULL);
		assert_false(is_readable(ends[0]));
		close(ends[0]);
		close(ends[1]);
	}
}

/*
 * Tasks
 */

struct blocked {
	int sockets[2];
	_Atomic pid_t thread;
	atomic_bool returned;
	eg_group *inner;
	struct hold hold;
};

static int task_poll(eg_ctx *ctx, void *arg)
{
	struct blocked *blocked = arg;
	struct pollfd fds[] = {{blocked->sockets[0], POLLIN, 0}, {eg_ctx_fd(ctx), POLLIN, 0}};

	atomic_store(&blocked->thread, thread_id());
	CHECK(poll(fds, 2, -1) == 1 && fds[0].revents == 0);
	atomic_store(&blocked->returned, true);
	return eg_ctx_err(ctx);
}

static int task_sleep(eg_ctx *ctx, void *arg)
{
	struct blocked *blocked = arg;
	int err;

	atomic_store(&blocked->thread, thread_id());
	err = eg_ctx_sleep_until(ctx, from_now(HOUR));
	atomic_store(&blocked->returned, true);
	return err;
}

static void check_task_is_woken(eg_task_fn *fn, struct blocked *blocked)
{
	eg_group group;

	assert_int_equal(eg_group_init(&group, NULL, NULL), 0);
	eg_group_go(&group, fn, blocked);
	assert_true(thread_blocks(&blocked->thread, &blocked->returned));
	eg_group_go(&group, task_return, CODE(-EPIPE));
	assert_int_equal(eg_group_wait(&group), -EPIPE);
	assert_true(atomic_load(&blocked->returned));
	eg_group_destroy(&group);
}

static void a_task_blocked_in_poll_on_a_socket_is_woken_by_the_first_error(void **state)
{
	struct blocked blocked = {.hold = HOLD_INIT};

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, blocked.sockets), 0);
	check_task_is_woken(task_poll, &blocked);
	close(blocked.sockets[0]);
	close(blocked.sockets[1]);
}

static void a_task_asleep_is_woken_by_the_first_error(void **state)
{
	struct blocked blocked = {.hold = HOLD_INIT};

	(void)state;
	check_task_is_woken(task_sleep, &blocked);
}

static void *submitter_main(void *arg)
{
	struct blocked *blocked = arg;

	atomic_store(&blocked->thread, thread_id());
	CHECK(eg_group_go(blocked->inner, task_nothing, NULL) == -ECANCELED);
	atomic_store(&blocked->returned, true);
	return NULL;
}

/* Blocked for want of room, and the context that ends is above the group's: cancelled, or by its deadline. */
static void check_submitter_is_woken(eg_ctx *parent, bool cancels, unsigned flags)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	struct blocked blocked = {.hold = HOLD_INIT};
	pthread_t thread;
	eg_group group;

	options.limit = 1;
	options.backlog = EG_BACKLOG_NONE;
	options.flags = flags;
	assert_int_equal(eg_group_init(&group, parent, &options), 0);
	blocked.inner = &group;
	assert_int_equal(eg_group_go(&group, task_hold, &blocked.hold), 0);
	tally_await(&blocked.hold.started, 1);
	assert_int_equal(pthread_create(&thread, NULL, submitter_main, &blocked), 0);
	if (cancels) {
		assert_true(thread_blocks(&blocked.thread, &blocked.returned));
		eg_ctx_cancel(parent, NULL);
	}
	pthread_join(thread, NULL);
	tally_add(&blocked.hold.release, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

static void a_submitter_blocked_by_the_backlog_is_woken(void **state)
{
	static const unsigned flags[] = {0, EG_GROUP_NO_CANCEL, EG_GROUP_SKIP_UNSTARTED};

	(void)state;
	for (int i = 0; i < 6; i++) {
		eg_ctx *parent;

		assert_int_equal(eg_ctx_with_timeout(NULL, i < 3 ? HOUR : 5 * MILLISECOND, &parent), 0);
		check_submitter_is_woken(parent, i < 3, flags[i % 3]);
		eg_ctx_unref(parent);
	}
}

static int task_await_deadline(eg_ctx *ctx, void *arg)
{
	(void)arg;
	CHECK(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) == 0);
	return eg_ctx_err(ctx);
}

static void a_group_under_a_deadline_is_stopped_by_it(void **state)
{
	eg_group group;
	eg_ctx *ctx;

	(void)state;
	assert_int_equal(eg_ctx_with_timeout(NULL, 2 * MILLISECOND, &ctx), 0);
	assert_int_equal(eg_group_init(&group, ctx, NULL), 0);
	for (int i = 0; i < 3; i++)
		eg_group_go(&group, task_await_deadline, NULL);
	assert_int_equal(eg_group_wait(&group), -ETIMEDOUT);
	assert_int_equal(eg_error_code(eg_ctx_cause(eg_group_ctx(&group))), -ETIMEDOUT);
	eg_group_destroy(&group);
	eg_ctx_unref(ctx);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_wait_says_whether_the_context_or_the_time_came_first),
	    TEST(a_sleep_lasts_until_its_time_unless_the_context_ends),
	    TEST(everybody_asleep_on_a_context_or_below_is_woken),
	    TEST(signals_do_not_cut_a_sleep_short),
	    TEST(a_wait_that_begins_as_the_context_ends_returns),
	    TEST(the_descriptor_becomes_readable_and_stays_so),
	    TEST(the_background_has_a_descriptor_that_is_never_readable),
	    TEST(a_context_has_no_descriptor_until_it_is_asked_for),
	    TEST(epoll_reports_it_by_level_and_by_edge),
	    TEST(without_descriptors_the_call_says_so_and_works_later),
	    TEST(the_descriptor_is_never_a_standard_one),
	    TEST(a_descriptor_is_not_written_after_it_was_closed),
	    TEST(a_task_blocked_in_poll_on_a_socket_is_woken_by_the_first_error),
	    TEST(a_task_asleep_is_woken_by_the_first_error),
	    TEST(a_submitter_blocked_by_the_backlog_is_woken),
	    TEST(a_group_under_a_deadline_is_stopped_by_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
