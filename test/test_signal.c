/* SPDX-License-Identifier: MIT */
/*
 * Signals: workers block everything but synchronous faults, so that the program's handlers run on its own
 * threads; the program's own masks stay as they are.
 */

#include "support.h"

#include <signal.h>
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

static void workers_block_all_but_synchronous_faults(void **state)
{
	static const int blocked[] = {SIGINT,  SIGTERM, SIGHUP,   SIGQUIT, SIGUSR1, SIGUSR2,
				      SIGCHLD, SIGALRM, SIGWINCH, SIGTSTP, SIGCONT, SIGURG};
	static const int open[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
	eg_group group;
	sigset_t mask;

	(void)state;
	group_init_workers_only(&group, 1);
	eg_group_go(&group, task_own_mask, &mask);
	assert_int_equal(eg_group_wait(&group), 0);
	for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
		assert_int_equal(sigismember(&mask, blocked[i]), 1);
	for (size_t i = 0; i < sizeof(open) / sizeof(open[0]); i++)
		assert_int_equal(sigismember(&mask, open[i]), 0);
	eg_group_destroy(&group);
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

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(workers_block_all_but_synchronous_faults),
	    TEST(the_callers_mask_is_left_alone),
	    TEST(no_signal_to_the_process_is_handled_on_a_worker),
	    TEST(waits_go_on_when_signals_interrupt_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
