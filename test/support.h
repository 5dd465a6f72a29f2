/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_TEST_SUPPORT_H
#define ERRGROUP_TEST_SUPPORT_H

/*
 * What the behaviour tests share: rendezvous instead of clocks, checks that may be made on any thread, a
 * guard against hangs, child processes with their standard error caught, and a few tasks that many tests
 * need.
 *
 * cmocka's assertions jump out of the test function, so only the thread that runs the test may use them.
 * Tasks use CHECK, which notes the failure; the test then fails when it ends.
 *
 * The environment variable ERRGROUP_TEST_EMULATED says that an emulator of one process runs the program, which cannot start
 * others nor threads in its children. ERRGROUP_TEST_SLOWDOWN, a whole number, divides the sizes that `scaled` gives and
 * multiplies the time a test may take, for runs under valgrind and the like. Builds with a sanitizer start
 * from 10.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <errgroup.h>

/* Whether this is built with AddressSanitizer, with ThreadSanitizer, or with one of them: 1 or 0. */
#if defined(__has_feature)
#define IS_ADDRESS_SANITIZED __has_feature(address_sanitizer)
#define IS_THREAD_SANITIZED __has_feature(thread_sanitizer)
#else
#ifdef __SANITIZE_ADDRESS__
#define IS_ADDRESS_SANITIZED 1
#else
#define IS_ADDRESS_SANITIZED 0
#endif
#ifdef __SANITIZE_THREAD__
#define IS_THREAD_SANITIZED 1
#else
#define IS_THREAD_SANITIZED 0
#endif
#endif
#define IS_SANITIZED (IS_ADDRESS_SANITIZED || IS_THREAD_SANITIZED)

/*
 * A test with the hang guard around it. test_begin arms the guard, test_end fails the test if a CHECK failed.
 */
#define TEST(name) cmocka_unit_test_setup_teardown(name, test_begin, test_end)

int test_begin(void **state);
int test_end(void **state);

/* The same, and nothing may be left of the test: no child, and no descriptor. */
#define TEST_CLEAN(name) cmocka_unit_test_setup_teardown(name, test_begin_clean, test_end_clean)

int test_begin_clean(void **state);
int test_end_clean(void **state);

#define CHECK(condition)                                              \
	do {                                                          \
		if (!(condition))                                     \
			check_failed(#condition, __FILE__, __LINE__); \
	} while (0)

void check_failed(const char *what, const char *file, int line);

/* How often to repeat something whose number is not the point; at least 1. */
long scaled(long count);

/*
 * Whether to repeat something whose number is not the point once more, after it was done so often: to the scaled count, or
 * for some seconds of the test. A round that has threads wait for each other takes microseconds on a machine that is idle,
 * and milliseconds beside others that compute.
 */
bool goes_on(long done, long count);

/*
 * A number that only grows and that threads can await: a gate (add 1, await 1), a count of arrivals, a
 * rendezvous.
 */
struct tally {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	long value;
};

#define TALLY_INIT                                                     \
	{                                                              \
		PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 \
	}

void tally_add(struct tally *tally, long amount);
void tally_await(struct tally *tally, long least);
long tally_value(struct tally *tally);

/* Adds 1 and waits for `parties` arrivals: returns only if that many callers are there at once. */
void tally_meet(struct tally *tally, long parties);

/* A task that does so: its group has to run as many at once as are to meet. */
struct meeting {
	struct tally met;
	long parties;
};

int task_meet(eg_ctx *ctx, void *meeting);

/* How many are inside now, and the most that ever were. All-zero is empty. */
struct gauge {
	atomic_int now;
	atomic_int most;
};

int gauge_enter(struct gauge *gauge);
void gauge_leave(struct gauge *gauge);

/* A task that is inside the gauge that its argument, a struct gauged, holds, and how many there were. */
struct gauged {
	struct gauge gauge;
	atomic_long ran;
	bool yields; /* inside, so that others come in meanwhile */
};

int task_gauged(eg_ctx *ctx, void *gauged);

/*
 * Threads. `thread_blocks` watches a thread of this process that is about to make a call which should block:
 * it returns true once the kernel shows that thread asleep, false if `returned` became true first. A thread that was joined
 * is counted by `threads_now` for another moment, which `thread_await_end` waits out.
 */
pid_t thread_id(void);
bool thread_blocks(const _Atomic pid_t *thread, const atomic_bool *returned);
void thread_await_end(pid_t thread);

/* A size for a stack that is meant to be small, and no less than the system gives: 128 KiB on some. */
size_t small_stack(size_t size);

long threads_now(void);

/* Returns once the main thread, which calls pthread_exit, has ended. */
void await_end_of_main(void);

/* Descriptors that are open, or -1 without /proc. */
long descriptors_open(void);

/*
 * Whether a descriptor is one of the library's for events. One that it has closed need not be free any more: a thread of its
 * own may have opened something else in its place.
 */
bool descriptor_is_event(int fd);

/* Bytes in use on the heap, or 0 where the allocator does not say. */
size_t heap_in_use(void);

/* A context below another, or below none: never NULL. */
eg_ctx *ctx_under(eg_ctx *parent);

/*
 * Between them a signal that does nothing interrupts one of the threads every 300 us. It is not the one of the guard against
 * hangs, and the handler stays: the last one may be late.
 */
void storm_begin(void);
void storm_end(void);

/*
 * Has a function called by a thread of the library's, because a deadline has passed; returns when it has been called.
 */
void call_at_deadline(void (*fn)(void *arg), void *arg);

/* Returns once the context is cancelled; yields meanwhile. */
void ctx_await_cancel(const eg_ctx *ctx);

/* A thread that waits for a group. */
struct waiter {
	eg_group *group;
	_Atomic pid_t thread;
	atomic_bool returned;
	int code; /* what eg_group_wait returned */
};

#define WAITER_INIT(group)           \
	{                            \
		(group), 0, false, 1 \
	}

void *waiter_main(void *arg);

/*
 * Tasks: the argument is ignored, a code to return, an atomic_long to count up, or a tally to pass as a
 * gate.
 */
int task_nothing(eg_ctx *ctx, void *arg);
int task_return(eg_ctx *ctx, void *arg);
int task_count(eg_ctx *ctx, void *arg);
int task_gate(eg_ctx *ctx, void *arg);

/*
 * A task that jumps to the buffer that the argument, a struct jump, holds, past the worker that runs it. Does nothing on
 * another thread than that of the buffer: one of the library's may have been faster.
 */
struct jump {
	jmp_buf to;
	pthread_t thread;
};

int task_jump_out(eg_ctx *ctx, void *arg);

#define CODE(value) ((void *)(intptr_t)(value))

/*
 * Two gates around one task: the test knows that it runs, and decides when it ends.
 */
struct hold {
	struct tally started;
	struct tally release;
};

#define HOLD_INIT                      \
	{                              \
		TALLY_INIT, TALLY_INIT \
	}

int task_hold(eg_ctx *ctx, void *arg);

/*
 * Runs fn(arg) in a forked child that makes no core file, and waits for it. The child ends with status 0 when
 * fn returns. What it wrote to standard error comes back as text.
 */
struct child {
	int status; /* as waitpid gives it */
	char text[16384];
};

/* Whether an emulator of one process runs the program. */
bool is_emulated(void);

/*
 * Whether a forked child may start threads: ThreadSanitizer loses track of them when the parent had some too, and qemu's
 * emulation of one process, before version 9, fails an assertion of its own.
 */
bool child_may_start_threads(void);

/*
 * Whether a child may allocate if other threads of its parent did so at the moment of the fork: the C library
 * sees to that, the allocators of the sanitizers do not.
 */
bool child_of_busy_may_allocate(void);

/* A child cannot use cmocka's assertions: a false condition is its exit status. */
#define EXPECT(condition)                                                                             \
	do {                                                                                          \
		if (!(condition)) {                                                                   \
			fprintf(stderr, "%s:%d: in the child: %s\n", __FILE__, __LINE__, #condition); \
			_exit(1);                                                                     \
		}                                                                                     \
	} while (0)

void child_run(void (*fn)(void *arg), void *arg, struct child *ret_child);
bool child_exited(const struct child *child, int status);
bool child_killed(const struct child *child, int signal);

/* The same for a fault, which sanitizers catch: they report it, and end the child with a status of their own. */
bool child_died(const struct child *child, int signal);

#endif
