/* SPDX-License-Identifier: MIT */
/*
 * Faults as errors: modes, what is recovered and what is not, and what recovery goes together with. Each kind of fault
 * by itself is fault_runner's; what must end the process as ever is test_fault_death's.
 */

#include "support.h"

#include <dlfcn.h>
#include <limits.h>
#include <printf.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault_kinds.h"

/*
 * cmocka puts handlers of its own in front of the library's for every test, and nobody else here calls this.
 */
__sighandler_t signal(int number, __sighandler_t handler)
{
	(void)number;
	(void)handler;
	return SIG_DFL;
}

static bool is_supported;

static int setup(void **state)
{
	(void)state;
	is_supported = eg_fault_set_mode(EG_FAULT_ALL | EG_FAULT_STACK) != -ENOTSUP;
	return test_begin(state);
}

/* The mode is for one test at a time. */
static int teardown(void **state)
{
	(void)eg_fault_set_mode(EG_FAULT_OFF);
	eg_panic_set_hook(NULL, NULL);
	return test_end(state);
}

#define FAULT_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static int task_fault(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	fault_kind_find(arg)->fn();
	return 0;
}

#define KIND(name) ((void *)(uintptr_t)(name))

static int init_with(eg_group *group, unsigned fault, unsigned flags, int limit)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;

	options.fault = fault;
	options.flags = flags;
	options.limit = limit;
	options.collect = 4;
	return eg_group_init(group, NULL, &options);
}

/* Runs one task; the group is left for the test to look at. */
static int run_one(eg_group *group, eg_task_fn *fn, void *arg)
{
	assert_int_equal(init_with(group, 0, 0, 2), 0);
	eg_group_go(group, fn, arg);
	return eg_group_wait(group);
}

static void expect_fault(eg_task_fn *fn, void *arg, const char *message)
{
	eg_group group;

	assert_int_equal(run_one(&group, fn, arg), EG_EFAULTED);
	assert_int_equal(eg_error_kind(eg_group_error(&group)), EG_ERROR_FAULT);
	assert_string_equal(eg_error_message(eg_group_error(&group)), message);
	eg_group_destroy(&group);
}

/*
 * Modes
 */

static void unknown_modes_are_refused(void **state)
{
	static const unsigned unknown[] = {4,  5,  7,       EG_FAULT_STACK, EG_FAULT_STACK | EG_FAULT_OFF,
					   16, 32, UINT_MAX};
	struct eg_group_options later = EG_GROUP_OPTIONS_INIT;
	eg_group group;

	(void)state;
	later.reserved = 1;
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_int_equal(eg_fault_set_mode(unknown[i]), -EINVAL);
		assert_int_equal(init_with(&group, unknown[i], 0, 0), -EINVAL);
	}
	assert_int_equal(eg_group_init(&group, NULL, &later), -EINVAL);
	assert_int_equal(eg_fault_set_mode(0), 0);
	assert_int_equal(eg_fault_set_mode(EG_FAULT_OFF), 0);
}

struct attempt {
	unsigned process, group;
	const char *kind;
};

static void attempt_fault(void *arg)
{
	const struct attempt *attempt = arg;
	eg_group group;

	if (attempt->process && eg_fault_set_mode(attempt->process))
		_Exit(3);
	if (init_with(&group, attempt->group, EG_GROUP_NO_HELP, 1))
		_Exit(4);
	eg_group_go(&group, task_fault, KIND(attempt->kind));
	_Exit(eg_group_wait(&group) == EG_EFAULTED ? 0 : 5);
}

static void each_mode_recovers_its_kinds_and_no_other(void **state)
{
	static const unsigned modes[] = {EG_FAULT_OFF, EG_FAULT_GO, EG_FAULT_ALL,
					 EG_FAULT_GO | EG_FAULT_STACK, EG_FAULT_ALL | EG_FAULT_STACK};

	(void)state;
	if (!is_supported || !child_may_start_threads())
		skip();
	for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++) {
		for (size_t k = 0; k < fault_kinds_count; k++) {
			const struct fault_kind *kind = &fault_kinds[k];
			bool is_all = (modes[m] & ~(unsigned)EG_FAULT_STACK) == EG_FAULT_ALL;
			bool is_wanted = kind->mode == NEEDS_GO    ? modes[m] != EG_FAULT_OFF
					 : kind->mode == NEEDS_ALL ? is_all
								   : (modes[m] & EG_FAULT_STACK) != 0;
			struct attempt attempt = {EG_FAULT_OFF, modes[m], kind->name};
			struct child child;

			/* Alternately by the process's mode. */
			if ((m + k) % 2)
				attempt = (struct attempt){modes[m], 0, kind->name};
			child_run(attempt_fault, &attempt, &child);
			if (is_wanted)
				assert_true(child_exited(&child, 0));
			else
				assert_true(child_died(&child, kind->signal));
		}
	}
}

/* A group may be off in a process that is on. */
static void a_group_may_differ_from_the_process(void **state)
{
	struct attempt attempt = {EG_FAULT_ALL, EG_FAULT_OFF, "nil"};
	struct child child;

	(void)state;
	if (!is_supported || !child_may_start_threads())
		skip();
	child_run(attempt_fault, &attempt, &child);
	assert_true(child_died(&child, SIGSEGV));
}

/* With mode off no handler is touched; afterwards there are ours; a replaced one is noticed. */
static void look_at_handlers(void *arg)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
	struct sigaction action, before[sizeof(signals) / sizeof(signals[0])];
	eg_group group;

	(void)arg;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], NULL, &before[i]);
	if (eg_fault_set_mode(EG_FAULT_OFF) || init_with(&group, EG_FAULT_OFF, 0, 0))
		_Exit(3);
	eg_group_destroy(&group);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaction(signals[i], NULL, &action);
		if (action.sa_handler != before[i].sa_handler)
			_Exit(4);
	}
	if (eg_fault_set_mode(EG_FAULT_GO))
		_Exit(5);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		sigaction(signals[i], NULL, &action);
		if (action.sa_handler == before[i].sa_handler)
			_Exit(6);
	}
	memset(&action, 0, sizeof(action));
	action.sa_handler = SIG_DFL;
	sigaction(SIGFPE, &action, NULL);
	if (eg_fault_set_mode(EG_FAULT_ALL) != -EBUSY || init_with(&group, EG_FAULT_ALL, 0, 0) != -EBUSY)
		_Exit(7);
	if (eg_fault_set_mode(EG_FAULT_OFF))
		_Exit(8);
}

/* In a program that has not set a mode yet, which this one has. */
static char *own_path;

static void replaced_handlers_are_refused(void **state)
{
	char command[4200];

	(void)state;
	if (!is_supported)
		skip();
	snprintf(command, sizeof(command), "'%s' handlers", own_path);
	assert_int_equal(system(command), 0);
}

/*
 * What recovery goes together with
 */

static stack_t first_stack; /* of the main thread, before anything */

/* Counts those that ran on the thread that waits. */
static atomic_int helped;

static int task_fault_here(eg_ctx *ctx, void *arg)
{
	if (pthread_equal(*(pthread_t *)arg, pthread_self()))
		atomic_fetch_add(&helped, 1);
	return task_fault(ctx, KIND("nil"));
}

/* A thread of the program, with an alternate stack of its own, which is there again afterwards. */
static void a_helping_threads_faults_are_recovered_and_its_stack_given_back(void **state)
{
	static char memory[1 << 16];
	stack_t own = {.ss_sp = memory, .ss_size = sizeof(memory)}, before, after;
	pthread_t self = pthread_self();
	eg_group group = EG_GROUP_INIT;

	(void)state;
	if (!is_supported)
		skip();
	assert_int_equal(sigaltstack(&own, &before), 0);
	assert_ptr_equal(before.ss_sp, first_stack.ss_sp); /* as in the tests before this one */
	assert_int_equal(before.ss_flags, first_stack.ss_flags);
	/* The waiting thread is the first there, as a rule. */
	atomic_store(&helped, 0);
	for (int i = 1; atomic_load(&helped) == 0; i++) {
		eg_group_go(&group, task_fault_here, &self);
		assert_int_equal(eg_group_wait(&group), EG_EFAULTED);
		assert_int_equal(eg_group_error_count(&group), i);
	}
	assert_int_equal(sigaltstack(&before, &after), 0);
	assert_ptr_equal(after.ss_sp, memory);
	assert_int_equal(after.ss_size, sizeof(memory));
	eg_group_destroy(&group);
}

static int calls_made;

static void count_call(void *arg)
{
	(void)arg;
	calls_made++;
}

static void fault_in_call(void *arg)
{
	calls_made++;
	fault_kind_find(arg)->fn();
}

static int task_defers(eg_ctx *ctx, void *arg)
{
	CHECK(eg_defer(count_call, NULL) == 0);
	CHECK(eg_defer(fault_in_call, KIND("division")) == 0);
	CHECK(eg_defer(count_call, NULL) == 0);
	CHECK(eg_defer(fault_in_call, KIND("nil_strlen")) == 0);
	return arg ? task_fault(ctx, arg) : 0;
}

static void faults_in_deferred_calls_join_and_the_others_are_made(void **state)
{
	(void)state;
	if (!is_supported)
		skip();
	for (int i = 0; i < 2; i++) {
		eg_error *error;
		eg_group group;

		calls_made = 0;
		assert_int_equal(run_one(&group, task_defers, i ? KIND("wild") : NULL), EG_EFAULTED);
		assert_int_equal(calls_made, 4);
		error = eg_group_error(&group);
		if (i) {
			assert_string_equal(eg_error_message(error), "fault: wild pointer");
			error = eg_error_joined(error);
		}
		assert_string_equal(eg_error_message(error), "fault: nil pointer dereference");
		error = eg_error_joined(error);
		assert_string_equal(eg_error_message(error), "fault: integer division by zero");
		assert_null(eg_error_joined(error));
		eg_group_destroy(&group);
	}
}

static void fault_in_scope(void)
{
	EG_SCOPE(scope);
	CHECK(eg_defer(count_call, NULL) == 0);
	fault_kind_find("nil")->fn();
}

static int task_scoped(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	CHECK(eg_defer(fault_in_call, KIND("nil")) == 0);
	fault_in_scope();
	return 0;
}

static void a_fault_in_a_scope_makes_its_calls(void **state)
{
	(void)state;
	if (!is_supported)
		skip();
	calls_made = 0;
	expect_fault(task_scoped, NULL, "fault: nil pointer dereference");
	assert_int_equal(calls_made, 2);
}

static int task_copied(eg_ctx *ctx, void *arg)
{
	return task_fault(ctx, KIND(*(const char **)arg));
}

static void a_task_with_a_copied_argument_is_recovered(void **state)
{
	const char *kind = "nil";
	eg_group group;

	(void)state;
	if (!is_supported)
		skip();
	assert_int_equal(init_with(&group, 0, 0, 1), 0);
	eg_group_go_copy(&group, task_copied, &kind, sizeof(kind));
	eg_group_go(&group, task_fault, KIND("nil"));
	eg_group_go_copy(&group, task_copied, &kind, sizeof(kind));
	assert_int_equal(eg_group_wait(&group), EG_EFAULTED);
	assert_int_equal(eg_group_error_count(&group), 3);
	eg_group_destroy(&group);
}

static int told;
static char told_text[8192];

static void hook_note(eg_error *error, void *arg)
{
	CHECK(calls_made == 0);
	told++;
	eg_error_format(error, told_text, sizeof(told_text));
	if (arg)
		fault_kind_find(arg)->fn();
}

static int task_defer_and_fault(eg_ctx *ctx, void *arg)
{
	CHECK(eg_defer(count_call, NULL) == 0);
	return task_fault(ctx, arg);
}

static void the_hook_is_told_of_faults_and_may_fault_itself(void **state)
{
	eg_error *error;
	eg_group group;

	(void)state;
	if (!is_supported)
		skip();
	for (int i = 0; i < 2; i++) {
		told = calls_made = 0;
		eg_panic_set_hook(hook_note, i ? KIND("division") : NULL);
		assert_int_equal(run_one(&group, task_defer_and_fault, KIND("nil")), EG_EFAULTED);
		assert_int_equal(told, 1);
		assert_int_equal(calls_made, 1);
		assert_ptr_equal(strstr(told_text, "fault: nil pointer dereference\n"), told_text);
		assert_non_null(strstr(told_text, "read_nil"));
		assert_non_null(strstr(told_text, "fault_kinds.c:"));
		assert_non_null(strstr(told_text, "task_defer_and_fault"));
		assert_non_null(strstr(told_text, "created by run_one"));
		error = eg_error_joined(eg_group_error(&group));
		assert_int_equal(error != NULL, i);
		if (error)
			assert_string_equal(eg_error_message(error), "fault: integer division by zero");
		eg_group_destroy(&group);
	}
}

static int task_nested(eg_ctx *ctx, void *arg)
{
	intptr_t depth = (intptr_t)arg;
	eg_group group = EG_GROUP_INIT;

	if (depth == 0)
		return task_fault(ctx, KIND("nil"));
	eg_group_set_limit(&group, 1);
	eg_group_go(&group, task_nested, CODE(depth - 1));
	CHECK(eg_group_wait(&group) == EG_EFAULTED);
	eg_group_destroy(&group);
	return depth == 2 ? 0 : task_fault(ctx, KIND("division"));
}

static void faults_in_nested_groups_end_only_their_task(void **state)
{
	eg_group group;

	(void)state;
	if (!is_supported)
		skip();
	assert_int_equal(run_one(&group, task_nested, CODE(2)), 0);
	eg_group_destroy(&group);
}

static int task_overflow_nested(eg_ctx *ctx, void *arg)
{
	eg_group group;

	(void)ctx;
	(void)arg;
	CHECK(init_with(&group, 0, 0, 1) == 0);
	eg_group_go(&group, task_fault, KIND("overflow"));
	eg_group_go(&group, task_fault, KIND("overflow_alloca"));
	CHECK(eg_group_wait(&group) == EG_EFAULTED);
	CHECK(eg_group_error_count(&group) == 2);
	eg_group_destroy(&group);
	return task_fault(NULL, KIND("overflow"));
}

static void run_group_in_call(void *arg)
{
	eg_group group;

	CHECK(init_with(&group, 0, 0, 1) == 0);
	eg_group_go(&group, task_fault, arg);
	CHECK(eg_group_wait(&group) == EG_EFAULTED);
	eg_group_destroy(&group);
	calls_made++;
}

/* What runs in the zone while it is open finds it open afterwards, too. */
static int task_overflow_with_groups(eg_ctx *ctx, void *arg)
{
	(void)arg;
	CHECK(eg_defer(run_group_in_call, KIND("nil")) == 0);
	CHECK(eg_defer(run_group_in_call, KIND("wild")) == 0);
	return task_fault(ctx, KIND("overflow"));
}

static void overflows_are_recovered_in_nested_groups_and_around_them(void **state)
{
	static eg_task_fn *const tasks[] = {task_overflow_nested, task_overflow_with_groups};

	(void)state;
	if (!is_supported)
		skip();
	for (int i = 0; i < 6; i++) {
		eg_group group;

		calls_made = 0;
		assert_int_equal(init_with(&group, 0, EG_GROUP_NO_HELP, 1), 0);
		eg_group_go(&group, tasks[i % 2], NULL);
		assert_int_equal(eg_group_wait(&group), EG_EFAULTED);
		assert_string_equal(eg_error_message(eg_group_error(&group)), "fault: stack overflow");
		assert_int_equal(calls_made, i % 2 ? 2 : 0);
		eg_group_destroy(&group);
	}
}

/*
 * Messages that cannot be read
 */

static char *volatile bad_text = (char *)0x410000001234;

static int task_panic_badly(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	CHECK(eg_defer(count_call, NULL) == 0);
	eg_panic("part %d of %s", 7, bad_text);
}

static int convert_and_fault(FILE *stream, const struct printf_info *info, const void *const *args)
{
	(void)stream;
	(void)info;
	(void)args;
	fault_kind_find("division")->fn();
	return 0;
}

static int convert_info(const struct printf_info *info, size_t count, int *types, int *sizes)
{
	(void)info;
	if (count > 0) {
		types[0] = PA_INT;
		sizes[0] = sizeof(int);
	}
	return 1;
}

static const char *own_format = "own %Y";

static int task_panic_by_own_conversion(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	eg_panic(own_format, 1);
}

static void a_bad_argument_of_a_panic_is_told_in_its_message(void **state)
{
	eg_group group;

	(void)state;
	if (!is_supported)
		skip();
	assert_int_equal(register_printf_specifier('Y', convert_and_fault, convert_info), 0);
	for (int i = 0; i < 100; i++) {
		calls_made = 0;
		assert_int_equal(run_one(&group, task_panic_badly, NULL), EG_EPANIC);
		assert_string_equal(eg_error_message(eg_group_error(&group)),
				    "panic: part %d of %s (an argument could not be read)");
		assert_int_equal(calls_made, 1);
		eg_group_destroy(&group);
		assert_int_equal(run_one(&group, task_panic_by_own_conversion, NULL), EG_EPANIC);
		assert_string_equal(eg_error_message(eg_group_error(&group)),
				    "panic: own %Y (an argument could not be read)");
		eg_group_destroy(&group);
	}
}

/*
 * fork in a task: the child is no task any more
 */

static int task_fork(eg_ctx *ctx, void *arg)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		close(STDERR_FILENO); /* a sanitizer would report what is meant */
		task_fault(ctx, arg);
		_Exit(3);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) != 3);
	return task_fault(ctx, arg);
}

static int task_fork_and_go_on(eg_ctx *ctx, void *arg)
{
	int status = 0;
	pid_t pid = fork();

	(void)ctx;
	if (pid == 0) {
		eg_group group;

		if (init_with(&group, 0, 0, 1))
			_Exit(3);
		eg_group_go(&group, task_fault, arg);
		_Exit(eg_group_wait(&group) == EG_EFAULTED ? 0 : 4);
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return 0;
}

static void a_forked_child_dies_of_its_faults_unless_in_a_group_of_its_own(void **state)
{
	eg_group group;

	(void)state;
	if (!is_supported || !child_may_start_threads())
		skip();
	for (int i = 0; i < 3; i++) {
		expect_fault(task_fork, KIND("nil"), "fault: nil pointer dereference");
		assert_int_equal(run_one(&group, task_fork_and_go_on, KIND("nil")), 0);
		eg_group_destroy(&group);
	}
}

/*
 * pthread_exit and faults on one thread
 */

static void fault_at_exit(void *arg)
{
	fault_kind_find(arg)->fn();
}

static int task_exit(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	CHECK(eg_defer(count_call, NULL) == 0);
	CHECK(eg_defer(fault_at_exit, arg) == 0);
	pthread_exit(NULL);
}

static void a_fault_in_a_call_of_a_thread_that_ends_joins(void **state)
{
	(void)state;
	if (!is_supported)
		skip();
	for (int i = 0; i < 20; i++) {
		eg_group group;

		calls_made = 0;
		assert_int_equal(init_with(&group, 0, EG_GROUP_NO_HELP, 1), 0);
		eg_group_go(&group, task_exit, KIND("nil"));
		eg_group_go(&group, task_fault, KIND("nil"));
		assert_int_equal(eg_group_wait(&group), EG_EEXITED);
		assert_int_equal(calls_made, 1);
		assert_string_equal(eg_error_message(eg_error_joined(eg_group_error(&group))),
				    "fault: nil pointer dereference");
		assert_int_equal(eg_group_error_count(&group), 2);
		eg_group_destroy(&group);
	}
}

/*
 * Storms
 */

static int task_malloc(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	for (size_t size = 1; size < 100000; size = size * 3 + 1) {
		char *volatile memory = malloc(size);

		if (memory)
			memory[size - 1] = 1;
		free(memory);
	}
	return 0;
}

/* The loader has a lock of its own, which ThreadSanitizer does not see. */
static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;

static int task_dlopen(eg_ctx *ctx, void *arg)
{
	void *library, *other;

	(void)ctx;
	(void)arg;
	pthread_mutex_lock(&loading);
	library = dlopen("libm.so.6", RTLD_NOW | RTLD_LOCAL);
	other = dlopen("libresolv.so.2", RTLD_NOW | RTLD_LOCAL);
	if (other)
		dlclose(other);
	if (library)
		dlclose(library);
	pthread_mutex_unlock(&loading);
	return 0;
}

static void faults_beside_malloc_and_dlopen_lose_nothing(void **state)
{
	static const char *const kinds[] = {"nil", "division", "nil_strdup", "abort", "wild_call"};
	long rounds = scaled(2000);
	eg_group group;

	(void)state;
	if (!is_supported)
		skip();
	assert_int_equal(init_with(&group, 0, 0, 4), 0);
	for (long i = 0; i < rounds; i++) {
		eg_group_go(&group, task_malloc, NULL);
		eg_group_go(&group, task_fault, KIND(kinds[i % 5]));
		eg_group_go(&group, task_dlopen, NULL);
	}
	assert_int_equal(eg_group_wait(&group), EG_EFAULTED);
	assert_int_equal(eg_group_error_count(&group), rounds);
	eg_group_destroy(&group);
}

/*
 * Stages of pipelines, which are called by a task of the library's
 */

static int source_of_three(eg_ctx *ctx, void *arg, void **item)
{
	int *pulled = arg;

	(void)ctx;
	*item = pulled;
	return ++*pulled <= 3;
}

static int stage_faults(eg_ctx *ctx, void *arg, void **item)
{
	(void)item;
	return task_fault(ctx, arg);
}

static void drop_faults(void *item, void *arg)
{
	++*(int *)arg;
	(void)item;
	fault_kind_find("nil")->fn();
}

static void a_fault_in_a_stage_or_the_drop_function_is_the_items_error(void **state)
{
	(void)state;
	if (!is_supported)
		skip();
	for (int i = 0; i < 2; i++) {
		int pulled = 0, dropped = 0;
		const struct eg_stage stages[] = {
		    {source_of_three, &pulled, EG_STAGE_SERIAL},
		    {stage_faults, KIND("division"), i ? EG_STAGE_IN_ORDER : EG_STAGE_PARALLEL}};
		struct eg_group_options group = EG_GROUP_OPTIONS_INIT;
		eg_error *error = NULL;

		group.limit = 1;
		assert_int_equal(eg_pipeline(NULL, stages, 2,
					     EG_PIPELINE_OPTIONS(.drop = drop_faults, .drop_arg = &dropped,
								 .group = &group),
					     &error),
				 EG_EFAULTED);
		assert_int_equal(eg_error_kind(error), EG_ERROR_FAULT);
		assert_int_equal(eg_error_signal(error), SIGFPE);
		assert_int_equal(eg_error_task_index(error), 0);
		assert_int_equal(eg_error_signal(eg_error_joined(error)), SIGSEGV);
		assert_int_equal(dropped, 1);
		assert_int_equal(pulled, 1);
		eg_error_unref(error);
	}
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
	    FAULT_TEST(unknown_modes_are_refused),
	    FAULT_TEST(each_mode_recovers_its_kinds_and_no_other),
	    FAULT_TEST(a_group_may_differ_from_the_process),
	    FAULT_TEST(replaced_handlers_are_refused),
	    FAULT_TEST(a_helping_threads_faults_are_recovered_and_its_stack_given_back),
	    FAULT_TEST(faults_in_deferred_calls_join_and_the_others_are_made),
	    FAULT_TEST(a_fault_in_a_scope_makes_its_calls),
	    FAULT_TEST(a_task_with_a_copied_argument_is_recovered),
	    FAULT_TEST(the_hook_is_told_of_faults_and_may_fault_itself),
	    FAULT_TEST(faults_in_nested_groups_end_only_their_task),
	    FAULT_TEST(overflows_are_recovered_in_nested_groups_and_around_them),
	    FAULT_TEST(a_bad_argument_of_a_panic_is_told_in_its_message),
	    FAULT_TEST(a_forked_child_dies_of_its_faults_unless_in_a_group_of_its_own),
	    FAULT_TEST(a_fault_in_a_call_of_a_thread_that_ends_joins),
	    FAULT_TEST(a_fault_in_a_stage_or_the_drop_function_is_the_items_error),
	    FAULT_TEST(faults_beside_malloc_and_dlopen_lose_nothing),
	};

	own_path = argv[0];
	sigaltstack(NULL, &first_stack);
	if (argc > 1) {
		look_at_handlers(NULL);
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
