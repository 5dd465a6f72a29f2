/* SPDX-License-Identifier: MIT */
/*
 * Faults in processes that are not as fresh as a test's: without descriptors, with signals blocked, small stacks, stacks
 * of the program's own, memory at its limit, and in children of fork. Each in a child process.
 */

#include "support.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "fault_kinds.h"

/* cmocka puts handlers of its own in place for every test, and nobody else here calls this. */
__sighandler_t signal(int number, __sighandler_t handler)
{
	(void)number;
	(void)handler;
	return SIG_DFL;
}

static void try_mode(void *arg)
{
	(void)arg;
	_Exit(eg_fault_set_mode(EG_FAULT_GO) == -ENOTSUP);
}

static bool is_supported(void)
{
	struct child child;

	child_run(try_mode, NULL, &child);
	return WIFEXITED(child.status) && WEXITSTATUS(child.status) == 0 && child_may_start_threads();
}

static void expect_in_child(void (*fn)(void *arg), void *arg)
{
	struct child child;

	if (!is_supported())
		skip();
	child_run(fn, arg, &child);
	assert_true(child_exited(&child, 0));
}

#define KIND(name) ((void *)(uintptr_t)(name))

static int task_fault(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	fault_kind_find(arg)->fn();
	return 0;
}

static int init_with(eg_group *group, unsigned fault, unsigned flags)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;

	options.fault = fault;
	options.flags = flags;
	options.limit = 1;
	return eg_group_init(group, NULL, &options);
}

/* A fault of a kind on the thread that waits, which is the first there, as a rule. */
struct here {
	const char *kind;
	pthread_t thread;
	bool happened;
};

static int task_fault_here(eg_ctx *ctx, void *arg)
{
	struct here *here = arg;

	if (!pthread_equal(here->thread, pthread_self()))
		return 0;
	here->happened = true;
	return task_fault(ctx, KIND(here->kind));
}

static int fault_here(const char *kind)
{
	struct here here = {kind, pthread_self(), false};
	int err = 0;

	while (!here.happened) {
		eg_group group;

		err = init_with(&group, EG_FAULT_ALL | EG_FAULT_STACK, 0);
		if (err)
			return err;
		eg_group_go(&group, task_fault_here, &here);
		err = eg_group_wait(&group);
		eg_group_destroy(&group);
	}
	return err;
}

static int fault_on_crew(const char *kind, unsigned mode)
{
	eg_group group;
	int err = init_with(&group, mode, EG_GROUP_NO_HELP);

	if (err)
		return err;
	eg_group_go(&group, task_fault, KIND(kind));
	err = eg_group_wait(&group);
	eg_group_destroy(&group);
	return err;
}

/*
 * Descriptors, memory
 */

static void use_no_files(void *arg)
{
	(void)arg;
	EXPECT(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, 0}) == 0);
	EXPECT(fault_here("nil") == EG_EFAULTED);
	EXPECT(fault_on_crew("nil", EG_FAULT_GO) == EG_EFAULTED);
	EXPECT(fault_on_crew("overflow", EG_FAULT_GO | EG_FAULT_STACK) == EG_EFAULTED);
}

static void no_descriptor_is_needed(void **state)
{
	(void)state;
	expect_in_child(use_no_files, NULL);
}

static void use_no_memory(void *arg)
{
	(void)arg;
	EXPECT(setrlimit(RLIMIT_AS, &(struct rlimit){0, 0}) == 0);
	EXPECT(eg_fault_set_mode(EG_FAULT_GO) == -ENOMEM);
	EXPECT(setrlimit(RLIMIT_AS, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}) == 0 || errno == EPERM);
}

static void without_memory_the_caller_is_told(void **state)
{
	(void)state;
	if (IS_SANITIZED)
		skip();
	expect_in_child(use_no_memory, NULL);
}

/*
 * Stacks of the program's own
 */

#define OWN_STACK_SIZE ((size_t)256 * 1024)

/* Memory for a stack, with a guard below. */
static char *own_stack(void)
{
	char *stack = mmap(NULL, OWN_STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	EXPECT(stack != MAP_FAILED && mprotect(stack, 4096, PROT_NONE) == 0);
	return stack;
}

static ucontext_t coroutine_caller;
static int coroutine_result;

static void coroutine_main(void)
{
	coroutine_result = fault_here("nil");
	EXPECT(coroutine_result == EG_EFAULTED);
	coroutine_result = fault_here("abort");
}

static void use_a_coroutine(void *arg)
{
	ucontext_t coroutine;

	(void)arg;
	EXPECT(getcontext(&coroutine) == 0);
	coroutine.uc_stack.ss_sp = own_stack();
	coroutine.uc_stack.ss_size = OWN_STACK_SIZE;
	coroutine.uc_link = &coroutine_caller;
	makecontext(&coroutine, coroutine_main, 0);
	EXPECT(swapcontext(&coroutine_caller, &coroutine) == 0);
	EXPECT(coroutine_result == EG_EFAULTED);
}

static void a_wait_on_a_stack_that_is_not_the_threads_is_as_any(void **state)
{
	(void)state;
	if (IS_SANITIZED)
		skip();
	expect_in_child(use_a_coroutine, NULL);
}

static char *narrow_stack;

static void handle_and_tell(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	_Exit(info->si_addr == NULL ? 40 : 41);
}

/* Faults with so much of the stack left. */
static __attribute__((noinline)) void fault_near_the_end(size_t left)
{
	char *here = __builtin_frame_address(0);
	volatile char *eaten = __builtin_alloca((size_t)(here - narrow_stack) - 4096 - left);

	eaten[0] = 1;
	fault_kind_find("nil")->fn();
	eaten[0] = 2;
}

static pthread_t narrow_thread;

static int task_fault_near_the_end(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	if (!pthread_equal(narrow_thread, pthread_self()))
		return -EAGAIN;
	fault_near_the_end((size_t)(uintptr_t)arg);
	return 0;
}

static void *run_narrow(void *arg)
{
	eg_group group;
	int err;

	narrow_thread = pthread_self();
	do {
		EXPECT(init_with(&group, EG_FAULT_ALL, 0) == 0);
		eg_group_go(&group, task_fault_near_the_end, arg);
		err = eg_group_wait(&group);
		eg_group_destroy(&group);
	} while (err == -EAGAIN);
	_Exit(err == EG_EFAULTED ? 0 : 1);
}

static void use_a_narrow_stack(void *arg)
{
	struct sigaction action;
	pthread_attr_t attr;
	pthread_t thread;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = handle_and_tell;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK;
	sigaction(SIGSEGV, &action, NULL);
	narrow_stack = own_stack();
	EXPECT(pthread_attr_init(&attr) == 0 &&
	       pthread_attr_setstack(&attr, narrow_stack, OWN_STACK_SIZE) == 0);
	EXPECT(pthread_create(&thread, &attr, run_narrow, arg) == 0);
	pthread_join(thread, NULL);
}

/* The same on the main thread, whose stack grows as it is used. */
static void use_the_main_stack(void *arg)
{
	(void)arg;
	for (int i = 0; i < 3; i++)
		EXPECT(fault_here("nil") == EG_EFAULTED);
}

static void a_fault_lands_where_there_is_room_and_is_handed_on_where_there_is_none(void **state)
{
	struct child child;

	(void)state;
	if (IS_SANITIZED || !is_supported())
		skip();
	child_run(use_a_narrow_stack, (void *)(uintptr_t)(64 * 1024), &child);
	assert_true(child_exited(&child, 0));
	child_run(use_a_narrow_stack, (void *)(uintptr_t)(12 * 1024), &child);
	assert_true(child_exited(&child, 40));
	child_run(use_the_main_stack, NULL, &child);
	assert_true(child_exited(&child, 0));
}

/*
 * Signals that are blocked
 */

static const int fault_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};

#define FAULT_SIGNALS (sizeof(fault_signals) / sizeof(fault_signals[0]))

static bool blocks_all(void)
{
	sigset_t now;

	pthread_sigmask(SIG_BLOCK, NULL, &now);
	for (size_t i = 0; i < FAULT_SIGNALS; i++)
		if (!sigismember(&now, fault_signals[i]))
			return false;
	return sigismember(&now, SIGUSR1) > 0;
}

static void block_signals(void *arg)
{
	static const char *const kinds[] = {"nil", "division", "abort", "assert", "bus", "illegal"};
	sigset_t all;

	(void)arg;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		EXPECT(fault_here(kinds[i]) == EG_EFAULTED);
		EXPECT(blocks_all());
		EXPECT(fault_on_crew(kinds[i], EG_FAULT_ALL) == EG_EFAULTED);
	}
}

static void signals_that_the_waiting_thread_blocks_are_taken_meanwhile(void **state)
{
	(void)state;
	expect_in_child(block_signals, NULL);
}

/* In a task that blocks signals a group within the group is waited for. */
static int task_block_and_wait(eg_ctx *ctx, void *arg)
{
	sigset_t all;

	(void)ctx;
	(void)arg;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	EXPECT(fault_here("nil") == EG_EFAULTED);
	EXPECT(blocks_all());
	return 0;
}

/* What the task blocks is not blocked for those after it. */
static int task_block_and_fault(eg_ctx *ctx, void *arg)
{
	sigset_t set;

	(void)arg;
	sigfillset(&set);
	sigdelset(&set, SIGSEGV);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	return task_fault(ctx, KIND("nil"));
}

static void block_in_tasks(void *arg)
{
	eg_group group;

	(void)arg;
	EXPECT(init_with(&group, EG_FAULT_ALL, EG_GROUP_NO_HELP) == 0);
	eg_group_go(&group, task_block_and_fault, NULL);
	eg_group_go(&group, task_fault, KIND("division"));
	eg_group_go(&group, task_block_and_wait, NULL);
	EXPECT(eg_group_wait(&group) == EG_EFAULTED);
	EXPECT(eg_group_error_count(&group) == 2);
	eg_group_destroy(&group);
}

static void what_a_task_blocks_is_not_in_the_way_of_later_ones(void **state)
{
	(void)state;
	expect_in_child(block_in_tasks, NULL);
}

static int task_nothing_here(eg_ctx *ctx, void *arg)
{
	struct here *here = arg;

	(void)ctx;
	here->happened |= pthread_equal(here->thread, pthread_self()) != 0;
	return 0;
}

/* Signals that were sent, and that the program has blocked because it takes them with sigwait. */
static void send_blocked(void *arg)
{
	struct here here = {"", pthread_self(), false};
	struct timespec now = {0, 0};
	siginfo_t info;
	sigset_t all;

	(void)arg;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	for (size_t i = 0; i < FAULT_SIGNALS; i++)
		EXPECT(pthread_kill(pthread_self(), fault_signals[i]) == 0);
	EXPECT(raise(SIGUSR1) == 0);
	while (!here.happened) {
		eg_group group;

		EXPECT(init_with(&group, EG_FAULT_ALL, 0) == 0);
		eg_group_go(&group, task_nothing_here, &here);
		EXPECT(eg_group_wait(&group) == 0);
		eg_group_destroy(&group);
	}
	EXPECT(blocks_all());
	sigdelset(&all, SIGUSR1);
	for (size_t i = 0; i < FAULT_SIGNALS; i++) {
		int signal = sigtimedwait(&all, &info, &now);

		EXPECT(signal > 0 && info.si_code <= 0 && info.si_pid == getpid());
	}
	EXPECT(sigtimedwait(&all, &info, &now) == -1 && errno == EAGAIN);
}

static void blocked_signals_that_were_sent_stay_blocked_and_pending(void **state)
{
	(void)state;
	expect_in_child(send_blocked, NULL);
}

/*
 * Stacks of threads of the library's own
 */

static void overflow_with_default(void *arg)
{
	pthread_attr_t attr;

	EXPECT(pthread_attr_init(&attr) == 0 &&
	       pthread_attr_setstacksize(&attr, (size_t)(uintptr_t)arg * 1024) == 0 &&
	       pthread_setattr_default_np(&attr) == 0);
	for (int i = 0; i < 3; i++)
		EXPECT(fault_on_crew("overflow", EG_FAULT_GO | EG_FAULT_STACK) == EG_EFAULTED);
}

static void an_overflow_is_recovered_however_small_stacks_are_by_default(void **state)
{
	static const uintptr_t sizes[] = {16384, 1024, 256, 64, 16}; /* in KiB */

	(void)state;
	if (IS_SANITIZED)
		skip();
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		expect_in_child(overflow_with_default, (void *)sizes[i]);
}

/* Reads all of its stack, down to the guard. */
static void *read_the_stack(void *arg)
{
	size_t size, guard, page = (size_t)sysconf(_SC_PAGESIZE);
	char *here = __builtin_frame_address(0);
	pthread_attr_t attr;
	void *low;

	EXPECT(pthread_getattr_np(pthread_self(), &attr) == 0 &&
	       pthread_attr_getstack(&attr, &low, &size) == 0 &&
	       pthread_attr_getguardsize(&attr, &guard) == 0);
	pthread_attr_destroy(&attr);
	for (char *at = here - page; at >= (char *)low + guard; at -= page)
		(void)*(volatile char *)at;
	return arg;
}

#define STACK_READERS 8

static void use_stacks_in_a_child(void *arg)
{
	pthread_t threads[STACK_READERS];

	(void)arg;
	for (int i = 0; i < STACK_READERS; i++)
		EXPECT(pthread_create(&threads[i], NULL, read_the_stack, NULL) == 0);
	for (int i = 0; i < STACK_READERS; i++)
		EXPECT(pthread_join(threads[i], NULL) == 0);
	/* What the library does itself on such stacks. */
	EXPECT(fault_on_crew("overflow", EG_FAULT_GO | EG_FAULT_STACK) == EG_EFAULTED);
}

/* Also in a task, whose thread keeps its own zone. */
static int task_fork(eg_ctx *ctx, void *arg)
{
	struct child child;

	(void)ctx;
	(void)arg;
	child_run(use_stacks_in_a_child, NULL, &child);
	EXPECT(child_exited(&child, 0));
	return 0;
}

static void fork_with_zones(void *arg)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	struct tally arrived = TALLY_INIT;
	struct child child;
	eg_group group;

	(void)arg;
	options.fault = EG_FAULT_GO | EG_FAULT_STACK;
	options.limit = 4;
	options.flags = EG_GROUP_NO_HELP;
	EXPECT(eg_group_init(&group, NULL, &options) == 0);
	for (int i = 0; i < 3; i++)
		eg_group_go(&group, task_gate, &arrived);
	eg_group_go(&group, task_fork, NULL);
	child_run(use_stacks_in_a_child, NULL, &child);
	EXPECT(child_exited(&child, 0));
	tally_add(&arrived, 1);
	EXPECT(eg_group_wait(&group) == 0);
	eg_group_destroy(&group);
}

static void threads_of_a_forked_child_have_their_stacks_whole(void **state)
{
	(void)state;
	if (IS_SANITIZED)
		skip();
	expect_in_child(fork_with_zones, NULL);
}

/*
 * Alternate stacks of the program's own, as small as they may be
 */

static sigjmp_buf out_of_handler;
static bool came_to_handler;

static void handle_by_jumping(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	came_to_handler = info->si_code > 0;
	siglongjmp(out_of_handler, 1);
}

/* An alternate stack that ends where nobody may write. */
static void put_small_stack(void)
{
	size_t size = (size_t)sysconf(_SC_MINSIGSTKSZ) + 2048, page = 4096;
	size_t whole = (size + page - 1) / page * page;
	char *memory = mmap(NULL, page + whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t stack;

	EXPECT(memory != MAP_FAILED && mprotect(memory, page, PROT_NONE) == 0);
	stack = (stack_t){.ss_sp = memory + page, .ss_size = size};
	EXPECT(sigaltstack(&stack, NULL) == 0);
}

static void *fault_on_a_small_stack(void *arg)
{
	put_small_stack();
	/* The loader finds a function with the first call, which takes more. */
	if (sigsetjmp(out_of_handler, 1) == 0)
		siglongjmp(out_of_handler, 1);
	if (sigsetjmp(out_of_handler, 1) == 0)
		fault_kind_find(arg)->fn();
	EXPECT(came_to_handler);
	return NULL;
}

static int task_fault_on_a_small_stack(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	fault_on_a_small_stack(arg);
	return 0;
}

static void use_small_alternate_stacks(void *arg)
{
	struct sigaction action;
	pthread_t thread;
	eg_group group;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = handle_by_jumping;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK;
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGFPE, &action, NULL);
	EXPECT(eg_fault_set_mode(EG_FAULT_ALL | EG_FAULT_STACK) == 0);
	/* The library's threads, and those that help, have larger ones; the handler is called on any. */
	EXPECT(pthread_create(&thread, NULL, fault_on_a_small_stack, arg) == 0);
	pthread_join(thread, NULL);
	/* In a task that has put one in place, recovery is not tried; the program's handler is called as ever. */
	came_to_handler = false;
	EXPECT(init_with(&group, EG_FAULT_ALL, EG_GROUP_NO_HELP) == 0);
	eg_group_go(&group, task_fault_on_a_small_stack, arg);
	EXPECT(eg_group_wait(&group) == 0 && came_to_handler);
	eg_group_destroy(&group);
}

static void the_handler_does_with_the_smallest_alternate_stack_of_a_stranger(void **state)
{
	(void)state;
	if (IS_SANITIZED)
		skip();
	expect_in_child(use_small_alternate_stacks, KIND("nil"));
	expect_in_child(use_small_alternate_stacks, KIND("division"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(no_descriptor_is_needed),
	    TEST(without_memory_the_caller_is_told),
	    TEST(a_wait_on_a_stack_that_is_not_the_threads_is_as_any),
	    TEST(a_fault_lands_where_there_is_room_and_is_handed_on_where_there_is_none),
	    TEST(signals_that_the_waiting_thread_blocks_are_taken_meanwhile),
	    TEST(what_a_task_blocks_is_not_in_the_way_of_later_ones),
	    TEST(blocked_signals_that_were_sent_stay_blocked_and_pending),
	    TEST(an_overflow_is_recovered_however_small_stacks_are_by_default),
	    TEST(threads_of_a_forked_child_have_their_stacks_whole),
	    TEST(the_handler_does_with_the_smallest_alternate_stack_of_a_stranger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
