/* SPDX-License-Identifier: MIT */
/*
 * Signals: workers block what is sent to the process, so that the program's handlers run on its own threads; what a task's
 * instructions and calls raise has the same effect as on the main thread; the program's own masks stay as they are.
 */

#include "support.h"

#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

static void group_init_workers_only(eg_group *group, int limit)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;

	options.limit = limit;
	options.flags = EG_GROUP_NO_HELP;
	assert_int_equal(eg_group_init(group, NULL, &options), 0);
}

static int task_own_mask(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	return pthread_sigmask(SIG_SETMASK, NULL, arg) ? -EINVAL : 0;
}

static void worker_mask(sigset_t *ret_mask)
{
	eg_group group;

	group_init_workers_only(&group, 1);
	eg_group_go(&group, task_own_mask, ret_mask);
	EXPECT(eg_group_wait(&group) == 0);
	eg_group_destroy(&group);
}

static const int sent[] = {SIGINT,  SIGTERM,   SIGHUP,   SIGQUIT, SIGUSR1, SIGUSR2, SIGCHLD,
			   SIGALRM, SIGVTALRM, SIGWINCH, SIGTSTP, SIGCONT, SIGURG,  SIGXCPU};
static const int raised_by_instructions[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS};
static const int raised_by_calls[] = {SIGABRT, SIGPIPE, SIGXFSZ, SIGPROF};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A worker's mask while the main thread blocks one more, or none: any but that, and what is sent, is open. */
static void expect_worker_mask(int blocked)
{
	sigset_t mask, mains;

	sigemptyset(&mains);
	if (blocked)
		sigaddset(&mains, blocked);
	EXPECT(pthread_sigmask(SIG_SETMASK, &mains, NULL) == 0);
	worker_mask(&mask);
	for (size_t i = 0; i < COUNT(sent); i++)
		EXPECT(sigismember(&mask, sent[i]) == 1);
	for (size_t i = 0; i < COUNT(raised_by_instructions); i++)
		EXPECT(sigismember(&mask, raised_by_instructions[i]) == 0);
	for (size_t i = 0; i < COUNT(raised_by_calls); i++)
		EXPECT(sigismember(&mask, raised_by_calls[i]) == (raised_by_calls[i] == blocked));
}

static void child_with_one_blocked(void *arg)
{
	expect_worker_mask(*(const int *)arg);
}

static void *expect_on_thread(void *arg)
{
	sigset_t every, mask;

	sigfillset(&every);
	EXPECT(pthread_sigmask(SIG_SETMASK, &every, NULL) == 0);
	worker_mask(&mask);
	for (size_t i = 0; i < COUNT(raised_by_calls); i++)
		EXPECT(sigismember(&mask, raised_by_calls[i]) == (raised_by_calls[i] == *(int *)arg));
	return NULL;
}

/* Another thread, which blocks all, is the first to submit: what counts is what the main thread blocks. */
static void child_with_another_first(void *arg)
{
	pthread_t thread;
	sigset_t mains;

	sigemptyset(&mains);
	sigaddset(&mains, *(const int *)arg);
	EXPECT(pthread_sigmask(SIG_SETMASK, &mains, NULL) == 0);
	EXPECT(pthread_create(&thread, NULL, expect_on_thread, arg) == 0);
	pthread_join(thread, NULL);
}

static void workers_block_what_is_sent_and_else_what_the_main_thread_blocks(void **state)
{
	struct child child;
	int none = 0;

	(void)state;
	if (!child_may_start_threads())
		skip();
	child_run(child_with_one_blocked, &none, &child);
	assert_true(child_exited(&child, 0));
	for (size_t i = 0; i < COUNT(raised_by_calls); i++) {
		int blocked = raised_by_calls[i];

		child_run(child_with_one_blocked, &blocked, &child);
		assert_true(child_exited(&child, 0));
		child_run(child_with_another_first, &blocked, &child);
		assert_true(child_exited(&child, 0));
	}
}

/*
 * The C library blocks all signals for a moment whenever it starts a thread or a process. Seen from another thread that is
 * not what the main thread blocks.
 */
struct starter {
	atomic_bool stop;
	struct tally begun;
};

static void *nothing_main(void *arg)
{
	return arg;
}

static void *looks_main(void *arg)
{
	struct starter *starter = arg;
	sigset_t mask;

	tally_await(&starter->begun, 1);
	worker_mask(&mask);
	atomic_store(&starter->stop, true);
	for (size_t i = 0; i < COUNT(raised_by_calls); i++)
		EXPECT(sigismember(&mask, raised_by_calls[i]) == 0);
	return NULL;
}

static void child_that_starts_threads(void *arg)
{
	struct starter starter = {false, TALLY_INIT};
	pthread_t looks, thread;

	(void)arg;
	EXPECT(pthread_create(&looks, NULL, looks_main, &starter) == 0);
	tally_add(&starter.begun, 1);
	while (!atomic_load(&starter.stop)) {
		EXPECT(pthread_create(&thread, NULL, nothing_main, NULL) == 0);
		pthread_join(thread, NULL);
	}
	pthread_join(looks, NULL);
}

static void what_the_main_thread_blocks_for_a_moment_does_not_count(void **state)
{
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		skip();
	for (long i = 0; goes_on(i, 50); i++) {
		child_run(child_that_starts_threads, NULL, &child);
		assert_true(child_exited(&child, 0));
	}
}

/*
 * Calls that raise a signal: what becomes of the task, and of the process, is the same on a worker as on the main thread.
 */
static int task_write_to_nobody(eg_ctx *ctx, void *arg)
{
	int ends[2];

	(void)ctx;
	(void)arg;
	CHECK(pipe(ends) == 0);
	close(ends[0]);
	return write(ends[1], "x", 1) == 1 ? 0 : -errno;
}

static int task_write_too_much(eg_ctx *ctx, void *arg)
{
	struct rlimit limit = {1, 1};
	FILE *file = tmpfile();
	int result;

	(void)ctx;
	(void)arg;
	CHECK(file != NULL && setrlimit(RLIMIT_FSIZE, &limit) == 0);
	CHECK(write(fileno(file), "x", 1) == 1);
	result = write(fileno(file), "x", 1) == 1 ? 0 : -errno;
	return result;
}

struct raising {
	eg_task_fn *task;
	int signal, error;
	void (*handler)(int signal);
	int blocked;
	bool on_worker;
};

/* The error that the call gets is the child's exit status. */
static void child_that_raises(void *arg)
{
	struct raising *raising = arg;
	sigset_t set;
	eg_group group;

	signal(raising->signal, raising->handler);
	sigemptyset(&set);
	if (raising->blocked)
		sigaddset(&set, raising->blocked);
	EXPECT(pthread_sigmask(SIG_SETMASK, &set, NULL) == 0);
	if (!raising->on_worker)
		_exit(-raising->task(NULL, NULL));
	group_init_workers_only(&group, 1);
	eg_group_go(&group, raising->task, NULL);
	_exit(-eg_group_wait(&group));
}

static void what_a_call_raises_has_the_same_effect_on_every_thread(void **state)
{
	static const struct raising calls[] = {
	    {task_write_to_nobody, SIGPIPE, EPIPE, SIG_DFL, 0, false},
	    {task_write_too_much, SIGXFSZ, EFBIG, SIG_DFL, 0, false},
	};

	(void)state;
	if (!child_may_start_threads())
		skip();
	for (size_t i = 0; i < 2 * COUNT(calls); i++) {
		struct raising raising = calls[i / 2];
		struct child child;

		raising.on_worker = i % 2;
		child_run(child_that_raises, &raising, &child);
		assert_true(child_killed(&child, raising.signal));
		raising.handler = SIG_IGN;
		child_run(child_that_raises, &raising, &child);
		assert_true(child_exited(&child, raising.error));
		raising.handler = SIG_DFL;
		raising.blocked = raising.signal;
		child_run(child_that_raises, &raising, &child);
		assert_true(child_exited(&child, raising.error));
	}
}

static void the_callers_mask_is_left_alone(void **state)
{
	sigset_t before, after;
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &before), 0);
	eg_group_set_limit(&group, 3);
	for (int i = 0; i < 100; i++)
		eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &after), 0);
	for (int signal = 1; signal < 32; signal++)
		assert_int_equal(sigismember(&before, signal), sigismember(&after, signal));
}

/*
 * The kernel prefers the main thread for a signal to the process and takes any other that does not block it.
 * So the main thread blocks the signal while it is sent: a worker that did not would have to take it.
 */

static pid_t main_thread;
static volatile sig_atomic_t handled;
static volatile sig_atomic_t handled_elsewhere;

static void on_signal(int signal)
{
	(void)signal;
	handled = handled + 1;
	if (thread_id() != main_thread)
		handled_elsewhere = handled_elsewhere + 1;
}

struct busy {
	atomic_bool stop;
	struct tally started;
};

static int task_busy(eg_ctx *ctx, void *arg)
{
	struct busy *busy = arg;

	(void)ctx;
	tally_add(&busy->started, 1);
	while (!atomic_load(&busy->stop))
		sched_yield();
	return 0;
}

static void no_signal_to_the_process_is_handled_on_a_worker(void **state)
{
	struct sigaction action = {.sa_handler = on_signal}, old;
	struct busy busy = {false, TALLY_INIT};
	struct hold hold = HOLD_INIT;
	sigset_t set, old_set;
	eg_group group;
	long rounds;

	(void)state;
	main_thread = thread_id();
	handled = 0;
	handled_elsewhere = 0;
	assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);

	/* A running worker, a blocked one and an idle one, all made by a thread that has the signal open. */
	group_init_workers_only(&group, 3);
	eg_group_go(&group, task_busy, &busy);
	eg_group_go(&group, task_hold, &hold);
	eg_group_go(&group, task_nothing, NULL);
	tally_await(&busy.started, 1);
	tally_await(&hold.started, 1);

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	for (rounds = 0; goes_on(rounds, 10000); rounds++) {
		assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, &old_set), 0);
		assert_int_equal(kill(getpid(), SIGUSR1), 0);
		sched_yield();
		assert_int_equal(pthread_sigmask(SIG_SETMASK, &old_set, NULL), 0);
	}
	assert_int_equal(handled, rounds);
	assert_int_equal(handled_elsewhere, 0);
	atomic_store(&busy.stop, true);
	tally_add(&hold.release, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	assert_int_equal(sigaction(SIGUSR1, &old, NULL), 0);
}

/* A handler without SA_RESTART makes system calls of the waiting thread end with EINTR: waits go on. */
struct pest {
	pthread_t victim;
	atomic_bool stop;
};

static void *pest_main(void *arg)
{
	struct pest *pest = arg;

	while (!atomic_load(&pest->stop)) {
		pthread_kill(pest->victim, SIGUSR1);
		sched_yield();
	}
	return NULL;
}

static void waits_go_on_when_signals_interrupt_them(void **state)
{
	struct sigaction action = {.sa_handler = on_signal}, old;
	struct pest pest = {pthread_self(), false};
	pthread_t thread;

	(void)state;
	main_thread = thread_id();
	assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
	assert_int_equal(pthread_create(&thread, NULL, pest_main, &pest), 0);
	for (long round = 0; goes_on(round, 200); round++) {
		struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
		atomic_long ran = 0;
		eg_group group;

		options.limit = 2;
		options.backlog = 1;
		assert_int_equal(eg_group_init(&group, NULL, &options), 0);
		for (int i = 0; i < 50; i++)
			assert_int_equal(eg_group_go(&group, task_count, &ran), 0);
		assert_int_equal(round % 2 ? eg_group_wait(&group) : eg_group_wait_until(&group, INT64_MAX),
				 0);
		assert_int_equal(atomic_load(&ran), 50);
		eg_group_destroy(&group);
	}
	atomic_store(&pest.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(sigaction(SIGUSR1, &old, NULL), 0);
}

/* Where only workers are left, nobody handles a signal, and nobody ends by it. */
static int task_find_pending(eg_ctx *ctx, void *arg)
{
	sigset_t pending;

	(void)ctx;
	(void)arg;
	await_end_of_main();
	CHECK(kill(getpid(), SIGTERM) == 0 && sigpending(&pending) == 0);
	_exit(sigismember(&pending, SIGTERM) == 1 ? 0 : 1);
}

static void child_that_main_leaves(void *arg)
{
	static eg_group group = EG_GROUP_INIT;

	(void)arg;
	EXPECT(eg_group_go(&group, task_find_pending, NULL) == 0);
	pthread_exit(NULL);
}

static void a_signal_stays_pending_where_only_workers_are_left(void **state)
{
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		skip();
	child_run(child_that_main_leaves, NULL, &child);
	assert_true(child_exited(&child, 0));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(workers_block_what_is_sent_and_else_what_the_main_thread_blocks),
	    TEST(what_the_main_thread_blocks_for_a_moment_does_not_count),
	    TEST(what_a_call_raises_has_the_same_effect_on_every_thread),
	    TEST(the_callers_mask_is_left_alone),
	    TEST(no_signal_to_the_process_is_handled_on_a_worker),
	    TEST(waits_go_on_when_signals_interrupt_them),
	    TEST(a_signal_stays_pending_where_only_workers_are_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
