/* SPDX-License-Identifier: MIT */
/*
 * The limit that make's jobserver sets: one task is free, each further one holds a token, the same byte comes back, at
 * once and however the task ends. The jobserver is the test's own, in the form of a pipe and of a named one;
 * test_make.sh has make's.
 */

#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

struct server {
	int ends[2];
	char folder[32], path[48]; /* of a named one */
	int tokens;
};

static void server_fill(struct server *server, int tokens)
{
	server->tokens = tokens;
	for (char token = 'a'; token < 'a' + tokens; token++)
		assert_int_equal(write(server->ends[1], &token, 1), 1);
}

static void server_open(struct server *server, int tokens)
{
	char flags[80];

	*server = (struct server){0};
	assert_int_equal(pipe(server->ends), 0);
	server_fill(server, tokens);
	(void)snprintf(flags, sizeof(flags), "kw -j%d --jobserver-auth=%d,%d -- NAME=x", tokens + 1,
		       server->ends[0], server->ends[1]);
	assert_int_equal(setenv("MAKEFLAGS", flags, 1), 0);
}

static void server_open_named(struct server *server, int tokens)
{
	char flags[120];

	*server = (struct server){.folder = "/tmp/test_jobserver.XXXXXX"};
	assert_non_null(mkdtemp(server->folder));
	(void)snprintf(server->path, sizeof(server->path), "%s/fifo", server->folder);
	assert_int_equal(mkfifo(server->path, 0600), 0);
	server->ends[0] = server->ends[1] = open(server->path, O_RDWR);
	assert_true(server->ends[0] >= 0);
	server_fill(server, tokens);
	(void)snprintf(flags, sizeof(flags), " -j%d --jobserver-auth=fifo:%s", tokens + 1, server->path);
	assert_int_equal(setenv("MAKEFLAGS", flags, 1), 0);
}

static int server_has(const struct server *server)
{
	int count = -1;

	if (ioctl(server->ends[0], FIONREAD, &count) != 0)
		return -1;
	return count;
}

static void server_await(const struct server *server, int tokens)
{
	while (server_has(server) != tokens)
		sched_yield();
}

/* All tokens are back, each once. The limit is gone with the last thread that was in a group of it. */
static void server_close(struct server *server)
{
	char tokens[32] = {0};

	while (eg_threads_end_idle() != 0)
		sched_yield();
	assert_int_equal(server_has(server), server->tokens);
	if (server->tokens > 0)
		assert_int_equal(read(server->ends[0], tokens, sizeof(tokens)), server->tokens);
	for (char token = 'a'; token < 'a' + server->tokens; token++)
		assert_non_null(strchr(tokens, token));
	close(server->ends[0]);
	if (server->ends[1] != server->ends[0])
		close(server->ends[1]);
	if (server->path[0]) {
		unlink(server->path);
		rmdir(server->folder);
	}
	unsetenv("MAKEFLAGS");
}

static eg_limit *limit_open(void)
{
	eg_limit *limit;

	assert_int_equal(eg_limit_from_jobserver(&limit), 0);
	return limit;
}

static void group_open(eg_group *group, eg_limit *limit, int own, unsigned flags)
{
	assert_int_equal(
	    eg_group_init(group, NULL, EG_GROUP_OPTIONS(.limit = own, .flags = flags, .shared_limit = limit)),
	    0);
}

static void group_close(eg_group *group)
{
	assert_int_equal(eg_group_wait(group), 0);
	eg_group_destroy(group);
}

static void all_places_are_used_and_all_tokens_come_back(struct server *server)
{
	struct meeting meeting = {TALLY_INIT, 4};
	eg_limit *limit = limit_open();
	eg_group group;

	group_open(&group, limit, 0, 0);
	assert_int_equal(eg_group_slots(&group), 4);
	for (int i = 0; i < 4; i++)
		eg_group_go(&group, task_meet, &meeting);
	group_close(&group);
	server_await(server, 3);
	assert_int_equal(eg_limit_now(limit), 1);
	eg_limit_unref(limit);
	server_close(server);
}

static void the_pipe_that_make_opens_is_used(void **state)
{
	struct server server;

	(void)state;
	server_open(&server, 3);
	all_places_are_used_and_all_tokens_come_back(&server);
}

static void the_named_pipe_of_newer_makes_is_used(void **state)
{
	struct server server;

	(void)state;
	server_open_named(&server, 3);
	all_places_are_used_and_all_tokens_come_back(&server);
}

static void without_a_jobserver_there_is_no_limit(void **state)
{
	static const char *const flags[] = {"", "k", " -j4", " --jobserver-authority=3,4",
					    "x--jobserver-auth=3,4"};
	eg_limit *limit = NULL;

	(void)state;
	unsetenv("MAKEFLAGS");
	assert_int_equal(eg_limit_from_jobserver(&limit), -ENOENT);
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		setenv("MAKEFLAGS", flags[i], 1);
		assert_int_equal(eg_limit_from_jobserver(&limit), -ENOENT);
	}
	assert_int_equal(eg_limit_from_jobserver(NULL), -EINVAL);
	assert_null(limit);
	unsetenv("MAKEFLAGS");
}

static void refuse(const char *form, int first, int second)
{
	eg_limit *limit = NULL;
	char flags[80];

	(void)snprintf(flags, sizeof(flags), form, first, second);
	setenv("MAKEFLAGS", flags, 1);
	assert_int_equal(eg_limit_from_jobserver(&limit), -EBADF);
	assert_null(limit);
}

static void what_is_no_jobserver_is_refused(void **state)
{
	static const char form[] = " -j4 --jobserver-auth=%d,%d";
	struct server server, other;
	int file = open("/dev/null", O_RDWR);

	(void)state;
	assert_true(file >= 0);
	server_open(&server, 0);
	server_open(&other, 0);
	refuse(form, 998, 999);
	refuse(form, -2, -2);
	refuse(form, file, file);
	refuse(form, server.ends[1], server.ends[0]);
	refuse(form, server.ends[0], other.ends[1]);
	refuse(form, server.ends[0], file);
	refuse(" --jobserver-auth=nonsense", 0, 0);
	refuse(" --jobserver-auth=fifo:", 0, 0);
	refuse(" --jobserver-auth=fifo:/nowhere/at/all", 0, 0);
	refuse(" --jobserver-auth=fifo:/dev/null", 0, 0);
	/* The last one counts. */
	refuse(" --jobserver-auth=fifo:/nowhere --jobserver-fds=1,2 --jobserver-auth=%d,%d", 998, 999);
	server_close(&other);
	server_close(&server);
	close(file);
}

static void a_process_has_one_limit_of_the_jobserver(void **state)
{
	struct server server;
	eg_limit *limit, *same;

	(void)state;
	server_open(&server, 1);
	limit = limit_open();
	same = limit_open();
	assert_ptr_equal(limit, same);
	assert_int_equal(eg_limit_set(limit, 3), -EINVAL);
	assert_int_equal(eg_limit_now(limit), 1);
	eg_limit_unref(limit);
	assert_int_equal(eg_limit_now(same), 1);
	eg_limit_unref(same);
	limit = limit_open();
	eg_limit_unref(limit);
	server_close(&server);
}

static void a_token_goes_back_when_its_task_ends_and_not_when_the_group_does(void **state)
{
	struct hold holds[2] = {HOLD_INIT, HOLD_INIT};
	struct server server;
	eg_limit *limit;
	eg_group group;

	(void)state;
	server_open(&server, 2);
	limit = limit_open();
	group_open(&group, limit, 0, EG_GROUP_NO_HELP);
	for (int i = 0; i < 2; i++)
		eg_group_go(&group, task_hold, &holds[i]);
	for (int i = 0; i < 2; i++)
		tally_await(&holds[i].started, 1);
	assert_int_equal(server_has(&server), 1);
	assert_int_equal(eg_limit_now(limit), 2);
	/* Whichever of them had the free place. */
	tally_add(&holds[0].release, 1);
	server_await(&server, 2);
	tally_add(&holds[1].release, 1);
	group_close(&group);
	eg_limit_unref(limit);
	server_close(&server);
}

/* Another process has all tokens, and gives one back later. */
static void a_task_starts_when_another_process_gives_a_token_back(void **state)
{
	struct meeting meeting = {TALLY_INIT, 2};
	struct server server;
	eg_limit *limit;
	eg_group group;
	char token;

	(void)state;
	server_open(&server, 1);
	assert_int_equal(read(server.ends[0], &token, 1), 1);
	limit = limit_open();
	group_open(&group, limit, 2, EG_GROUP_NO_HELP);
	for (int i = 0; i < 2; i++)
		eg_group_go(&group, task_meet, &meeting);
	tally_await(&meeting.met, 1);
	for (int i = 0; i < 100; i++)
		sched_yield();
	assert_int_equal(tally_value(&meeting.met), 1);
	assert_int_equal(write(server.ends[1], &token, 1), 1);
	group_close(&group);
	server_await(&server, 1);
	eg_limit_unref(limit);
	server_close(&server);
}

/* The process has all that make allows it, and then gives a token back, which nobody else takes. */
static void a_token_that_the_process_gives_back_is_for_those_who_wait_in_it(void **state)
{
	struct hold holds[3] = {HOLD_INIT, HOLD_INIT, HOLD_INIT};
	struct server server;
	eg_group groups[3];
	struct waiter waiter = WAITER_INIT(&groups[2]);
	pthread_t thread;
	eg_limit *limit;

	(void)state;
	server_open(&server, 1);
	limit = limit_open();
	for (int i = 0; i < 3; i++) {
		group_open(&groups[i], limit, 1, i < 2 ? EG_GROUP_NO_HELP : 0);
		eg_group_go(&groups[i], task_hold, &holds[i]);
		if (i < 2)
			tally_await(&holds[i].started, 1);
	}
	assert_int_equal(pthread_create(&thread, NULL, waiter_main, &waiter), 0);
	(void)thread_blocks(&waiter.thread, &waiter.returned);
	tally_add(&holds[1].release, 1);
	tally_await(&holds[2].started, 1);
	tally_add(&holds[2].release, 1);
	pthread_join(thread, NULL);
	tally_add(&holds[0].release, 1);
	for (int i = 0; i < 3; i++)
		group_close(&groups[i]);
	eg_limit_unref(limit);
	server_close(&server);
}

/* Somebody else takes tokens and puts them back all the time. */
struct rival {
	const struct server *server;
	atomic_bool over;
};

static void *rival_main(void *arg)
{
	struct rival *rival = arg;
	char token;

	while (!atomic_load(&rival->over)) {
		struct server *server = (struct server *)(uintptr_t)rival->server;

		if (server_has(server) > 0 && read(server->ends[0], &token, 1) == 1) {
			sched_yield();
			CHECK(write(server->ends[1], &token, 1) == 1);
		}
		sched_yield();
	}
	return NULL;
}

static void groups_stay_within_the_tokens_beside_a_rival(void **state)
{
	struct gauged gauged = {.yields = true};
	struct server server;
	struct rival rival = {&server, false};
	eg_group groups[2];
	eg_limit *limit;
	pthread_t thread;
	long count = scaled(500);

	(void)state;
	server_open(&server, 2);
	/* The rival reads after a look, and may find nothing. */
	assert_int_equal(fcntl(server.ends[0], F_SETFL, O_NONBLOCK), 0);
	limit = limit_open();
	assert_int_equal(pthread_create(&thread, NULL, rival_main, &rival), 0);
	for (int i = 0; i < 2; i++)
		group_open(&groups[i], limit, 3, 0);
	for (long i = 0; i < count; i++)
		eg_group_go(&groups[i % 2], task_gauged, &gauged);
	for (int i = 0; i < 2; i++)
		group_close(&groups[i]);
	atomic_store(&rival.over, true);
	pthread_join(thread, NULL);
	assert_int_equal(atomic_load(&gauged.ran), count);
	assert_in_range(atomic_load(&gauged.gauge.most), 1, 3);
	server_await(&server, 2);
	eg_limit_unref(limit);
	server_close(&server);
}

static int task_panics(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	tally_meet(arg, 2);
	eg_panic("no way");
}

static int task_exits(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	tally_meet(arg, 2);
	pthread_exit(NULL);
}

/* Waits for tasks of a group of its own, which need both places. */
static int task_nests(eg_ctx *ctx, void *arg)
{
	struct meeting meeting = {TALLY_INIT, 2};
	eg_group inner;
	int code;

	CHECK(eg_group_init(&inner, ctx, EG_GROUP_OPTIONS(.shared_limit = arg)) == 0);
	for (int i = 0; i < 2; i++)
		CHECK(eg_group_go(&inner, task_meet, &meeting) == 0);
	code = eg_group_wait(&inner);
	eg_group_destroy(&inner);
	return code;
}

static void tokens_come_back_however_tasks_end(void **state)
{
	static eg_task_fn *const ends[] = {task_panics, task_exits};
	struct server server;
	eg_limit *limit;
	eg_group group;

	(void)state;
	server_open(&server, 1);
	limit = limit_open();
	for (size_t i = 0; i < 2; i++) {
		struct tally met = TALLY_INIT;

		group_open(&group, limit, 0, EG_GROUP_NO_HELP);
		for (int k = 0; k < 2; k++)
			eg_group_go(&group, ends[i], &met);
		assert_true(eg_group_wait(&group) < 0);
		eg_group_destroy(&group);
		server_await(&server, 1);
	}
	group_open(&group, limit, 1, 0);
	for (int k = 0; k < 4; k++)
		eg_group_go(&group, task_nests, limit);
	group_close(&group);
	server_await(&server, 1);
	eg_limit_unref(limit);
	server_close(&server);
}

static void a_group_that_waits_for_a_token_can_be_given_up(void **state)
{
	struct hold hold = HOLD_INIT;
	eg_group holder, group;
	struct server server;
	eg_limit *limit;

	(void)state;
	server_open(&server, 0);
	limit = limit_open();
	group_open(&holder, limit, 1, EG_GROUP_NO_HELP);
	eg_group_go(&holder, task_hold, &hold);
	tally_await(&hold.started, 1);
	for (long round = 0; goes_on(round, 50); round++) {
		struct waiter waiter = WAITER_INIT(&group);
		pthread_t thread;

		group_open(&group, limit, 2, EG_GROUP_SKIP_UNSTARTED);
		for (int i = 0; i < 3; i++)
			eg_group_go(&group, task_nothing, NULL);
		assert_int_equal(pthread_create(&thread, NULL, waiter_main, &waiter), 0);
		if (round % 2)
			(void)thread_blocks(&waiter.thread, &waiter.returned);
		assert_int_equal(eg_group_cancel(&group, NULL), 0);
		pthread_join(thread, NULL);
		assert_int_equal(waiter.code, -ECANCELED);
		eg_group_destroy(&group);
	}
	tally_add(&hold.release, 1);
	group_close(&holder);
	eg_limit_unref(limit);
	server_close(&server);
}

/*
 * The end of the process, and its children
 */

/* Two tasks run, and will not end. */
static void begin_two(struct hold *holds, eg_group *group, eg_limit **ret_limit)
{
	EXPECT(eg_limit_from_jobserver(ret_limit) == 0);
	EXPECT(eg_group_init(group, NULL, EG_GROUP_OPTIONS(.shared_limit = *ret_limit)) == 0);
	for (int i = 0; i < 2; i++) {
		EXPECT(eg_group_go(group, task_hold, &holds[i]) == 0);
		tally_await(&holds[i].started, 1);
	}
}

static void exit_while_tasks_run(void *arg)
{
	static struct hold holds[2] = {HOLD_INIT, HOLD_INIT};
	static eg_group group;
	eg_limit *limit;

	begin_two(holds, &group, &limit);
	EXPECT(server_has(arg) == 0);
	exit(0);
}

static void exit_gives_the_tokens_of_running_tasks_back(void **state)
{
	struct server server;
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		skip();
	server_open(&server, 1);
	child_run(exit_while_tasks_run, &server, &child);
	assert_true(child_exited(&child, 0));
	server_close(&server);
}

static void exit_as_a_child(void *arg)
{
	eg_limit *limit = arg;

	EXPECT(eg_limit_now(limit) == EG_EFORKED);
	eg_limit_unref(limit);
	exit(0);
}

static void a_forked_child_gives_no_tokens_back(void **state)
{
	struct hold holds[2] = {HOLD_INIT, HOLD_INIT};
	struct server server;
	struct child child;
	eg_group group;
	eg_limit *limit;

	(void)state;
	server_open(&server, 1);
	begin_two(holds, &group, &limit);
	assert_int_equal(server_has(&server), 0);
	child_run(exit_as_a_child, limit, &child);
	assert_true(child_exited(&child, 0));
	assert_int_equal(server_has(&server), 0);
	for (int i = 0; i < 2; i++)
		tally_add(&holds[i].release, 1);
	group_close(&group);
	server_await(&server, 1);
	eg_limit_unref(limit);
	server_close(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_pipe_that_make_opens_is_used),
	    TEST(the_named_pipe_of_newer_makes_is_used),
	    TEST(without_a_jobserver_there_is_no_limit),
	    TEST(what_is_no_jobserver_is_refused),
	    TEST(a_process_has_one_limit_of_the_jobserver),
	    TEST(a_token_goes_back_when_its_task_ends_and_not_when_the_group_does),
	    TEST(a_task_starts_when_another_process_gives_a_token_back),
	    TEST(a_token_that_the_process_gives_back_is_for_those_who_wait_in_it),
	    TEST(groups_stay_within_the_tokens_beside_a_rival),
	    TEST(tokens_come_back_however_tasks_end),
	    TEST(a_group_that_waits_for_a_token_can_be_given_up),
	    TEST(exit_gives_the_tokens_of_running_tasks_back),
	    TEST(a_forked_child_gives_no_tokens_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
