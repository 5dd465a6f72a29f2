/* SPDX-License-Identifier: MIT */
/*
 * Groups that are held open (eg_group_hold, eg_group_release), and the descriptor that says that a group is done (eg_group_fd).
 */

#include "support.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>

static bool is_readable(int fd)
{
	struct pollfd poll_fd = {fd, POLLIN, 0};

	return poll(&poll_fd, 1, 0) == 1;
}

static void await_readable(int fd)
{
	struct pollfd poll_fd = {fd, POLLIN, 0};

	assert_int_equal(poll(&poll_fd, 1, -1), 1);
}

/*
 * Holding
 */

static void a_wait_returns_when_the_last_hold_is_given_back(void **state)
{
	(void)state;
	for (unsigned flags = 0; flags <= EG_GROUP_NO_HELP; flags += EG_GROUP_NO_HELP) {
		eg_group group;
		struct waiter waiter = WAITER_INIT(&group);
		pthread_t thread;

		assert_int_equal(eg_group_init(&group, NULL, EG_GROUP_OPTIONS(.flags = flags)), 0);
		assert_int_equal(eg_group_hold(&group), 0);
		assert_int_equal(eg_group_hold(&group), 0);
		eg_group_go(&group, task_nothing, NULL);
		assert_int_equal(pthread_create(&thread, NULL, waiter_main, &waiter), 0);
		assert_true(thread_blocks(&waiter.thread, &waiter.returned));
		assert_int_equal(eg_group_release(&group), 0);
		assert_true(thread_blocks(&waiter.thread, &waiter.returned));
		assert_int_equal(eg_group_wait_until(&group, 0), EG_EUNFINISHED);
		assert_int_equal(eg_ctx_err(eg_group_ctx(&group)), 0);
		assert_int_equal(eg_group_reset(&group), -EBUSY);
		assert_int_equal(eg_group_release(&group), 0);
		pthread_join(thread, NULL);
		assert_int_equal(waiter.code, 0);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(eg_group_reset(&group), 0);
		eg_group_destroy(&group);
	}
}

static void a_group_without_tasks_can_be_held(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(eg_group_hold(&group), 0);
	assert_int_equal(eg_group_wait_until(&group, 0), EG_EUNFINISHED);
	assert_int_equal(eg_group_release(&group), 0);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

static void a_hold_takes_no_place(void **state)
{
	eg_group group = EG_GROUP_INIT;
	atomic_long count = 0;

	(void)state;
	assert_int_equal(eg_group_set_limit(&group, 1), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(eg_group_hold(&group), 0);
	assert_int_equal(eg_group_try_go(&group, task_count, &count), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(eg_group_release(&group), 0);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&count), 1);
	eg_group_destroy(&group);
}

static void a_release_without_a_hold_is_refused(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(eg_group_hold(NULL), -EINVAL);
	assert_int_equal(eg_group_release(NULL), -EINVAL);
	assert_int_equal(eg_group_release(&group), -EPERM);
	assert_int_equal(eg_group_set_limit(&group, 1), 0);
	assert_int_equal(eg_group_release(&group), -EPERM);
	assert_int_equal(eg_group_hold(&group), 0);
	assert_int_equal(eg_group_release(&group), 0);
	assert_int_equal(eg_group_release(&group), -EPERM);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

/* Holds the group, and leaves the release to another. */
struct relay {
	eg_group *group;
	atomic_long held;
	long written;
};

static void *relay_release(void *arg)
{
	struct relay *relay = arg;

	while (atomic_load(&relay->held) == 0)
		sched_yield();
	relay->written = 1;
	CHECK(eg_group_release(relay->group) == 0);
	return NULL;
}

static int task_relay_hold(eg_ctx *ctx, void *arg)
{
	struct relay *relay = arg;

	(void)ctx;
	CHECK(eg_group_hold(relay->group) == 0);
	atomic_store(&relay->held, 1);
	return 0;
}

static void the_group_is_freed_as_soon_as_the_last_release_lets_a_wait_return(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 500); i++) {
		eg_group *group = calloc(1, sizeof(*group));
		struct relay relay = {.group = group};
		pthread_t thread;

		assert_non_null(group);
		assert_int_equal(pthread_create(&thread, NULL, relay_release, &relay), 0);
		eg_group_go(group, task_relay_hold, &relay);
		assert_int_equal(eg_group_wait(group), 0);
		assert_int_equal(relay.written, 1);
		eg_group_destroy(group);
		free(group);
		pthread_join(thread, NULL);
	}
}

static void destroying_a_group_drops_its_holds(void **state)
{
	struct hold hold = HOLD_INIT;
	eg_group group = EG_GROUP_INIT;
	struct waiter waiter = WAITER_INIT(&group);
	pthread_t thread;

	(void)state;
	assert_int_equal(eg_group_hold(&group), 0);
	eg_group_destroy(&group);
	assert_int_equal(eg_group_release(&group), -EPERM);

	/* One who waits meanwhile returns, too. */
	assert_int_equal(eg_group_init(&group, NULL, EG_GROUP_OPTIONS(.flags = EG_GROUP_NO_HELP)), 0);
	assert_int_equal(eg_group_hold(&group), 0);
	eg_group_go(&group, task_hold, &hold);
	tally_await(&hold.started, 1);
	tally_add(&hold.release, 1);
	assert_int_equal(pthread_create(&thread, NULL, waiter_main, &waiter), 0);
	assert_true(thread_blocks(&waiter.thread, &waiter.returned));
	eg_group_destroy(&group);
	pthread_join(thread, NULL);
	assert_int_equal(waiter.code, 0);
}

static int task_hold_when_cancelled(eg_ctx *ctx, void *arg)
{
	CHECK(eg_group_hold(arg) == 0);
	ctx_await_cancel(ctx);
	CHECK(eg_group_hold(arg) == -ECANCELED);
	CHECK(eg_group_fd(arg) == -ECANCELED);
	CHECK(eg_group_release(arg) == 0);
	CHECK(eg_group_release(arg) == -EPERM);
	return 0;
}

static void tasks_hold_and_release_a_group_that_is_destroyed(void **state)
{
	eg_group group;

	(void)state;
	assert_int_equal(eg_group_init(&group, NULL, NULL), 0);
	eg_group_go(&group, task_hold_when_cancelled, &group);
	while (eg_group_release(&group) == -EPERM)
		sched_yield();
	assert_int_equal(eg_group_hold(&group), 0);
	eg_group_destroy(&group);
}

/*
 * The descriptor
 */

static void the_descriptor_is_readable_when_everything_is_done(void **state)
{
	static const int limits[] = {EG_LIMIT_NONE, 1, 3};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct hold hold = HOLD_INIT;
		eg_group group = EG_GROUP_INIT;
		int fd;

		assert_int_equal(eg_group_set_limit(&group, limits[i]), 0);
		assert_int_equal(eg_group_hold(&group), 0);
		fd = eg_group_fd(&group);
		assert_true(fd > STDERR_FILENO);
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		assert_true(descriptor_is_event(fd));
		assert_int_equal(eg_group_fd(&group), fd);
		assert_false(is_readable(fd));
		eg_group_go(&group, task_hold, &hold);
		eg_group_go(&group, task_return, CODE(-EIO));
		tally_await(&hold.started, 1);
		assert_int_equal(eg_group_release(&group), 0);
		assert_false(is_readable(fd));
		tally_add(&hold.release, 1);
		await_readable(fd);
		/* Everything is done: this does not block, and neither would another. */
		assert_int_equal(eg_group_wait_until(&group, 0), -EIO);
		assert_false(is_readable(fd));
		assert_int_equal(eg_group_wait(&group), -EIO);
		assert_false(is_readable(fd));
		eg_group_destroy(&group);
		assert_false(descriptor_is_event(fd));
	}
}

static void the_descriptor_of_a_group_that_is_done_is_readable_at_once(void **state)
{
	eg_group group = EG_GROUP_INIT;
	int fd;

	(void)state;
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	fd = eg_group_fd(&group);
	assert_true(is_readable(fd));
	assert_int_equal(eg_group_reset(&group), 0);
	assert_false(is_readable(fd));
	eg_group_destroy(&group);
	assert_int_equal(eg_group_fd(NULL), -EINVAL);
}

static void a_wait_that_gives_up_lowers_the_descriptor_until_the_rest_is_done(void **state)
{
	struct hold hold = HOLD_INIT;
	eg_group group = EG_GROUP_INIT;
	int fd = eg_group_fd(&group);

	(void)state;
	assert_true(is_readable(fd));
	eg_group_go(&group, task_hold, &hold);
	assert_true(is_readable(fd));
	assert_int_equal(eg_group_wait_until(&group, 0), EG_EUNFINISHED);
	assert_false(is_readable(fd));
	tally_add(&hold.release, 1);
	await_readable(fd);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

static void each_round_is_told_once(void **state)
{
	eg_group group = EG_GROUP_INIT;
	int fd;

	(void)state;
	assert_int_equal(eg_group_hold(&group), 0);
	fd = eg_group_fd(&group);
	for (long i = 0; goes_on(i, 1000); i++) {
		for (long n = 0; n < i % 5; n++)
			eg_group_go(&group, task_nothing, NULL);
		assert_int_equal(eg_group_release(&group), 0);
		await_readable(fd);
		assert_int_equal(eg_group_wait_until(&group, 0), 0);
		/* Not again by one who was late. */
		assert_false(is_readable(fd));
		assert_int_equal(eg_group_hold(&group), 0);
	}
	assert_false(is_readable(fd));
	eg_group_destroy(&group);
}

static void a_wait_that_runs_the_tasks_itself_leaves_nothing_to_tell(void **state)
{
	eg_group group = EG_GROUP_INIT;
	int fd = eg_group_fd(&group);

	(void)state;
	for (long i = 0; goes_on(i, 500); i++) {
		eg_group_go(&group, task_nothing, NULL);
		eg_group_go(&group, task_nothing, NULL);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_false(is_readable(fd));
	}
	eg_group_destroy(&group);
}

static void without_descriptors_there_is_none(void **state)
{
	struct rlimit before, none;
	eg_group group = EG_GROUP_INIT;
	int fd;

	(void)state;
	/* The crew's thread first, which may look at files. */
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	errno = 0;
	fd = eg_group_fd(&group);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(fd, -EMFILE);
	assert_int_equal(errno, 0);
	fd = eg_group_fd(&group);
	assert_true(is_readable(fd));
	eg_group_destroy(&group);
}

/*
 * An event loop of one thread: requests arrive on a pipe, each is a task, and nobody waits for a thread.
 */
#define REQUESTS 200

struct server {
	eg_group group;
	int epoll;
	int requests[2];
	int done;
	atomic_long sum;
	long accepted;
};

static int task_serve(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	atomic_fetch_add((atomic_long *)arg, 1);
	return 0;
}

static void server_watch(const struct server *server, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

	assert_true(fd >= 0);
	assert_int_equal(epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event), 0);
}

/* A callback: submits a task for each byte. At the end of the stream nothing more is going to be submitted. */
static void server_on_request(struct server *server)
{
	char bytes[16];
	ssize_t length = read(server->requests[0], bytes, sizeof(bytes));

	assert_true(length >= 0);
	for (ssize_t i = 0; i < length; i++)
		assert_int_equal(eg_group_go(&server->group, task_serve, &server->sum), 0);
	server->accepted += length;
	if (length > 0)
		return;
	epoll_ctl(server->epoll, EPOLL_CTL_DEL, server->requests[0], NULL);
	assert_int_equal(eg_group_release(&server->group), 0);
}

static void *send_requests(void *arg)
{
	const int *fd = arg;

	for (int i = 0; i < REQUESTS; i++)
		CHECK(write(*fd, "r", 1) == 1);
	close(*fd);
	return NULL;
}

static void an_event_loop_submits_and_learns_of_the_end(void **state)
{
	struct server server = {.group = EG_GROUP_INIT};
	struct epoll_event event;
	pthread_t client;

	(void)state;
	server.epoll = epoll_create1(EPOLL_CLOEXEC);
	assert_int_equal(pipe2(server.requests, O_CLOEXEC), 0);
	assert_int_equal(eg_group_set_limit(&server.group, 2), 0);
	assert_int_equal(eg_group_hold(&server.group), 0);
	server.done = eg_group_fd(&server.group);
	server_watch(&server, server.requests[0]);
	server_watch(&server, server.done);
	assert_int_equal(pthread_create(&client, NULL, send_requests, &server.requests[1]), 0);
	do {
		assert_int_equal(epoll_wait(server.epoll, &event, 1, -1), 1);
		if (event.data.fd == server.requests[0])
			server_on_request(&server);
	} while (event.data.fd != server.done);
	assert_int_equal(server.accepted, REQUESTS);
	assert_int_equal(atomic_load(&server.sum), REQUESTS);
	assert_int_equal(eg_group_wait_until(&server.group, 0), 0);
	pthread_join(client, NULL);
	eg_group_destroy(&server.group);
	close(server.requests[0]);
	close(server.epoll);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_wait_returns_when_the_last_hold_is_given_back),
	    TEST(a_group_without_tasks_can_be_held),
	    TEST(a_hold_takes_no_place),
	    TEST(a_release_without_a_hold_is_refused),
	    TEST(the_group_is_freed_as_soon_as_the_last_release_lets_a_wait_return),
	    TEST(destroying_a_group_drops_its_holds),
	    TEST(tasks_hold_and_release_a_group_that_is_destroyed),
	    TEST(the_descriptor_is_readable_when_everything_is_done),
	    TEST(the_descriptor_of_a_group_that_is_done_is_readable_at_once),
	    TEST(a_wait_that_gives_up_lowers_the_descriptor_until_the_rest_is_done),
	    TEST(each_round_is_told_once),
	    TEST(a_wait_that_runs_the_tasks_itself_leaves_nothing_to_tell),
	    TEST(without_descriptors_there_is_none),
	    TEST(an_event_loop_submits_and_learns_of_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
