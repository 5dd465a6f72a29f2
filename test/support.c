/* SPDX-License-Identifier: MIT */
/*
 * Helpers of the behaviour tests; support.h says what each is for.
 */

#include "support.h"

#include <dirent.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	TEST_SECONDS = 120, /* what a hung test may take before SIGALRM ends the program */
	REPEAT_SECONDS = 5  /* after so long a test repeats no more what it has done once */
};

static atomic_int checks_failed;
static int64_t begin_ns;

static long slowdown(void)
{
	const char *text = getenv("ERRGROUP_TEST_SLOWDOWN");
	long factor = text ? strtol(text, NULL, 10) : IS_SANITIZED ? 10 : 1;

	return factor < 1 ? 1 : factor;
}

/* Not the library's: a program of which nothing else needs the library is linked without it. */
static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int test_begin(void **state)
{
	(void)state;
	atomic_store(&checks_failed, 0);
	begin_ns = now_ns();
	alarm((unsigned)(TEST_SECONDS * slowdown()));
	return 0;
}

int test_end(void **state)
{
	(void)state;
	alarm(0);
	return atomic_load(&checks_failed) ? -1 : 0;
}

static long descriptors_before;

int test_begin_clean(void **state)
{
	descriptors_before = descriptors_open();
	return test_begin(state);
}

int test_end_clean(void **state)
{
	siginfo_t info;

	CHECK(waitid(P_ALL, 0, &info, WEXITED | WNOHANG) == -1 && errno == ECHILD);
	CHECK(descriptors_open() == descriptors_before);
	return test_end(state);
}

static timer_t storm;

static void ignore(int signal)
{
	(void)signal;
}

void storm_begin(void)
{
	const struct itimerspec often = {{0, 300000}, {0, 300000}};
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
	struct sigaction action = {.sa_handler = ignore};

	CHECK(sigaction(SIGUSR2, &action, NULL) == 0);
	CHECK(timer_create(CLOCK_MONOTONIC, &event, &storm) == 0);
	CHECK(timer_settime(storm, 0, &often, NULL) == 0);
}

void storm_end(void)
{
	CHECK(timer_delete(storm) == 0);
}

void check_failed(const char *what, const char *file, int line)
{
	/* A few are enough; a broken invariant can fail a million times. */
	if (atomic_fetch_add(&checks_failed, 1) < 8)
		fprintf(stderr, "%s:%d: check failed: %s\n", file, line, what);
}

long scaled(long count)
{
	long result = count / slowdown();

	return result < 1 ? 1 : result;
}

bool goes_on(long done, long count)
{
	if (done >= scaled(count))
		return false;
	return done == 0 || now_ns() - begin_ns < REPEAT_SECONDS * INT64_C(1000000000);
}

/*
 * Tallies and gauges. A tally always wakes all: each waiter has its own number to wait for.
 */

void tally_add(struct tally *tally, long amount)
{
	pthread_mutex_lock(&tally->lock);
	tally->value += amount;
	pthread_cond_broadcast(&tally->moved);
	pthread_mutex_unlock(&tally->lock);
}

void tally_await(struct tally *tally, long least)
{
	pthread_mutex_lock(&tally->lock);
	while (tally->value < least)
		pthread_cond_wait(&tally->moved, &tally->lock);
	pthread_mutex_unlock(&tally->lock);
}

long tally_value(struct tally *tally)
{
	long value;

	pthread_mutex_lock(&tally->lock);
	value = tally->value;
	pthread_mutex_unlock(&tally->lock);
	return value;
}

void tally_meet(struct tally *tally, long parties)
{
	tally_add(tally, 1);
	tally_await(tally, parties);
}

int task_meet(eg_ctx *ctx, void *arg)
{
	struct meeting *meeting = arg;

	(void)ctx;
	tally_meet(&meeting->met, meeting->parties);
	return 0;
}

int gauge_enter(struct gauge *gauge)
{
	int now = atomic_fetch_add(&gauge->now, 1) + 1;
	int most = atomic_load(&gauge->most);

	while (now > most && !atomic_compare_exchange_weak(&gauge->most, &most, now))
		;
	return now;
}

void gauge_leave(struct gauge *gauge)
{
	atomic_fetch_sub(&gauge->now, 1);
}

int task_gauged(eg_ctx *ctx, void *arg)
{
	struct gauged *gauged = arg;

	(void)ctx;
	gauge_enter(&gauged->gauge);
	atomic_fetch_add(&gauged->ran, 1);
	if (gauged->yields)
		sched_yield();
	gauge_leave(&gauged->gauge);
	return 0;
}

/*
 * Threads
 */

pid_t thread_id(void)
{
	return (pid_t)syscall(SYS_gettid);
}

/* The state letter of a thread as /proc shows it, or 0 when the thread is gone. */
static int thread_state(pid_t thread)
{
	char path[64], text[512];
	char *end;
	size_t length;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%ld/stat", (long)thread);
	file = fopen(path, "re");
	if (!file)
		return 0;
	length = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[length] = '\0';

	/* "id (name) state …": the name may hold anything, so look for the last parenthesis. */
	end = strrchr(text, ')');
	return end && end[1] ? end[2] : 0;
}

bool thread_blocks(const _Atomic pid_t *thread, const atomic_bool *returned)
{
	pid_t id;

	while (!(id = atomic_load(thread)))
		sched_yield();
	for (;;) {
		if (atomic_load(returned))
			return false;
		if (thread_state(id) == 'S')
			return !atomic_load(returned);
		sched_yield();
	}
}

void await_end_of_main(void)
{
	char line[256];
	bool has_ended = false;

	while (!has_ended) {
		FILE *status = fopen("/proc/self/status", "r");

		if (!status)
			abort();
		while (fgets(line, sizeof(line), status))
			has_ended = has_ended || strncmp(line, "State:\tZ", 8) == 0;
		fclose(status);
		sched_yield();
	}
}

void thread_await_end(pid_t thread)
{
	while (thread_state(thread))
		sched_yield();
}

long threads_now(void)
{
	char line[256];
	long count = -1;
	FILE *file = fopen("/proc/self/status", "re");

	if (!file)
		return -1;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Threads: %ld", &count) == 1)
			break;
	fclose(file);
	return count;
}

bool descriptor_is_event(int fd)
{
	char path[32], target[32];
	ssize_t length;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return false;
	target[length] = '\0';
	return strstr(target, "eventfd") || strstr(target, "pipe:");
}

long descriptors_open(void)
{
	DIR *folder = opendir("/proc/self/fd");
	long count = 0;

	if (!folder)
		return -1;
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

size_t heap_in_use(void)
{
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
#else
	return 0;
#endif
}

/*
 * Contexts and tasks
 */

eg_ctx *ctx_under(eg_ctx *parent)
{
	eg_ctx *ctx = NULL;

	if (eg_ctx_with_cancel(parent, &ctx))
		abort();
	return ctx;
}

struct deadline_call {
	void (*fn)(void *arg);
	void *arg;
	pid_t caller;
	bool by_other;
	struct tally called;
};

static void deadline_passes(void *arg)
{
	struct deadline_call *call = arg;

	call->by_other = thread_id() != call->caller;
	if (call->by_other)
		call->fn(call->arg);
	tally_add(&call->called, 1);
}

void call_at_deadline(void (*fn)(void *arg), void *arg)
{
	bool called = false;

	/* If the time has come before it is registered, the function is called here: then there has to be more of it. */
	for (int64_t timeout_ns = 1000000; !called; timeout_ns *= 2) {
		struct deadline_call call = {fn, arg, thread_id(), false, TALLY_INIT};
		eg_ctx_callback callback = {{0}};
		eg_ctx *ctx;

		if (eg_ctx_with_timeout(NULL, timeout_ns, &ctx) != 0 ||
		    eg_ctx_on_end(ctx, deadline_passes, &call, &callback) != 0)
			abort();
		tally_await(&call.called, 1);
		eg_ctx_off_end(&callback);
		eg_ctx_unref(ctx);
		called = call.by_other;
	}
}

void ctx_await_cancel(const eg_ctx *ctx)
{
	while (!eg_ctx_err(ctx))
		sched_yield();
}

void *waiter_main(void *arg)
{
	struct waiter *waiter = arg;

	atomic_store(&waiter->thread, thread_id());
	waiter->code = eg_group_wait(waiter->group);
	atomic_store(&waiter->returned, true);
	return NULL;
}

int task_nothing(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	return 0;
}

int task_return(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	return (int)(intptr_t)arg;
}

int task_count(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	atomic_fetch_add((atomic_long *)arg, 1);
	return 0;
}

int task_gate(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	tally_await(arg, 1);
	return 0;
}

int task_jump_out(eg_ctx *ctx, void *arg)
{
	struct jump *jump = arg;

	(void)ctx;
	if (pthread_equal(pthread_self(), jump->thread))
		longjmp(jump->to, 1);
	return 0;
}

int task_hold(eg_ctx *ctx, void *arg)
{
	struct hold *hold = arg;

	(void)ctx;
	tally_add(&hold->started, 1);
	tally_await(&hold->release, 1);
	return 0;
}

/*
 * Child processes
 */

/* What the emulator says when a signal ends the process is not the process's own. */
static void remove_emulators_line(char *text)
{
	char *line = strstr(text, "qemu: uncaught target signal");

	if (line)
		*line = '\0';
}

/*
 * LeakSanitizer asks before it looks. In a forked child it would wait for ever for a lock that a thread which is not there held
 * (gcc 12), or take what only such a thread's stack leads to for lost.
 */
static bool is_child;

int __lsan_is_turned_off(void);

int __lsan_is_turned_off(void)
{
	return is_child;
}

static void child_main(int write_end, void (*fn)(void *arg), void *arg)
{
	struct rlimit none = {0, 0};

	is_child = true;
	alarm((unsigned)(TEST_SECONDS / 2 * slowdown()));
	setrlimit(RLIMIT_CORE, &none);
	/* What an emulator or a sanitizer says on the standard output would be taken for TAP. */
	dup2(write_end, STDOUT_FILENO);
	dup2(write_end, STDERR_FILENO);
	close(write_end);
	fn(arg);
	_exit(0);
}

static void child_run_once(void (*fn)(void *arg), void *arg, struct child *ret_child)
{
	size_t length = 0;
	ssize_t count;
	int ends[2];
	pid_t pid;

	/* A task may call this, so cmocka's assertions are out of the question. */
	if (pipe(ends))
		abort();
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		abort();
	if (!pid) {
		close(ends[0]);
		child_main(ends[1], fn, arg);
	}
	close(ends[1]);
	for (;;) {
		char rest[512];
		size_t room = sizeof(ret_child->text) - 1 - length;

		count =
		    room ? read(ends[0], ret_child->text + length, room) : read(ends[0], rest, sizeof(rest));
		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			break;
		if (room)
			length += (size_t)count;
	}
	close(ends[0]);
	ret_child->text[length] = '\0';
	remove_emulators_line(ret_child->text);
	while (waitpid(pid, &ret_child->status, 0) < 0)
		if (errno != EINTR)
			abort();
}

void child_run(void (*fn)(void *arg), void *arg, struct child *ret_child)
{
	/* gcc 12's ThreadSanitizer now and then takes a thread of a forked child for one of its parent's, and ends. */
	for (int attempt = 0; attempt < 5; attempt++) {
		child_run_once(fn, arg, ret_child);
		if (!strstr(ret_child->text, "ThreadSanitizer: dup thread"))
			return;
	}
}

bool child_exited(const struct child *child, int status)
{
	if (WIFEXITED(child->status) && WEXITSTATUS(child->status) == status)
		return true;
	print_error("child: wait status %#x, expected exit %d; it wrote: %s\n", (unsigned)child->status,
		    status, child->text);
	return false;
}

bool child_killed(const struct child *child, int signal)
{
	if (WIFSIGNALED(child->status) && WTERMSIG(child->status) == signal)
		return true;
	print_error("child: wait status %#x, expected signal %d; it wrote: %s\n", (unsigned)child->status,
		    signal, child->text);
	return false;
}

bool child_died(const struct child *child, int signal)
{
	if (IS_SANITIZED && WIFEXITED(child->status) && strstr(child->text, "Sanitizer"))
		return true;
	return child_killed(child, signal);
}

bool is_emulated(void)
{
	return getenv("ERRGROUP_TEST_EMULATED") != NULL;
}

bool child_may_start_threads(void)
{
#if IS_THREAD_SANITIZED
	return false;
#else
	return !is_emulated();
#endif
}

size_t small_stack(size_t size)
{
	size_t least = (size_t)PTHREAD_STACK_MIN;

	return size > least ? size : least;
}

bool child_of_busy_may_allocate(void)
{
	return !IS_SANITIZED;
}
