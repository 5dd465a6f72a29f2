/* SPDX-License-Identifier: MIT */
/*
 * Contexts that signals cancel: the first cancels, the second takes its default action, and the former actions come
 * back. Actions are the process's, so every test runs in a child of its own.
 */

#include "support.h"

#include <dirent.h>
#include <limits.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

static const int ends[] = {SIGINT, SIGTERM};

/* Under ThreadSanitizer a child may start threads only if its parent never had any: no test here starts one. */
static void run(void (*fn)(void *arg))
{
	struct child child;

	child_run(fn, NULL, &child);
	assert_true(child_exited(&child, 0));
}

static eg_ctx *ctx_with(eg_ctx *parent, int signal)
{
	eg_ctx *ctx = NULL;

	EXPECT(eg_ctx_with_signals(parent, &signal, 1, &ctx) == 0);
	return ctx;
}

static void (*action_of(int signal))(int)
{
	struct sigaction action;

	EXPECT(sigaction(signal, NULL, &action) == 0);
	return action.sa_handler;
}

static void set_action(int signal, void (*handler)(int))
{
	struct sigaction action = {.sa_handler = handler};

	EXPECT(sigaction(signal, &action, NULL) == 0);
}

static volatile sig_atomic_t handled;

static void note(int signal)
{
	(void)signal;
	handled++;
}

/*
 * First and second
 */

static void in_child_first(void *arg)
{
	eg_ctx *ctx, *below;

	(void)arg;
	for (int i = 0; i < 2; i++) {
		EXPECT(eg_ctx_with_signals(NULL, ends, 2, &ctx) == 0);
		EXPECT(eg_ctx_with_cancel(ctx, &below) == 0);
		EXPECT(eg_ctx_err(ctx) == 0);
		EXPECT(kill(getpid(), ends[i]) == 0);
		EXPECT(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) == 0);
		EXPECT(eg_ctx_err(ctx) == -ECANCELED);
		EXPECT(eg_error_code(eg_ctx_cause(ctx)) == EG_ESIGNAL(ends[i]));
		EXPECT(eg_error_signal(eg_ctx_cause(ctx)) == ends[i]);
		EXPECT(!strcmp(eg_error_message(eg_ctx_cause(ctx)), i ? "signal SIGTERM" : "signal SIGINT"));
		EXPECT(eg_ctx_wait_until(below, EG_CTX_NO_DEADLINE) == 0);
		EXPECT(eg_ctx_cause(below) == eg_ctx_cause(ctx));
		EXPECT(!strcmp(eg_strerror(EG_ESIGNAL(ends[i])), "signal arrived"));
		eg_ctx_unref(ctx);
		EXPECT(action_of(ends[1 - i]) != SIG_DFL); /* the context lives on, below */
		eg_ctx_unref(below);
		EXPECT(action_of(ends[1 - i]) == SIG_DFL);
	}
}

static void the_first_signal_cancels_with_the_signal_as_the_cause(void **state)
{
	(void)state;
	run(in_child_first);
}

static void in_child_second(void *arg)
{
	eg_ctx *ctx = ctx_with(NULL, SIGTERM);

	(void)arg;
	raise(SIGTERM);
	EXPECT(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) == 0);
	raise(SIGTERM);
}

static void the_second_takes_the_default_action(void **state)
{
	struct child child;

	(void)state;
	child_run(in_child_second, NULL, &child);
	assert_true(child_killed(&child, SIGTERM));
}

static void stuck(void *arg)
{
	(void)arg;
	raise(SIGINT);
	raise(SIGINT);
}

/* Also when what the first one began never ends: the library's thread is stuck in a callback. */
static void block_for_ever(void *arg)
{
	tally_add(arg, 1);
	for (;;)
		pause();
}

static void in_child_stuck(void *arg)
{
	struct tally called = TALLY_INIT;
	eg_ctx *ctx = ctx_with(NULL, SIGINT);
	eg_ctx_callback callback;

	EXPECT(eg_ctx_on_end(ctx, block_for_ever, &called, &callback) == 0);
	raise(SIGINT);
	tally_await(&called, 1);
	stuck(arg);
}

static void the_second_ends_a_process_that_is_stuck(void **state)
{
	struct child child;

	(void)state;
	child_run(in_child_stuck, NULL, &child);
	assert_true(child_killed(&child, SIGINT));
}

/*
 * Former actions
 */

static void in_child_restore(void *arg)
{
	static void (*const former[])(int) = {SIG_DFL, SIG_IGN, note};

	(void)arg;
	for (size_t i = 0; i < 3; i++) {
		for (int arrives = 0; arrives < 2; arrives++) {
			eg_ctx *ctx;

			set_action(SIGHUP, former[i]);
			ctx = ctx_with(NULL, SIGHUP);
			EXPECT(action_of(SIGHUP) != former[i]);
			if (arrives) {
				raise(SIGHUP);
				EXPECT(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) == 0);
			} else {
				eg_ctx_cancel(ctx, NULL);
			}
			eg_ctx_unref(ctx);
			EXPECT(action_of(SIGHUP) == former[i]);
		}
	}
	EXPECT(handled == 0);
	raise(SIGHUP);
	EXPECT(handled == 1);
}

static void the_former_action_is_put_back(void **state)
{
	(void)state;
	run(in_child_restore);
}

static void in_child_several(void *arg)
{
	eg_ctx *first, *second, *late, *both;

	(void)arg;
	set_action(SIGTERM, note);
	first = ctx_with(NULL, SIGTERM);
	second = ctx_with(first, SIGTERM);
	EXPECT(eg_ctx_with_signals(NULL, ends, 2, &both) == 0);
	raise(SIGTERM);
	EXPECT(eg_ctx_wait_until(first, EG_CTX_NO_DEADLINE) == 0);
	EXPECT(eg_ctx_wait_until(second, EG_CTX_NO_DEADLINE) == 0);
	EXPECT(eg_ctx_wait_until(both, EG_CTX_NO_DEADLINE) == 0);
	EXPECT(eg_error_code(eg_ctx_cause(both)) == EG_ESIGNAL(SIGTERM));

	/* One that is made now listens anew. */
	late = ctx_with(NULL, SIGTERM);
	EXPECT(eg_ctx_err(late) == 0);
	raise(SIGTERM);
	EXPECT(eg_ctx_wait_until(late, EG_CTX_NO_DEADLINE) == 0);
	eg_ctx_unref(first);
	eg_ctx_unref(late);
	eg_ctx_unref(both);
	EXPECT(action_of(SIGINT) == SIG_DFL);
	EXPECT(action_of(SIGTERM) != note);
	eg_ctx_unref(second);
	EXPECT(action_of(SIGTERM) == note);
	EXPECT(handled == 0);
}

static void several_contexts_may_listen_to_one_signal(void **state)
{
	(void)state;
	run(in_child_several);
}

static void in_child_replaced(void *arg)
{
	eg_ctx *ctx = ctx_with(NULL, SIGTERM), *other = NULL;

	(void)arg;
	set_action(SIGTERM, note);
	EXPECT(eg_ctx_with_signals(NULL, ends, 2, &other) == -EBUSY);
	EXPECT(other == NULL);
	EXPECT(action_of(SIGTERM) == note);
	EXPECT(action_of(SIGINT) == SIG_DFL); /* nothing is left of the attempt */
	raise(SIGTERM);
	EXPECT(handled == 1 && eg_ctx_err(ctx) == 0);
	eg_ctx_unref(ctx);
	EXPECT(action_of(SIGTERM) == note);

	/* Nobody listens any more, so it is a former action like any other. */
	ctx = ctx_with(NULL, SIGTERM);
	raise(SIGTERM);
	EXPECT(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) == 0);
	eg_ctx_unref(ctx);
	EXPECT(action_of(SIGTERM) == note && handled == 1);
}

static void a_handler_that_somebody_put_in_place_meanwhile_is_left_alone(void **state)
{
	(void)state;
	run(in_child_replaced);
}

/*
 * Refusals, parents, forks
 */

static void in_child_refused(void *arg)
{
	static const int refused[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP,
				      SIGSYS,  SIGABRT, 0,       -1,     65,     32,     INT_MAX};
	eg_ctx *ctx = NULL;

	(void)arg;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		int list[] = {SIGUSR1, refused[i]};
		struct sigaction action;

		EXPECT(eg_ctx_with_signals(NULL, list, 2, &ctx) == -EINVAL);
		EXPECT(sigaction(SIGUSR1, NULL, &action) == 0);
		EXPECT(action.sa_handler == SIG_DFL);
	}
	EXPECT(eg_ctx_with_signals(NULL, NULL, 1, &ctx) == -EINVAL);
	EXPECT(eg_ctx_with_signals(NULL, ends, 0, &ctx) == -EINVAL);
	EXPECT(eg_ctx_with_signals(NULL, ends, 2, NULL) == -EINVAL);
	EXPECT(ctx == NULL);
}

static void signals_that_cannot_be_used_are_refused(void **state)
{
	(void)state;
	run(in_child_refused);
}

static void in_child_parent(void *arg)
{
	eg_error *cause = eg_error_create(-EIO, "cause");
	eg_ctx *parent, *ctx, *late;

	(void)arg;
	EXPECT(eg_ctx_with_cancel(NULL, &parent) == 0);
	ctx = ctx_with(parent, SIGTERM);
	EXPECT(eg_ctx_cancel(parent, cause) == 0);
	EXPECT(eg_ctx_cause(ctx) == cause);
	late = ctx_with(parent, SIGRTMIN);
	EXPECT(eg_ctx_cause(late) == cause);

	/* It listens until it is freed: the first signal does no harm to a program that is about to end. */
	raise(SIGTERM);
	raise(SIGRTMIN);
	EXPECT(eg_ctx_cause(ctx) == cause);
	eg_ctx_unref(late);
	eg_ctx_unref(ctx);
	eg_ctx_unref(parent);
	eg_error_unref(cause);
}

static void a_context_that_is_over_listens_until_it_is_freed(void **state)
{
	(void)state;
	run(in_child_parent);
}

static void in_grandchild(void *arg)
{
	eg_ctx *ctx = arg;

	EXPECT(action_of(SIGTERM) == note);
	EXPECT(action_of(SIGINT) == SIG_DFL);
	EXPECT(eg_ctx_err(ctx) == 0);
	/* The thread that listens may have been starting at the fork. */
	if (!child_of_busy_may_allocate())
		return;
	eg_ctx_unref(ctx);
	EXPECT(action_of(SIGTERM) == note);
	/* ThreadSanitizer hands signals out as it likes, too. */
	if (!child_may_start_threads())
		return;
	raise(SIGTERM);
	EXPECT(handled == 1);

	/* New ones work. */
	ctx = ctx_with(NULL, SIGTERM);
	raise(SIGTERM);
	EXPECT(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) == 0);
	eg_ctx_unref(ctx);
	EXPECT(action_of(SIGTERM) == note && handled == 1);
}

static void in_child_fork(void *arg)
{
	struct child grandchild;
	eg_ctx *ctx;

	(void)arg;
	set_action(SIGTERM, note);
	EXPECT(eg_ctx_with_signals(NULL, ends, 2, &ctx) == 0);
	child_run(in_grandchild, ctx, &grandchild);
	EXPECT(child_exited(&grandchild, 0));
	raise(SIGTERM);
	EXPECT(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) == 0);
	EXPECT(handled == 0);
}

static void a_forked_child_has_the_former_actions(void **state)
{
	(void)state;
	run(in_child_fork);
}

/*
 * Threads
 */

static int task_yield(eg_ctx *ctx, void *arg)
{
	(void)arg;
	while (!eg_ctx_err(ctx))
		sched_yield();
	return 0;
}

/* Whether every thread of the process but this one blocks the signal. */
static bool others_block(int signal)
{
	DIR *folder = opendir("/proc/self/task");
	struct dirent *entry;
	bool block = true;

	EXPECT(folder);
	while ((entry = readdir(folder)) != NULL) {
		char path[300], line[256];
		unsigned long long blocked = 0;
		FILE *file;

		if (entry->d_name[0] == '.' || strtol(entry->d_name, NULL, 10) == (long)thread_id())
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		file = fopen(path, "re");
		while (file && fgets(line, sizeof(line), file))
			if (sscanf(line, "SigBlk: %llx", &blocked) == 1)
				block = block && (blocked >> (signal - 1) & 1) != 0;
		if (file)
			fclose(file);
	}
	closedir(folder);
	return block;
}

static void in_child_threads(void *arg)
{
	eg_ctx *ctx = ctx_with(NULL, SIGTERM), *timed;
	eg_group group;

	(void)arg;
	EXPECT(eg_ctx_with_timeout(ctx, INT64_C(3600000000000), &timed) == 0);
	EXPECT(eg_group_init(&group, timed, NULL) == 0);
	for (int i = 0; i < 4; i++)
		EXPECT(eg_group_go(&group, task_yield, NULL) == 0);
	/* ThreadSanitizer has a thread of its own. */
	EXPECT(others_block(SIGTERM) || !child_may_start_threads());
	kill(getpid(), SIGTERM);
	EXPECT(eg_group_wait(&group) == 0);
	EXPECT(eg_error_code(eg_ctx_cause(eg_group_ctx(&group))) == EG_ESIGNAL(SIGTERM));
	eg_group_destroy(&group);
	eg_ctx_unref(timed);
	eg_ctx_unref(ctx);
}

static void only_the_programs_own_threads_take_signals(void **state)
{
	(void)state;
	run(in_child_threads);
}

/*
 * Signals arrive all the time while contexts are made, cancelled and freed. SIGWINCH: its default action is to be
 * ignored. A context that is never cancelled although a signal arrived after it was made would hang.
 *
 * ThreadSanitizer keeps a signal until the thread makes a call that it knows, which a sleeping one does not; the
 * signals are the other thread's there.
 */
static void *storm_main(void *arg)
{
	while (!atomic_load((atomic_bool *)arg)) {
		kill(getpid(), SIGWINCH);
		sched_yield();
	}
	return NULL;
}

static void in_child_storm(void *arg)
{
	atomic_bool stop = false;
	pthread_t thread;
	long cancelled = 0;
	sigset_t set;

	(void)arg;
	EXPECT(pthread_create(&thread, NULL, storm_main, &stop) == 0);
	sigemptyset(&set);
	sigaddset(&set, SIGWINCH);
	if (!child_may_start_threads())
		pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (long i = 0; goes_on(i, 3000); i++) {
		eg_ctx *ctx = ctx_with(NULL, SIGWINCH), *other = i % 3 ? ctx_with(ctx, SIGWINCH) : NULL;

		if (i % 4 == 0)
			EXPECT(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) == 0);
		cancelled += eg_ctx_err(ctx) != 0;
		if (i % 4 == 1)
			eg_ctx_cancel(ctx, NULL);
		eg_ctx_unref(ctx);
		eg_ctx_unref(other);
	}
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	EXPECT(cancelled > 0);
	EXPECT(action_of(SIGWINCH) == SIG_DFL);
}

/* qemu looks at the action twice while it delivers a signal, and calls NULL if it was changed between. */
static void contexts_may_come_and_go_while_signals_arrive(void **state)
{
	(void)state;
	if (is_emulated())
		skip();
	run(in_child_storm);
}

/*
 * The handler's stack
 */

static ucontext_t main_context, coroutine_context;

#define COROUTINE_STACK 16384
#define HANDLER_STACK 65536

static void coroutine(void)
{
	raise(SIGUSR1);
	swapcontext(&coroutine_context, &main_context);
}

/* A program that runs on stacks of its own has an alternate one for handlers: what was zero there is so no more. */
static void in_child_small_stack(void *arg)
{
	static unsigned char handler_stack[HANDLER_STACK], stack[COROUTINE_STACK];
	stack_t alternate = {.ss_sp = handler_stack, .ss_size = sizeof(handler_stack)};
	eg_ctx *ctx = ctx_with(NULL, SIGUSR1);
	size_t touched = 0;

	(void)arg;
	EXPECT(sigaltstack(&alternate, NULL) == 0);
	EXPECT(getcontext(&coroutine_context) == 0);
	coroutine_context.uc_stack.ss_sp = stack;
	coroutine_context.uc_stack.ss_size = sizeof(stack);
	coroutine_context.uc_link = &main_context;
	makecontext(&coroutine_context, coroutine, 0);
	EXPECT(swapcontext(&main_context, &coroutine_context) == 0);
	EXPECT(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) == 0);
	for (size_t i = 0; i < sizeof(handler_stack); i++)
		touched += handler_stack[i] != 0;
	EXPECT(touched > 0);
	eg_ctx_unref(ctx);
}

static void the_handler_runs_on_the_alternate_stack(void **state)
{
	(void)state;
	run(in_child_small_stack);
}

/*
 * The last reference
 */

static int task_await_end(eg_ctx *ctx, void *arg)
{
	(void)arg;
	return eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE);
}

static void call_nothing(void *arg)
{
	(void)arg;
}

/*
 * A deadline between the signals and a group comes as the group is destroyed and all is given back: then the signal has its
 * former action, and can be listened to anew.
 */
static void in_child_give_back(void *arg)
{
	(void)arg;
	for (long i = 0; goes_on(i, 2000); i++) {
		eg_ctx *ctx = ctx_with(NULL, SIGWINCH), *timed, *below;
		eg_ctx_callback callback;
		eg_group group;

		EXPECT(eg_ctx_with_timeout(ctx, INT64_C(50000), &timed) == 0);
		EXPECT(eg_ctx_with_cancel(timed, &below) == 0);
		eg_ctx_unref(ctx);
		eg_ctx_unref(timed);
		EXPECT(eg_group_init(&group, below, NULL) == 0);
		EXPECT(eg_ctx_on_end(eg_group_ctx(&group), call_nothing, NULL, &callback) == 0);
		for (int k = 0; k < 3; k++)
			EXPECT(eg_group_go(&group, task_await_end, NULL) == 0);
		EXPECT(eg_group_wait(&group) == 0);
		(void)eg_ctx_off_end(&callback);
		eg_group_destroy(&group);
		eg_ctx_unref(below);
		EXPECT(action_of(SIGWINCH) == SIG_DFL);
	}
}

static void the_former_action_is_back_when_a_group_below_was_destroyed(void **state)
{
	struct child child;

	(void)state;
	child_run(in_child_give_back, NULL, &child);
	assert_string_equal(child.text, "");
	assert_true(child_exited(&child, 0));
}

/* A signal that was ignored is listened to, once; afterwards it is ignored again. */
static void in_child_ignored(void *arg)
{
	eg_ctx *ctx;

	(void)arg;
	set_action(SIGHUP, SIG_IGN);
	raise(SIGHUP);
	ctx = ctx_with(NULL, SIGHUP);
	EXPECT(eg_ctx_err(ctx) == 0);
	raise(SIGHUP);
	EXPECT(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) == 0);
	eg_ctx_unref(ctx);
	EXPECT(action_of(SIGHUP) == SIG_IGN);
	raise(SIGHUP);
}

static void a_signal_that_was_ignored_is_listened_to_and_then_ignored_again(void **state)
{
	(void)state;
	run(in_child_ignored);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(the_first_signal_cancels_with_the_signal_as_the_cause),
	    TEST(the_second_takes_the_default_action),
	    TEST(the_second_ends_a_process_that_is_stuck),
	    TEST(the_former_action_is_put_back),
	    TEST(several_contexts_may_listen_to_one_signal),
	    TEST(a_handler_that_somebody_put_in_place_meanwhile_is_left_alone),
	    TEST(signals_that_cannot_be_used_are_refused),
	    TEST(a_context_that_is_over_listens_until_it_is_freed),
	    TEST(a_forked_child_has_the_former_actions),
	    TEST(only_the_programs_own_threads_take_signals),
	    TEST(the_handler_runs_on_the_alternate_stack),
	    TEST(the_former_action_is_back_when_a_group_below_was_destroyed),
	    TEST(a_signal_that_was_ignored_is_listened_to_and_then_ignored_again),
	    TEST(contexts_may_come_and_go_while_signals_arrive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
