/* SPDX-License-Identifier: MIT */
/*
 * What must end a process, or reach its own handlers, exactly as without the library: faults outside of tasks, in the
 * allocator, in streams and in the library itself, and signals that somebody sent. Each happens in two child processes,
 * one with all faults recovered and one with none; their ends are compared.
 */

#include "support.h"

#include <dlfcn.h>
#include <elf.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault_kinds.h"

/* cmocka puts handlers of its own in place for every test, and nobody else here calls this. */
__sighandler_t signal(int number, __sighandler_t handler)
{
	(void)number;
	(void)handler;
	return SIG_DFL;
}

struct scenario {
	const char *name;
	void (*fn)(void);
	bool is_a_task;
	int signal; /* that ends the process, if nobody handles it */
	bool is_sent;
};

static void fault(const char *kind)
{
	fault_kind_find(kind)->fn();
}

static void fault_nil(void)
{
	fault("nil");
}

static void fault_division(void)
{
	fault("division");
}

static void fault_abort(void)
{
	fault("abort");
}

static void fault_assert(void)
{
	fault("assert");
}

static void fault_wild_call(void)
{
	fault("wild_call");
}

static void fault_illegal(void)
{
	fault("illegal");
}

static void fault_nil_with(void *arg)
{
	(void)arg;
	fault_nil();
}

/* Whoever ends a context is in the middle of it while it calls what was registered. */
static void fault_in_a_call_of_a_context(void)
{
	eg_ctx_callback callback = EG_CTX_CALLBACK_INIT;
	eg_ctx *ctx;

	if (eg_ctx_with_cancel(NULL, &ctx) || eg_ctx_on_end(ctx, fault_nil_with, NULL, &callback))
		return;
	eg_ctx_cancel(ctx, NULL);
}

static void *thread_main(void *arg)
{
	const struct scenario *scenario = arg;

	scenario->fn();
	return NULL;
}

static const struct scenario nil_elsewhere = {"", fault_nil, false, SIGSEGV, false};

static void fault_on_a_thread(void)
{
	pthread_t thread;

	if (!pthread_create(&thread, NULL, thread_main, (void *)(uintptr_t)&nil_elsewhere))
		pthread_join(thread, NULL);
}

/* While the thread waits for a group whose task runs elsewhere, it is in none. */
static void fault_after_a_wait(void)
{
	eg_group group = EG_GROUP_INIT;

	eg_group_go(&group, task_nothing, NULL);
	if (eg_group_wait(&group) == 0)
		fault_nil();
}

/* A task jumps past its worker, to a buffer of the program's: the thread is in no task then, whatever the library knows. */
static struct jump before_wait;

static __attribute__((noinline)) void fault_deeper(int depth)
{
	volatile char room[4096];

	room[0] = (char)depth;
	if (depth == 0)
		fault_nil();
	else
		fault_deeper(depth - 1);
	room[1] = room[0];
}

static void fault_after_a_jump(int depth)
{
	static eg_group group;

	before_wait.thread = pthread_self();
	eg_group_set_limit(&group, 1);
	while (setjmp(before_wait.to) == 0) {
		eg_group_go(&group, task_jump_out, &before_wait);
		if (eg_group_wait(&group))
			return;
	}
	fault_deeper(depth);
}

static void fault_shallow_after_a_jump(void)
{
	fault_after_a_jump(0);
}

static void fault_deep_after_a_jump(void)
{
	fault_after_a_jump(20);
}

static void free_a_bad_pointer(void)
{
	char *volatile memory = malloc(100);
	char *volatile inside = memory + 8;

	free(inside);
}

static char *volatile wild_text = (char *)0x410000001230;

static void free_a_wild_pointer(void)
{
	free(wild_text);
}

static void realloc_a_wild_pointer(void)
{
	wild_text = realloc(wild_text, 1000);
}

extern void __stack_chk_fail(void) __attribute__((noreturn)); /* what a smashed stack is told by */

static void smash_the_stack(void)
{
	__stack_chk_fail();
}

static void print_a_wild_pointer(void)
{
	FILE *null = fopen("/dev/null", "w");

	if (null)
		fprintf(null, "%s", wild_text);
}

static void write_a_wild_pointer(void)
{
	FILE *null = fopen("/dev/null", "w");

	if (null)
		fputs(wild_text, null);
}

static __attribute__((unused)) void use_a_wild_group(void)
{
	eg_group_go((eg_group *)(void *)wild_text, task_nothing, NULL);
}

static void use_a_wild_error(void)
{
	(void)eg_fail(-EIO, "%s", wild_text);
}

static void fault_without_panics(void)
{
	eg_panic_forbid();
	fault_nil();
}

static void raise_segv(void)
{
	raise(SIGSEGV);
}

static void raise_abrt(void)
{
	raise(SIGABRT);
}

static void kill_fpe(void)
{
	kill(getpid(), SIGFPE);
	pause();
}

static void queue_bus(void)
{
	sigqueue(getpid(), SIGBUS, (union sigval){.sival_int = 7});
	pause();
}

static pthread_t target;

static void *kill_target(void *arg)
{
	pthread_kill(target, (int)(intptr_t)arg);
	return NULL;
}

/* Interrupted in code of its own, where a fault would be recovered. */
static void be_killed_by_another(int number)
{
	static volatile bool forever = true;
	pthread_t thread;

	target = pthread_self();
	if (pthread_create(&thread, NULL, kill_target, CODE(number)))
		return;
	while (forever)
		;
}

static void be_aborted_by_another(void)
{
	be_killed_by_another(SIGABRT);
}

static void be_hit_by_another(void)
{
	be_killed_by_another(SIGSEGV);
}

#if defined(__GLIBC__) && !IS_SANITIZED
#define HAS_HEAP_TO_BREAK 1
#else
#define HAS_HEAP_TO_BREAK 0
#endif

#if HAS_HEAP_TO_BREAK
/*
 * The heap is broken, which malloc finds when strdup calls it: two free chunks of one size, of which the second is said
 * to be where nothing is. (glibc keeps such links in the chunk, mixed with where it is.)
 */
static void duplicate_in_a_broken_heap(void)
{
	volatile uintptr_t *volatile chunks[2];
	char text[200];
	char *volatile copy;

	for (int i = 0; i < 2; i++)
		chunks[i] = malloc(200);
	for (int i = 0; i < 2; i++)
		free((void *)(uintptr_t)chunks[i]);
	*chunks[1] = (uintptr_t)chunks[1] >> 12 ^ (uintptr_t)wild_text;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int i = 0; i < 3; i++)
		copy = strdup(text);
	(void)copy;
}
#endif

static const struct scenario scenarios[] = {
    {"nil in main", fault_nil, false, SIGSEGV, false},
    {"division in main", fault_division, false, SIGFPE, false},
    {"abort in main", fault_abort, false, SIGABRT, true},
    {"assert in main", fault_assert, false, SIGABRT, true},
    {"wild call in main", fault_wild_call, false, SIGSEGV, false},
    {"illegal in main", fault_illegal, false, SIGILL, false},
    {"nil on a thread", fault_on_a_thread, false, SIGSEGV, false},
    {"nil after a wait", fault_after_a_wait, false, SIGSEGV, false},
    {"nil after a jump", fault_shallow_after_a_jump, false, SIGSEGV, false},
    {"nil deep after a jump", fault_deep_after_a_jump, false, SIGSEGV, false},
    {"raise in main", raise_segv, false, SIGSEGV, true},
    {"free of a bad pointer", free_a_bad_pointer, true, SIGABRT, true},
    {"free of a wild pointer", free_a_wild_pointer, true, SIGSEGV, false},
    {"realloc of a wild pointer", realloc_a_wild_pointer, true, SIGSEGV, false},
    {"smashed stack", smash_the_stack, true, SIGABRT, true},
    {"printf of a wild pointer", print_a_wild_pointer, true, SIGSEGV, false},
    {"fputs of a wild pointer", write_a_wild_pointer, true, SIGSEGV, false},
#if !LIBRARY_IS_STATIC /* whose frames are the program's, as far as anybody can tell */
    {"wild group", use_a_wild_group, true, SIGSEGV, false},
#endif
    {"wild argument of eg_fail", use_a_wild_error, true, SIGSEGV, false},
    {"nil without panics", fault_without_panics, true, SIGSEGV, false},
    {"nil in a call of a context", fault_in_a_call_of_a_context, true, SIGSEGV, false},
    {"raise of SIGSEGV", raise_segv, true, SIGSEGV, true},
    {"raise of SIGABRT", raise_abrt, true, SIGABRT, true},
    {"kill by SIGFPE", kill_fpe, false, SIGFPE, true},
    {"queued SIGBUS", queue_bus, false, SIGBUS, true},
    {"pthread_kill by SIGABRT", be_aborted_by_another, true, SIGABRT, true},
    {"pthread_kill by SIGSEGV", be_hit_by_another, true, SIGSEGV, true},
#if HAS_HEAP_TO_BREAK
    {"strdup in a broken heap", duplicate_in_a_broken_heap, true, SIGSEGV, false},
#endif
};

#define SCENARIOS (sizeof(scenarios) / sizeof(scenarios[0]))

static int task_scenario(eg_ctx *ctx, void *arg)
{
	const struct scenario *scenario = arg;

	(void)ctx;
	errno = ENOTTY;
	scenario->fn();
	return 0;
}

/*
 * Handlers of the program's
 */

enum handler { NO_HANDLER, INFO_HANDLER, PLAIN_HANDLER, ONCE_HANDLER, IGNORED, HANDLERS };

static void say(const char *text)
{
	if (write(STDERR_FILENO, text, strlen(text)) < 0)
		_Exit(99);
}

/* What a handler can see of how it was called: the signal, its code, and what is blocked. */
static void tell_call(int number, const siginfo_t *info)
{
	char text[200];
	sigset_t mask;
	int length;

	pthread_sigmask(SIG_BLOCK, NULL, &mask);
	length = snprintf(text, sizeof(text), "handler %d code %d errno %d blocked", number,
			  info ? info->si_code : 0, errno);
	for (int i = 1; i < 32; i++)
		if (sigismember(&mask, i) == 1 && length < 150)
			length += snprintf(text + length, sizeof(text) - (size_t)length, " %d", i);
	say(text);
	say("\n");
}

static void handle_info(int number, siginfo_t *info, void *context)
{
	tell_call(number, context ? info : NULL);
	_exit(40 + number);
}

static void handle_plain(int number)
{
	tell_call(number, NULL);
	_exit(60 + number);
}

static void handle_once(int number)
{
	tell_call(number, NULL);
}

static void install(enum handler handler)
{
	static const int numbers[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	switch (handler) {
	case INFO_HANDLER:
		action.sa_sigaction = handle_info;
		action.sa_flags = SA_SIGINFO;
		sigaddset(&action.sa_mask, SIGUSR1);
		break;
	case PLAIN_HANDLER:
		action.sa_handler = handle_plain;
		action.sa_flags = SA_NODEFER;
		break;
	case ONCE_HANDLER:
		action.sa_handler = handle_once;
		action.sa_flags = (int)SA_RESETHAND;
		break;
	case IGNORED:
		action.sa_handler = SIG_IGN;
		break;
	default:
		return;
	}
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaction(numbers[i], &action, NULL);
}

struct run {
	const struct scenario *scenario;
	enum handler handler;
	unsigned mode;
};

static void run_in_child(void *arg)
{
	const struct run *run = arg;
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group;

	alarm(60);
	install(run->handler);
	if (eg_fault_set_mode(run->mode))
		_Exit(3);
	errno = ENOTTY;
	if (!run->scenario->is_a_task) {
		run->scenario->fn();
		_Exit(20);
	}
	options.limit = 1;
	options.flags = EG_GROUP_NO_HELP; /* always on a thread of the library's */
	if (eg_group_init(&group, NULL, &options))
		_Exit(4);
	eg_group_go(&group, task_scenario, (void *)(uintptr_t)run->scenario);
	_Exit(eg_group_wait(&group) ? 21 : 22);
}

static void compare(const struct scenario *scenario, enum handler handler)
{
	struct run run = {scenario, handler, EG_FAULT_OFF};
	struct child without, with;

	child_run(run_in_child, &run, &without);
	run.mode = EG_FAULT_ALL | EG_FAULT_STACK;
	child_run(run_in_child, &run, &with);
	if (with.status != without.status || (!IS_SANITIZED && strcmp(with.text, without.text) != 0))
		fail_msg("%s, handler %d: %#x and '%s' without, %#x and '%s' with", scenario->name,
			 (int)handler, (unsigned)without.status, without.text, (unsigned)with.status,
			 with.text);
	if (handler == NO_HANDLER)
		assert_true(child_died(&without, scenario->signal));
	if (handler == INFO_HANDLER && !IS_SANITIZED)
		assert_true(child_exited(&without, 40 + scenario->signal));
}

static void try_mode(void *arg)
{
	(void)arg;
	_Exit(eg_fault_set_mode(EG_FAULT_GO) == -ENOTSUP);
}

/* Asked in a child: in this process no handler is to be there before the children's own. */
static bool is_supported(void)
{
	struct child child;

	child_run(try_mode, NULL, &child);
	return WIFEXITED(child.status) && WEXITSTATUS(child.status) == 0 && child_may_start_threads();
}

/* In the child a signal that was sent and ignored leaves the one who sent it waiting. */
static bool waits_for_ever(const struct scenario *scenario, enum handler handler)
{
	return (handler == IGNORED || handler == ONCE_HANDLER) && scenario->is_sent;
}

static void what_is_no_tasks_fault_ends_the_process_as_ever(void **state)
{
	(void)state;
	if (!is_supported())
		skip();
	for (size_t i = 0; i < SCENARIOS; i++)
		compare(&scenarios[i], NO_HANDLER);
}

static void the_programs_own_handlers_are_called_as_ever(void **state)
{
	(void)state;
	if (!is_supported())
		skip();
	for (size_t i = 0; i < SCENARIOS; i++)
		for (int handler = NO_HANDLER + 1; handler < HANDLERS; handler++)
			if (!waits_for_ever(&scenarios[i], (enum handler)handler))
				compare(&scenarios[i], (enum handler)handler);
}

/*
 * The stack pointer leads nowhere: the library's look at the stack faults itself, and the fault is handed on. Without
 * the library, and an alternate stack, no handler could be called.
 */

static void lose_the_stack(void)
{
#if defined(__x86_64__)
	__asm__ volatile("movq %0, %%rsp\n\tpushq $0" : : "r"(wild_text) : "memory");
#endif
}

static void a_fault_on_a_stack_that_is_not_there_is_handed_on(void **state)
{
	static const struct scenario lost = {"", lose_the_stack, true, SIGSEGV, false};
	struct run run = {&lost, INFO_HANDLER, EG_FAULT_ALL | EG_FAULT_STACK};
	struct child child;

	(void)state;
	if (!is_supported() || IS_SANITIZED)
		skip();
	child_run(run_in_child, &run, &child);
	assert_true(child_exited(&child, 40 + SIGSEGV));
	run.handler = NO_HANDLER;
	child_run(run_in_child, &run, &child);
	assert_true(child_killed(&child, SIGSEGV));
}

/*
 * A handler that mends what was missing and returns: the program goes on. In a mode that does not recover the fault it
 * is called for tasks as well.
 */

static char *missing;

static void handle_by_mending(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)context;
	if ((char *)info->si_addr == missing && mprotect(missing, 4096, PROT_READ | PROT_WRITE) == 0)
		return;
	_Exit(9);
}

static int task_use_missing(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	for (int i = 0; i < 10; i++) {
		mprotect(missing, 4096, PROT_NONE);
		*(volatile char *)missing = 1;
	}
	return -EXDEV;
}

static void mend(void *arg)
{
	struct sigaction action;
	eg_group group = EG_GROUP_INIT;

	(void)arg;
	missing = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(&action, 0, sizeof(action));
	action.sa_sigaction = handle_by_mending;
	action.sa_flags = SA_SIGINFO;
	sigaction(SIGSEGV, &action, NULL);
	if (missing == MAP_FAILED || eg_fault_set_mode(EG_FAULT_GO))
		_Exit(3);
	if (task_use_missing(NULL, NULL) != -EXDEV)
		_Exit(4);
	eg_group_go(&group, task_use_missing, NULL);
	if (eg_group_wait(&group) != -EXDEV)
		_Exit(5);
}

static void handlers_that_mend_and_return_are_called(void **state)
{
	struct child child;

	(void)state;
	if (!is_supported())
		skip();
	child_run(mend, NULL, &child);
	assert_true(child_exited(&child, 0));
}

/*
 * What a core file would show: the last signal before the end comes at the same instruction, with the same registers
 * and the same information, as the first.
 */

struct death {
	struct user_regs_struct registers;
	siginfo_t info;
};

static void die_traced(const struct run *run)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	if (!freopen("/dev/null", "w", stderr) || ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		_Exit(78);
	run_in_child((void *)(uintptr_t)run);
}

static int task_abort_on_fault(eg_ctx *ctx, void *arg)
{
	return task_scenario(ctx, arg);
}

static void abort_on_fault(void *arg)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group;

	options.flags = EG_GROUP_ABORT_ON_PANIC;
	options.fault = EG_FAULT_ALL;
	options.limit = 1;
	if (eg_group_init(&group, NULL, &options))
		_Exit(4);
	eg_group_go(&group, task_abort_on_fault, arg);
	_Exit(eg_group_wait(&group) ? 21 : 22);
}

static void fault_by_policy(void)
{
	static const struct scenario nil = {"", fault_nil, true, SIGSEGV, false};

	abort_on_fault((void *)(uintptr_t)&nil);
}

/* Return: false where nothing may be traced. */
static bool watch_death(const struct run *run, struct death *ret_first, struct death *ret_last,
			int *ret_status)
{
	bool is_first = true;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		die_traced(run);
	while (waitpid(pid, ret_status, 0) == pid && WIFSTOPPED(*ret_status)) {
		int number = WSTOPSIG(*ret_status);

		if (number == run->scenario->signal) {
			struct death *death = is_first ? ret_first : ret_last;
			struct iovec registers = {&death->registers, sizeof(death->registers)};

			ptrace(PTRACE_GETREGSET, pid, (void *)(uintptr_t)NT_PRSTATUS, &registers);
			ptrace(PTRACE_GETSIGINFO, pid, NULL, &death->info);
			if (is_first)
				*ret_last = *ret_first;
			is_first = false;
		}
		ptrace(PTRACE_CONT, pid, NULL, (void *)(uintptr_t)number);
	}
	return !(WIFEXITED(*ret_status) && WEXITSTATUS(*ret_status) == 78);
}

static void the_core_file_shows_the_fault_itself(void **state)
{
	static const struct scenario ends[] = {
	    {"nil", fault_nil, false, SIGSEGV, false},
	    {"division", fault_division, false, SIGFPE, false},
	    {"free of a wild pointer", free_a_wild_pointer, false, SIGSEGV, false},
	    {"nil by policy", fault_by_policy, false, SIGSEGV, false},
	};

	(void)state;
	if (!is_supported() || IS_SANITIZED)
		skip();
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct run run = {&ends[i], NO_HANDLER, EG_FAULT_ALL};
		struct death first, last;
		int status;

		if (!watch_death(&run, &first, &last, &status))
			skip();
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == ends[i].signal);
#if defined(__x86_64__)
		assert_int_equal(last.registers.rip, first.registers.rip);
		assert_int_equal(last.registers.rsp, first.registers.rsp);
		assert_int_equal(last.registers.rbp, first.registers.rbp);
		assert_int_equal(last.registers.rax, first.registers.rax);
		assert_int_equal(last.registers.rdi, first.registers.rdi);
		assert_int_equal(last.registers.rbx, first.registers.rbx);
#endif
		assert_int_equal(last.info.si_code, first.info.si_code);
		assert_ptr_equal(last.info.si_addr, first.info.si_addr);
	}
}

/*
 * The policy that a panic ends the process: with the trace, and by the fault's own signal.
 */

static void the_policy_to_abort_prints_the_trace_and_ends_by_the_fault(void **state)
{
	static const struct scenario ends[] = {
	    {"fault: nil pointer dereference", fault_nil, true, SIGSEGV, false},
	    {"fault: integer division by zero", fault_division, true, SIGFPE, false},
	    {"fault: abort() called", fault_abort, true, SIGABRT, true},
	    {"fault: illegal instruction", fault_illegal, true, SIGILL, false},
	};

	(void)state;
	if (!is_supported())
		skip();
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct child child;

		child_run(abort_on_fault, (void *)(uintptr_t)&ends[i], &child);
		assert_true(child_died(&child, ends[i].signal));
		assert_ptr_equal(strstr(child.text, ends[i].name), child.text);
		assert_non_null(strstr(child.text, "fault_kinds.c"));
		assert_non_null(strstr(child.text, "created by abort_on_fault"));
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(what_is_no_tasks_fault_ends_the_process_as_ever),
	    TEST(the_programs_own_handlers_are_called_as_ever),
	    TEST(a_fault_on_a_stack_that_is_not_there_is_handed_on),
	    TEST(handlers_that_mend_and_return_are_called),
	    TEST(the_core_file_shows_the_fault_itself),
	    TEST(the_policy_to_abort_prints_the_trace_and_ends_by_the_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
