/* SPDX-License-Identifier: MIT */
/*
 * What the library costs where it is not used, and that it may be used first by anybody, at any moment: before it is
 * initialised, in constructors, by many at once, beside the loader; and plugins that come and go.
 */

#include "support.h"

#include <dlfcn.h>
#include <limits.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define PATH_SIZE (PATH_MAX + 64)

/*
 * AddressSanitizer asks this for its defaults. Its leak check guesses where a library loaded with dlopen has its
 * thread-local data, and crashes on a wrong guess about libdw's.
 */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "intercept_tls_get_addr=0";
}

/* Programs and plugins lie where this one does. */
static const char *path_of(const char *name)
{
	static char path[PATH_SIZE];
	ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);

	assert_true(length > 0 && length < PATH_MAX);
	path[length] = '\0';
	strcpy(strrchr(path, '/') + 1, name);
	return path;
}

static void *symbol_of(void *module, const char *name)
{
	void *symbol = module ? dlsym(module, name) : NULL;

	if (!symbol)
		fprintf(stderr, "%s\n", dlerror());
	EXPECT(symbol);
	return symbol;
}

/* The exit status of a program, or 256 and the signal that ended it. */
static int run_program(const char *path, const char *first, const char *second)
{
	pid_t child;
	int status = 0;

	if (is_emulated())
		skip();
	child = fork();
	if (child == 0) {
		execl(path, path, first, second, (char *)NULL);
		_exit(255);
	}
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

/*
 * Nothing used
 */

#define CALLS_MAX 1024

struct calls {
	unsigned count[CALLS_MAX];
	char opened[PATH_MAX]; /* a file that a program has no use for; "": none */
	int status;
};

/* A file is opened: what the loader looks for, whatever its folders, is fine. */
static void calls_note_path(struct calls *calls, pid_t child, uint64_t address)
{
	char path[PATH_MAX] = "";
	struct iovec here = {path, sizeof(path) - 1}, there = {(void *)(uintptr_t)address, sizeof(path) - 1};

	/* To the end of the page at least. */
	there.iov_len = 4096 - address % 4096;
	here.iov_len = there.iov_len < sizeof(path) - 1 ? there.iov_len : sizeof(path) - 1;
	if (process_vm_readv(child, &here, 1, &there, 1, 0) <= 0)
		return;
	if (strncmp(path, "/proc/", 6) == 0 || strncmp(path, "/sys/", 5) == 0 || strstr(path, "libgcc_s"))
		strcpy(calls->opened, path);
}

/* Runs a program and counts its system calls. False where processes may not be traced. */
static bool calls_count(const char *name, struct calls *ret_calls)
{
	const char *path = path_of(name);
	pid_t child = fork();
	int status = 0;

	memset(ret_calls, 0, sizeof(*ret_calls));
	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0)
			_exit(77);
		execl(path, path, (char *)NULL);
		_exit(127);
	}
	assert_true(child > 0 && waitpid(child, &status, 0) == child);
	if (!WIFSTOPPED(status))
		return false;
	ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	for (;;) {
		struct __ptrace_syscall_info info = {0};

		ptrace(PTRACE_SYSCALL, child, 0, 0);
		assert_true(waitpid(child, &status, 0) == child);
		if (!WIFSTOPPED(status))
			break;
		if (WSTOPSIG(status) != (SIGTRAP | 0x80))
			continue;
		if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info) <= 0) {
			kill(child, SIGKILL);
			waitpid(child, &status, 0);
			return false;
		}
		if (info.op != PTRACE_SYSCALL_INFO_ENTRY || info.entry.nr >= CALLS_MAX)
			continue;
		ret_calls->count[info.entry.nr]++;
		if (info.entry.nr == SYS_openat)
			calls_note_path(ret_calls, child, info.entry.args[1]);
	}
	ret_calls->status = status;
	return true;
}

/* What the loader does to map one library more. */
static bool is_of_loader(size_t call)
{
	static const size_t loaders[] = {SYS_openat,   SYS_read,   SYS_pread64,  SYS_fstat, SYS_newfstatat,
					 SYS_mmap,     SYS_munmap, SYS_mprotect, SYS_close, SYS_readlinkat,
#ifdef SYS_readlink
					 SYS_readlink,
#endif
					 SYS_brk,      SYS_getcwd};

	for (size_t i = 0; i < sizeof(loaders) / sizeof(loaders[0]); i++)
		if (loaders[i] == call)
			return true;
	return false;
}

static void a_program_that_calls_nothing_pays_nothing(void **state)
{
	static struct calls with, without;

	(void)state;
	/* What is compiled with a sanitizer begins with calls of it. */
	if (IS_SANITIZED)
		skip();
	if (!calls_count("load_nothing", &with) || !calls_count("load_without", &without)) {
		print_message("processes may not be traced here\n");
		skip();
	}
	/* No handlers of fork, and no thread-specific key. */
	assert_true(WIFEXITED(with.status) && WEXITSTATUS(with.status) == 0);
	assert_true(WIFEXITED(without.status) && WEXITSTATUS(without.status) == 0);
	assert_string_equal(with.opened, "");
	for (size_t i = 0; i < CALLS_MAX; i++) {
		if (is_of_loader(i) || with.count[i] == without.count[i])
			continue;
		print_message("system call %zu: %u instead of %u\n", i, with.count[i], without.count[i]);
		fail();
	}
}

/*
 * First use
 */

static void it_may_be_used_before_its_own_constructors(void **state)
{
	(void)state;
	assert_int_equal(run_program(path_of("load_early"), NULL, NULL), 0);
}

/* Traces are shorter then. */
static void programs_without_unwind_tables_start(void **state)
{
	(void)state;
	assert_int_equal(run_program(path_of("load_early_bare"), NULL, NULL), 0);
	if (access(path_of("load_early_static"), X_OK) == 0)
		assert_int_equal(run_program(path_of("load_early_static"), NULL, NULL), 0);
	else
		print_message("no static program could be made\n");
}

static void it_does_without_a_thread_specific_key(void **state)
{
	(void)state;
	/* What its threads keep is lost when they end. */
	if (IS_SANITIZED)
		skip();
	assert_int_equal(run_program(path_of("load_early"), "keys", NULL), 0);
}

static void many_threads_may_be_the_first_at_once(void **state)
{
	(void)state;
	for (long i = 0; i < scaled(50); i++)
		assert_int_equal(run_program(path_of("load_early"), "threads", NULL), 0);
}

/*
 * Beside the loader. The plugin's constructor calls load_hook, which has the loader's lock then.
 */

static void (*hook)(void);

void load_hook(void);
void load_hook(void)
{
	hook();
}

static void load_with_hook(void (*fn)(void))
{
	void *module;

	hook = fn;
	module = dlopen(path_of("load_hook.so"), RTLD_NOW | RTLD_LOCAL);
	if (!module)
		fprintf(stderr, "%s\n", dlerror());
	EXPECT(module);
}

static int task_panics(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	eg_panic("in a constructor");
}

static void *uses_all(void *arg)
{
	struct hold hold = HOLD_INIT;
	eg_group group = EG_GROUP_INIT;

	(void)arg;
	EXPECT(eg_group_go(&group, task_hold, &hold) == 0);
	tally_await(&hold.started, 1); /* on a thread of the library's */
	tally_add(&hold.release, 1);
	EXPECT(eg_group_go(&group, task_panics, NULL) == 0);
	EXPECT(eg_group_wait(&group) == EG_EPANIC);
	EXPECT(eg_group_destroy(&group) == 0);
	return NULL;
}

static void constructor_uses_all(void)
{
	pthread_t thread;

	EXPECT(pthread_create(&thread, NULL, uses_all, NULL) == 0);
	EXPECT(pthread_join(thread, NULL) == 0);
	uses_all(NULL);
}

static void child_loads_what_uses_all(void *arg)
{
	(void)arg;
	load_with_hook(constructor_uses_all);
}

static void a_constructor_may_use_it_and_wait_for_a_thread_that_does(void **state)
{
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		skip();
	child_run(child_loads_what_uses_all, NULL, &child);
	if (!child_exited(&child, 0))
		fail_msg("%s", child.text);
}

/* A thread that calls the library, which calls the loader: it has to wait for the constructor that forks meanwhile. */
static void (*beside)(void);
static _Atomic pid_t beside_thread;
static atomic_bool beside_returned;
static pthread_t beside_main_thread;

static void *beside_main(void *arg)
{
	(void)arg;
	atomic_store(&beside_thread, thread_id());
	beside();
	atomic_store(&beside_returned, true);
	return NULL;
}

static void constructor_forks(void)
{
	pid_t child;
	int status = 0;

	EXPECT(pthread_create(&beside_main_thread, NULL, beside_main, NULL) == 0);
	(void)thread_blocks(&beside_thread, &beside_returned);
	child = fork();
	if (child == 0)
		_exit(0);
	EXPECT(child > 0 && waitpid(child, &status, 0) == child);
	EXPECT(status == 0);
}

static eg_group failed = EG_GROUP_INIT;

static void prints_error(void)
{
	char text[4096];

	EXPECT(eg_error_format(eg_group_error(&failed), text, sizeof(text)) > 0);
}

static void recovers_faults(void)
{
	(void)eg_fault_set_mode(EG_FAULT_GO);
}

static void child_forks_beside(void *arg)
{
	beside = arg == NULL ? prints_error : recovers_faults;
	EXPECT(eg_group_go(&failed, task_panics, NULL) == 0);
	EXPECT(eg_group_wait(&failed) == EG_EPANIC);
	load_with_hook(constructor_forks);
	EXPECT(pthread_join(beside_main_thread, NULL) == 0);
	prints_error();
	EXPECT(eg_group_destroy(&failed) == 0);
}

/* In a child, because libdw is loaded once in a process. */
static void expect_fork_goes_on(void *arg)
{
	struct child child;

	if (!child_may_start_threads())
		skip();
	child_run(child_forks_beside, arg, &child);
	if (!child_exited(&child, 0))
		fail_msg("%s", child.text);
}

static void a_constructor_may_fork_while_names_are_looked_up(void **state)
{
	(void)state;
	expect_fork_goes_on(NULL);
}

static void a_constructor_may_fork_while_faults_become_recoverable(void **state)
{
	(void)state;
	expect_fork_goes_on("");
}

/*
 * Plugins with the static library in them
 */

/* How the program that loads it ends. */
static int run_host(const char *mode)
{
	char host[PATH_SIZE], plugin[PATH_SIZE];

	strcpy(host, path_of("load_host"));
	strcpy(plugin, path_of("load_static.so"));
	return run_program(host, plugin, mode);
}

static void a_static_copy_may_be_closed(void **state)
{
	(void)state;
	assert_int_equal(run_host("thread"), 0);
	assert_int_equal(run_host("fork"), 0);
	assert_int_equal(run_host("fault"), 42);
	assert_int_equal(run_host("again"), 0);
	assert_int_equal(run_host("unused"), 0);
}

/*
 * Plugins that take one another's place
 */

#define VERSION_TASKS 1000

/* Has a version's tasks run in a group of limit 1, and returns where its function lay. */
static void *version_use(const char *name, eg_group *group)
{
	void *module = dlopen(path_of(name), RTLD_NOW | RTLD_LOCAL);
	void *symbol = symbol_of(module, "load_submit");
	int (*submit)(eg_group *) = (int (*)(eg_group *))symbol;
	struct hold hold = HOLD_INIT;

	/* They pile up, so that the fastest way to submit is taken, which the first one here does not take. */
	EXPECT(eg_group_try_go(group, task_hold, &hold) == 0);
	tally_await(&hold.started, 1);
	for (int i = 0; i < VERSION_TASKS; i++)
		EXPECT(submit(group) == 0);
	tally_add(&hold.release, 1);
	EXPECT(eg_group_wait(group) == -EIO);
	EXPECT(dlclose(module) == 0);
	return symbol;
}

static void expect_version(eg_group *group, const char *file, uint32_t line)
{
	static eg_error *errors[VERSION_TASKS];

	EXPECT(eg_group_errors(group, VERSION_TASKS, errors) == VERSION_TASKS);
	for (int i = 0; i < VERSION_TASKS; i++) {
		const struct eg_site *site = eg_error_site(errors[i]);

		EXPECT(site && strcmp(site->file, file) == 0 && site->line == line);
	}
}

static void child_uses_versions(void *arg)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	void *first, *second;
	eg_group group;

	(void)arg;
	options.collect = VERSION_TASKS;
	options.flags = EG_GROUP_NO_CANCEL;
	options.limit = 1;
	EXPECT(eg_group_init(&group, NULL, &options) == 0);
	for (int i = 0; i < 3; i++) {
		first = version_use("load_version_1.so", &group);
		expect_version(&group, "version_1.c", 1001);
		EXPECT(eg_group_reset(&group) == 0);
		second = version_use("load_version_2.so", &group);
		expect_version(&group, "version_2.c", 2002);
		EXPECT(eg_group_reset(&group) == 0);
		if (first != second)
			fprintf(stderr, "version 2 lies elsewhere\n");
	}
	EXPECT(eg_group_destroy(&group) == 0);
}

static void a_plugin_in_the_place_of_another_has_its_own_call_sites(void **state)
{
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		skip();
	child_run(child_uses_versions, NULL, &child);
	if (!child_exited(&child, 0))
		fail_msg("%s", child.text);
	if (strstr(child.text, "elsewhere"))
		print_message("the loader puts them in different places\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_program_that_calls_nothing_pays_nothing),
	    TEST(it_may_be_used_before_its_own_constructors),
	    TEST(programs_without_unwind_tables_start),
	    TEST(it_does_without_a_thread_specific_key),
	    TEST(many_threads_may_be_the_first_at_once),
	    TEST(a_constructor_may_use_it_and_wait_for_a_thread_that_does),
	    TEST(a_constructor_may_fork_while_names_are_looked_up),
	    TEST(a_constructor_may_fork_while_faults_become_recoverable),
	    TEST(a_static_copy_may_be_closed),
	    TEST(a_plugin_in_the_place_of_another_has_its_own_call_sites),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
