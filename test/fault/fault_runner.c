/* SPDX-License-Identifier: MIT */
/*
 * Each kind of fault twice, then a healthy task, on one worker; then faults and panics by the thousand. After each, all
 * that a thread has is as it was. A program of its own that needs nothing but the library and speaks TAP, so that it
 * can be built by any compiler with any options.
 *
 *     fault_runner [PANICS FAULTS OVERFLOWS]
 */

#include <errgroup.h>
#include <errno.h>
#include <fenv.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault_kinds.h"

static int number, failures;

static bool result(bool is_ok, const char *what, const char *name)
{
	printf("%s %d - %s%s\n", is_ok ? "ok" : "not ok", ++number, what, name);
	failures += !is_ok;
	return is_ok;
}

/*
 * What a thread has, and a task must leave as it was.
 */

struct thread_has {
	pthread_t thread;
	sigset_t mask;
	stack_t stack;
	unsigned mxcsr;
	unsigned short x87;
	int error;
};

static void look_at_thread(struct thread_has *has)
{
	has->error = errno;
	has->thread = pthread_self();
	pthread_sigmask(SIG_BLOCK, NULL, &has->mask);
	sigaltstack(NULL, &has->stack);
#if defined(__x86_64__)
	__asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(has->mxcsr), "=m"(has->x87));
	has->mxcsr &= ~0x3fu;
#endif
}

/* For one thread, or two of the library's. */
static bool is_same(const struct thread_has *a, const struct thread_has *b, bool is_one)
{
	for (int signal = 1; signal < NSIG; signal++)
		if (sigismember(&a->mask, signal) != sigismember(&b->mask, signal))
			return false;
	if (is_one && (!pthread_equal(a->thread, b->thread) || a->stack.ss_sp != b->stack.ss_sp))
		return false;
	return a->stack.ss_flags == b->stack.ss_flags && a->stack.ss_size == b->stack.ss_size &&
	       a->mxcsr == b->mxcsr && a->x87 == b->x87;
}

static struct thread_has before, after;
static int seen_error;
static atomic_int cleaned;

/* The first task waits until all are submitted, lest the worker find nothing and another thread go on. */
static atomic_bool is_complete;

static int task_look_first(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	look_at_thread(arg);
	while (!atomic_load(&is_complete))
		sched_yield();
	return 0;
}

static int task_look(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	look_at_thread(arg);
	return 0;
}

static void clean(void *arg)
{
	volatile char room[20000]; /* a deferred call may need some stack, also after an overflow */

	room[(size_t)cleaned % sizeof(room)] = 1;
	seen_error = errno;
	atomic_fetch_add(&cleaned, 1 + (arg == room));
}

static int task_fault(eg_ctx *ctx, void *arg)
{
	const struct fault_kind *kind = arg;

	(void)ctx;
	for (int i = 0; i < 20; i++)
		if (eg_defer(clean, NULL))
			return -1;
	fesetround(FE_UPWARD);
	errno = ENOTTY;
	kind->fn();
	return 0;
}

static int task_panic(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	fesetround(FE_DOWNWARD);
	eg_panic("panic %d", *(int *)arg);
}

/* A group of one worker, which is not this thread. */
static void open_group(eg_group *group)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	int err;

	options.limit = 1;
	options.flags = EG_GROUP_NO_HELP;
	options.collect = 8;
	err = eg_group_init(group, NULL, &options);
	if (err) {
		printf("Bail out! no group: %s\n", eg_strerror(err));
		exit(1);
	}
}

static bool has_expected(eg_error *error, const struct fault_kind *kind)
{
	char text[16384];
	bool is_ok;

	eg_error_format(error, text, sizeof(text));
	is_ok = eg_error_kind(error) == EG_ERROR_FAULT && eg_error_code(error) == EG_EFAULTED &&
		eg_error_signal(error) == kind->signal && !eg_error_joined(error) &&
		strncmp(eg_error_message(error), kind->message, strlen(kind->message)) == 0 &&
		strncmp(text, kind->message, strlen(kind->message)) == 0 &&
		strstr(text, "[running]:") != NULL && strstr(text, "+0x") != NULL &&
		strstr(text, "created by") != NULL;
	if (!is_ok)
		printf("# signal %d, %s", eg_error_signal(error), text);
	return is_ok;
}

static void run_kind(const struct fault_kind *kind)
{
	eg_error *errors[8] = {NULL};
	eg_group group;
	bool is_ok;

	open_group(&group);
	atomic_store(&cleaned, 0);
	atomic_store(&is_complete, false);
	eg_group_go(&group, task_look_first, &before);
	eg_group_go(&group, task_fault, (void *)(uintptr_t)kind);
	eg_group_go(&group, task_fault, (void *)(uintptr_t)kind);
	eg_group_go(&group, task_look, &after);
	atomic_store(&is_complete, true);
	is_ok = eg_group_wait(&group) == EG_EFAULTED && eg_group_errors(&group, 8, errors) == 2 &&
		has_expected(errors[0], kind) && has_expected(errors[1], kind) &&
		atomic_load(&cleaned) == 40 && is_same(&before, &after, true);
	/* The handler leaves errno alone; what the fault itself calls may not. */
	if (kind->signal != SIGABRT && kind->signal != SIGBUS)
		is_ok = is_ok && seen_error == ENOTTY;
	result(is_ok, "recovered twice, and everything as before: ", kind->name);
	eg_group_destroy(&group);
}

/*
 * Many
 */

static long threads_now(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	long count = -1;

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "Threads: %ld", &count) == 1)
			break;
	if (file)
		fclose(file);
	return count;
}

static size_t memory_now(void)
{
	long pages = 0, resident = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file && fscanf(file, "%ld %ld", &pages, &resident) != 2)
		resident = 0;
	if (file)
		fclose(file);
	return (size_t)resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* So many of a kind; NULL: panics. */
static void run_many(const struct fault_kind *kind, long count)
{
	long threads = threads_now(), done = 0;
	size_t memory = 0;
	int part = 0;
	bool is_ok = true;
	eg_group group;

	open_group(&group);
	eg_group_go(&group, task_look, &before);
	for (; done < count && is_ok; part++) {
		long part_count = count - done < 1000 ? count - done : 1000;

		for (long i = 0; i < part_count; i++)
			eg_group_go(&group, kind ? task_fault : task_panic,
				    kind ? (void *)(uintptr_t)kind : (void *)&part);
		is_ok = eg_group_wait(&group) == (kind ? EG_EFAULTED : EG_EPANIC) &&
			(done > 0 || !kind || has_expected(eg_group_error(&group), kind));
		done += part_count;
		if (part == 4)
			memory = memory_now();
	}
	eg_group_go(&group, task_look, &after);
	is_ok = is_ok && eg_group_wait(&group) != 0 && eg_group_error_count(&group) == (size_t)count &&
		is_same(&before, &after, false) && threads_now() <= threads + 3 &&
		(memory == 0 || memory_now() < memory + ((size_t)16 << 20));
	if (!result(is_ok, "many, and everything as before: ", kind ? kind->name : "panic"))
		printf("# %ld of %ld, threads %ld then %ld, memory %zu then %zu\n", done, count, threads,
		       threads_now(), memory, memory_now());
	eg_group_destroy(&group);
}

int main(int argc, char **argv)
{
	long panics = argc > 1 ? atol(argv[1]) : 20000, faults = argc > 2 ? atol(argv[2]) : 5000;
	long overflows = argc > 3 ? atol(argv[3]) : 100;
	unsigned mode = EG_FAULT_ALL | EG_FAULT_STACK;
	int err;

	alarm(540);
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* Failing asserts say so on standard error. */
	if (!freopen("/dev/null", "w", stderr))
		return 1;
	err = eg_fault_set_mode(mode);
	if (err == -ENOTSUP) {
		printf("1..0 # SKIP faults are not recovered on this machine\n");
		return 0;
	}
	if (err) {
		printf("Bail out! eg_fault_set_mode: %s\n", eg_strerror(err));
		return 1;
	}
	printf("1..%zu\n", fault_kinds_count + 5);
	for (size_t i = 0; i < fault_kinds_count; i++)
		run_kind(&fault_kinds[i]);
	run_many(NULL, panics);
	run_many(fault_kind_find("nil"), faults);
	/* After so many AddressSanitizer, if it knew nothing of the handler's stack, would take it for the thread's. */
	run_many(fault_kind_find("abort"), faults / 3 + 1);
	run_many(fault_kind_find("overflow"), overflows);
	run_many(fault_kind_find("overflow_alloca"), overflows);
	return failures > 0;
}
