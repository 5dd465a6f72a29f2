/* SPDX-License-Identifier: MIT */
/*
 * Processes that tasks start. Whichever thread runs the task, a child of fork is as one of the main thread's; and so is a
 * program that is started between eg_spawn_begin and eg_spawn_end.
 *
 * The test is a program of its own for that, too: with the argument "signals" it prints which signals it has blocked,
 * and which timer slack, as it was started.
 */

#include "support.h"

#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define TEXT_SIZE 256

static void describe(char text[TEXT_SIZE])
{
	int length;
	sigset_t mask;

	CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
	length = snprintf(text, TEXT_SIZE, "slack %d, blocked:", prctl(PR_GET_TIMERSLACK, 0, 0, 0, 0));
	for (int number = 1; number <= SIGRTMAX; number++)
		if (sigismember(&mask, number) == 1 && length < TEXT_SIZE)
			length += snprintf(text + length, (size_t)(TEXT_SIZE - length), " %d", number);
}

/* A task, or the same as a call: starts a child in some way and has it describe itself. */
struct start {
	void (*fn)(char text[TEXT_SIZE]);
	char text[TEXT_SIZE];
};

static int task_start(eg_ctx *ctx, void *arg)
{
	struct start *start = arg;

	(void)ctx;
	start->fn(start->text);
	return 0;
}

static void read_all(int fd, char text[TEXT_SIZE])
{
	size_t length = 0;
	ssize_t count;

	while (length < TEXT_SIZE - 1 && (count = read(fd, text + length, TEXT_SIZE - 1 - length)) > 0)
		length += (size_t)count;
	text[length] = '\0';
	close(fd);
}

static void by_fork(char text[TEXT_SIZE])
{
	int ends[2];
	pid_t child;

	CHECK(pipe(ends) == 0);
	child = fork();
	if (child == 0) {
		describe(text);
		_exit(write(ends[1], text, strlen(text)) < 0);
	}
	close(ends[1]);
	read_all(ends[0], text);
	CHECK(waitpid(child, NULL, 0) == child);
}

static char *const self[] = {(char *)"/proc/self/exe", (char *)"signals", NULL};

static void by_fork_and_exec(char text[TEXT_SIZE])
{
	int ends[2];
	pid_t child;

	CHECK(pipe(ends) == 0);
	child = fork();
	if (child == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execv(self[0], self);
		_exit(127);
	}
	close(ends[1]);
	read_all(ends[0], text);
	CHECK(waitpid(child, NULL, 0) == child);
}

static void by_posix_spawn(char text[TEXT_SIZE])
{
	posix_spawn_file_actions_t actions;
	int ends[2];
	pid_t child;

	CHECK(pipe(ends) == 0);
	CHECK(posix_spawn_file_actions_init(&actions) == 0);
	CHECK(posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO) == 0);
	eg_spawn_begin();
	CHECK(posix_spawn(&child, self[0], &actions, NULL, self, environ) == 0);
	eg_spawn_end();
	posix_spawn_file_actions_destroy(&actions);
	close(ends[1]);
	read_all(ends[0], text);
	CHECK(waitpid(child, NULL, 0) == child);
}

/* What the manual shows for threads that are to handle no signal meanwhile. */
static void by_posix_spawn_with_mask(char text[TEXT_SIZE])
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t mask;
	int ends[2];
	pid_t child;

	eg_spawn_begin();
	CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
	eg_spawn_end();
	CHECK(posix_spawnattr_init(&attributes) == 0);
	CHECK(posix_spawnattr_setsigmask(&attributes, &mask) == 0);
	CHECK(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK) == 0);
	CHECK(pipe(ends) == 0);
	CHECK(posix_spawn_file_actions_init(&actions) == 0);
	CHECK(posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO) == 0);
	CHECK(posix_spawn(&child, self[0], &actions, &attributes, self, environ) == 0);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	close(ends[1]);
	read_all(ends[0], text);
	CHECK(waitpid(child, NULL, 0) == child);
}

/* The shell may change its own mask, but has to end. */
static void by_popen(char text[TEXT_SIZE])
{
	FILE *pipe;

	eg_spawn_begin();
	pipe = popen("true & wait $!; echo done", "r");
	CHECK(pipe != NULL);
	CHECK(fgets(text, TEXT_SIZE, pipe) == text);
	CHECK(pclose(pipe) == 0);
	eg_spawn_end();
}

static void by_system(char text[TEXT_SIZE])
{
	eg_spawn_begin();
	snprintf(text, TEXT_SIZE, "status %d", system("true & wait $!; exit 7"));
	eg_spawn_end();
}

static void run_on_worker(eg_task_fn *fn, void *arg)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group;

	options.limit = 1;
	options.flags = EG_GROUP_NO_HELP;
	EXPECT(eg_group_init(&group, NULL, &options) == 0);
	EXPECT(eg_group_go(&group, fn, arg) == 0);
	EXPECT(eg_group_wait(&group) == 0);
	EXPECT(eg_group_destroy(&group) == 0);
}

static void callback_start(void *arg)
{
	struct start *start = arg;

	start->fn(start->text);
}

/* For several workers to have been on watch, asleep and awake again. */
static void keep_the_crew_busy(void)
{
	eg_group group = EG_GROUP_INIT;
	atomic_long ran = 0;

	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 20; i++)
			EXPECT(eg_group_go(&group, task_count, &ran) == 0);
		EXPECT(eg_group_wait(&group) == 0);
		sched_yield();
	}
	EXPECT(eg_group_destroy(&group) == 0);
}

static void expect_as_by_main(void (*fn)(char text[TEXT_SIZE]))
{
	struct start by_main = {fn, ""}, by_worker = {fn, ""}, by_deadline = {fn, ""};

	task_start(NULL, &by_main);
	keep_the_crew_busy();
	run_on_worker(task_start, &by_worker);
	call_at_deadline(callback_start, &by_deadline);
	if (strcmp(by_main.text, by_worker.text) == 0 && strcmp(by_main.text, by_deadline.text) == 0)
		return;
	fprintf(stderr, "by main: %s, by a worker: %s, at a deadline: %s\n", by_main.text, by_worker.text,
		by_deadline.text);
	_exit(1);
}

static void child_with_signals(const int *signals, size_t count, void (*fn)(char text[TEXT_SIZE]))
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < count; i++)
		sigaddset(&set, signals[i]);
	EXPECT(pthread_sigmask(SIG_SETMASK, &set, NULL) == 0);
	/* One that is not the kernel's own. */
	EXPECT(prctl(PR_SET_TIMERSLACK, 40000UL, 0UL, 0UL, 0UL) == 0);
	expect_as_by_main(fn);
}

static void child_without_signals_blocked(void *arg)
{
	child_with_signals(NULL, 0, *(void (**)(char text[TEXT_SIZE]))arg);
}

static void child_with_signals_blocked(void *arg)
{
	static const int signals[] = {SIGUSR1, SIGPIPE, SIGPROF, SIGABRT, SIGWINCH, SIGSEGV};

	child_with_signals(signals, sizeof(signals) / sizeof(signals[0]),
			   *(void (**)(char text[TEXT_SIZE]))arg);
}

static void expect_children_are_mains(void (*fn)(char text[TEXT_SIZE]))
{
	struct child child;

	if (!child_may_start_threads())
		skip();
	child_run(child_without_signals_blocked, &fn, &child);
	assert_true(child_exited(&child, 0));
	child_run(child_with_signals_blocked, &fn, &child);
	assert_true(child_exited(&child, 0));
}

static void a_child_of_fork_blocks_what_the_process_blocks(void **state)
{
	(void)state;
	expect_children_are_mains(by_fork);
}

static void a_program_started_by_fork_and_exec_does_too(void **state)
{
	(void)state;
	expect_children_are_mains(by_fork_and_exec);
}

static void and_one_started_by_posix_spawn_in_a_section(void **state)
{
	(void)state;
	expect_children_are_mains(by_posix_spawn);
}

static void and_one_started_with_the_mask_that_a_section_tells(void **state)
{
	(void)state;
	expect_children_are_mains(by_posix_spawn_with_mask);
}

static void a_shell_in_a_section_sees_its_background_jobs_end(void **state)
{
	(void)state;
	expect_children_are_mains(by_popen);
	expect_children_are_mains(by_system);
}

static void child_with_signals_awaited(void *arg)
{
	eg_ctx *ctx;

	(void)arg;
	EXPECT(eg_ctx_with_signals(NULL, (const int[]){SIGUSR2, SIGINT}, 2, &ctx) == 0);
	expect_as_by_main(by_fork);
	expect_as_by_main(by_fork_and_exec);
	eg_ctx_unref(ctx);
}

/* The library holds them back while a process forks. */
static void a_child_does_so_while_contexts_wait_for_signals(void **state)
{
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		skip();
	child_run(child_with_signals_awaited, NULL, &child);
	assert_true(child_exited(&child, 0));
}

/*
 * While the main thread forks, which it does all the time, threads are hired by another one. Handlers of fork that were
 * set up before the library was used run while it holds the signals back; they make that last.
 */
static void linger(void)
{
	for (int i = 0; i < 100; i++)
		sched_yield();
}

static int task_tell_blocked(eg_ctx *ctx, void *arg)
{
	sigset_t mask;

	(void)ctx;
	eg_spawn_begin();
	CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
	eg_spawn_end();
	if (sigismember(&mask, SIGUSR2))
		atomic_store((atomic_bool *)arg, true);
	return 0;
}

struct hirer {
	atomic_bool is_blocked, is_over;
};

static void *hirer_main(void *arg)
{
	struct hirer *hirer = arg;

	for (int i = 0; goes_on(i, 100); i++) {
		run_on_worker(task_tell_blocked, &hirer->is_blocked);
		CHECK(eg_threads_end_idle() == 0);
	}
	atomic_store(&hirer->is_over, true);
	return NULL;
}

static void child_forks_while_another_thread_hires(void *arg)
{
	struct hirer hirer = {false, false};
	pthread_t thread;
	eg_ctx *ctx;

	(void)arg;
	EXPECT(pthread_atfork(linger, NULL, NULL) == 0);
	EXPECT(eg_ctx_with_signals(NULL, (const int[]){SIGUSR2}, 1, &ctx) == 0);
	EXPECT(pthread_create(&thread, NULL, hirer_main, &hirer) == 0);
	while (!atomic_load(&hirer.is_over)) {
		pid_t child = fork();

		if (child == 0)
			_exit(0);
		EXPECT(waitpid(child, NULL, 0) == child);
	}
	EXPECT(pthread_join(thread, NULL) == 0);
	EXPECT(!atomic_load(&hirer.is_blocked));
	eg_ctx_unref(ctx);
}

static void a_worker_hired_while_the_process_forks_blocks_nothing_more(void **state)
{
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		skip();
	child_run(child_forks_while_another_thread_hires, NULL, &child);
	assert_true(child_exited(&child, 0));
}

/* A child that waits for a signal for ever: what ends it is that signal. */
static int task_end_child(eg_ctx *ctx, void *arg)
{
	pid_t child = fork();

	(void)ctx;
	if (child == 0) {
		/* If the signal does not, the end of the test does. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			pause();
	}
	CHECK(kill(child, *(int *)arg) == 0);
	CHECK(waitpid(child, arg, 0) == child);
	return 0;
}

static void child_that_ends_children(void *arg)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGALRM};

	(void)arg;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		int status = signals[i];

		/* A shell has its background jobs ignore some, and nohup others. */
		EXPECT(signal(signals[i], SIG_DFL) != SIG_ERR);
		run_on_worker(task_end_child, &status);
		EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == signals[i]);
	}
}

static void a_child_of_a_task_is_ended_by_signals(void **state)
{
	struct child child;

	(void)state;
	child_run(child_that_ends_children, NULL, &child);
	assert_true(child_exited(&child, 0));
}

/* What a child has to know that asks to end with its parent: Linux means the thread. */
static int task_start_and_exit(eg_ctx *ctx, void *arg)
{
	int ends[2];
	char byte;

	(void)ctx;
	CHECK(pipe(ends) == 0);
	*(pid_t *)arg = fork();
	if (*(pid_t *)arg == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (write(ends[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	CHECK(read(ends[0], &byte, 1) == 1);
	close(ends[0]);
	close(ends[1]);
	pthread_exit(NULL);
}

static void a_child_that_is_to_end_with_its_parent_ends_with_the_worker(void **state)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group;
	pid_t child = -1;
	int status;

	(void)state;
	options.flags = EG_GROUP_NO_HELP;
	assert_int_equal(eg_group_init(&group, NULL, &options), 0);
	eg_group_go(&group, task_start_and_exit, &child);
	assert_int_equal(eg_group_wait(&group), EG_EEXITED);
	eg_group_destroy(&group);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/*
 * Sections.
 */
static bool is_blocked(int number)
{
	sigset_t mask;

	CHECK(pthread_sigmask(SIG_SETMASK, NULL, &mask) == 0);
	return sigismember(&mask, number) == 1;
}

static int task_nest(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	CHECK(is_blocked(SIGUSR1));
	eg_spawn_begin();
	CHECK(!is_blocked(SIGUSR1));
	eg_spawn_begin();
	CHECK(!is_blocked(SIGUSR1));
	eg_spawn_end();
	CHECK(!is_blocked(SIGUSR1));
	eg_spawn_end();
	CHECK(is_blocked(SIGUSR1));
	return 0;
}

static void sections_nest(void **state)
{
	(void)state;
	run_on_worker(task_nest, NULL);
}

static int task_leave_open(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	eg_spawn_begin();
	eg_spawn_begin();
	CHECK(!is_blocked(SIGUSR1));
	if (arg)
		eg_panic("in a section");
	return 0;
}

static int task_expect_blocked(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	CHECK(is_blocked(SIGUSR1));
	return 0;
}

static void a_section_ends_with_its_task(void **state)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group;

	(void)state;
	options.limit = 1;
	options.flags = EG_GROUP_NO_HELP;
	assert_int_equal(eg_group_init(&group, NULL, &options), 0);
	for (int i = 0; i < 10; i++) {
		eg_group_go(&group, task_leave_open, i % 2 ? &group : NULL);
		eg_group_go(&group, task_expect_blocked, NULL);
	}
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);
	assert_int_equal(eg_group_error_count(&group), 5);
	eg_group_destroy(&group);
}

/* A task that waits for another group in a section runs that group's tasks itself. */
static int task_outer(eg_ctx *ctx, void *arg)
{
	eg_group inner = EG_GROUP_INIT;

	(void)ctx;
	(void)arg;
	eg_spawn_begin();
	for (int i = 0; i < 10; i++)
		CHECK(eg_group_go(&inner, task_leave_open, i % 2 ? &inner : NULL) == 0);
	CHECK(eg_group_wait(&inner) == EG_EPANIC);
	eg_group_destroy(&inner);
	CHECK(!is_blocked(SIGUSR1));
	eg_spawn_end();
	CHECK(is_blocked(SIGUSR1));
	return 0;
}

static void a_section_outlives_those_of_tasks_within_its_own(void **state)
{
	(void)state;
	for (long i = 0; i < scaled(100); i++)
		run_on_worker(task_outer, NULL);
}

static void on_a_thread_of_the_program_a_section_changes_nothing(void **state)
{
	sigset_t set, before;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, &before), 0);
	eg_spawn_begin();
	assert_true(is_blocked(SIGUSR1));
	eg_spawn_end();
	assert_true(is_blocked(SIGUSR1));
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
}

static void child_that_ends_nothing(void *arg)
{
	(void)arg;
	eg_spawn_begin();
	eg_spawn_end();
	eg_spawn_end();
}

static void an_end_without_a_beginning_is_misuse(void **state)
{
	struct child child;

	(void)state;
	child_run(child_that_ends_nothing, NULL, &child);
	assert_true(child_killed(&child, SIGABRT));
	assert_non_null(strstr(child.text, "eg_spawn_end without eg_spawn_begin"));
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_child_of_fork_blocks_what_the_process_blocks),
	    TEST(a_program_started_by_fork_and_exec_does_too),
	    TEST(a_child_does_so_while_contexts_wait_for_signals),
	    TEST(a_worker_hired_while_the_process_forks_blocks_nothing_more),
	    TEST(and_one_started_by_posix_spawn_in_a_section),
	    TEST(and_one_started_with_the_mask_that_a_section_tells),
	    TEST(a_shell_in_a_section_sees_its_background_jobs_end),
	    TEST(a_child_of_a_task_is_ended_by_signals),
	    TEST(a_child_that_is_to_end_with_its_parent_ends_with_the_worker),
	    TEST(sections_nest),
	    TEST(a_section_ends_with_its_task),
	    TEST(a_section_outlives_those_of_tasks_within_its_own),
	    TEST(on_a_thread_of_the_program_a_section_changes_nothing),
	    TEST(an_end_without_a_beginning_is_misuse),
	};

	if (argc > 1 && strcmp(argv[1], "signals") == 0) {
		char text[TEXT_SIZE];

		describe(text);
		return fputs(text, stdout) < 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
