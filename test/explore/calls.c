/* SPDX-License-Identifier: MIT */
/*
 * What the library and the scenarios ask of the system other than threads: memory, futex and membarrier, the
 * clock; and the library's own way to give up.
 */
#include <errno.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <stdarg.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "engine.h"
#include "runtime/crew/pulse.h"
#include "wrap.h"

/*
 * Memory
 */

WRAP(void *, malloc, size_t size)
{
	return machine.running ? heap_take(size, 16, CALLER()) : __real_malloc(size);
}

WRAP(void *, aligned_alloc, size_t align, size_t size)
{
	return machine.running ? heap_take(size, align, CALLER()) : __real_aligned_alloc(align, size);
}

WRAP(void *, calloc, size_t count, size_t size)
{
	void *at;

	if (!machine.running)
		return __real_calloc(count, size);
	at = heap_take(count * size, 16, CALLER());
	if (at)
		memset(at, 0, count * size);
	return at;
}

WRAP(void, free, void *at)
{
	if (machine.running && heap_owns(at))
		heap_give(at, CALLER());
	else
		__real_free(at);
}

WRAP(void *, realloc, void *at, size_t size)
{
	size_t before;
	void *other;

	if (!machine.running)
		return __real_realloc(at, size);
	other = heap_take(size, 16, CALLER());
	if (other && at) {
		before = heap_size(at);
		memcpy(other, at, before < size ? before : size);
		heap_give(at, CALLER());
	}
	return other;
}

WRAP(void *, reallocarray, void *at, size_t count, size_t size)
{
	return __wrap_realloc(at, count * size);
}

WRAP(char *, strdup, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = __wrap_malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

/*
 * The kernel
 */

int __wrap_prctl(int option, ...);
int __wrap_prctl(int option, ...)
{
	(void)option;
	return 0;
}

static int64_t deadline_of(const struct timespec *time)
{
	return time ? (int64_t)time->tv_sec * 1000000000 + time->tv_nsec : NO_DEADLINE;
}

static long futex_wait(uint32_t *word, uint32_t value, const struct timespec *time, const void *caller)
{
	heap_check(word, sizeof(*word));
	if (machine.deciding)
		memory_note(word, 10);
	if (*word != value) {
		TRACE(OP_WOKEN, word, 0, *word, caller);
		errno = EAGAIN;
		return -1;
	}
	TRACE(OP_SLEEP, word, 0, value, caller);
	if (!threads_sleep(THREAD_ASLEEP, word, deadline_of(time))) {
		errno = ETIMEDOUT;
		return -1;
	}
	TRACE(OP_WOKEN, word, 0, 0, caller);
	return 0;
}

static long futex(va_list args, const void *caller)
{
	uint32_t *word = va_arg(args, uint32_t *);
	int command = va_arg(args, int) & FUTEX_CMD_MASK;
	uint32_t value = va_arg(args, uint32_t);
	const struct timespec *time;
	unsigned woken;

	threads_point(false);
	memory_drain(machine.current);
	if (command == FUTEX_WAKE) {
		/* The kernel does not look at the word, so its memory may be gone. */
		if (machine.deciding)
			memory_note(word, 11);
		woken = threads_wake(THREAD_ASLEEP, word, value > THREADS_MAX ? THREADS_MAX : value);
		TRACE(OP_WAKE, word, 0, woken, caller);
		return woken;
	}
	if (command != FUTEX_WAIT_BITSET)
		explore_fail("futex command %d is not known here", command);
	time = va_arg(args, const struct timespec *);
	return futex_wait(word, value, time, caller);
}

static long membarrier(va_list args, const void *caller)
{
	if (va_arg(args, int) != MEMBARRIER_CMD_PRIVATE_EXPEDITED)
		return 0; /* it is offered, and registered for */
	if (!machine.running)
		return 0;
	threads_point(false);
	if (machine.refuses && machine.deciding) {
		errno = ENOSYS;
		return -1;
	}
	memory_drain_all();
	if (machine.deciding)
		thread_print(thread_now(), 12);
	TRACE(OP_BARRIER, NULL, 0, 0, caller);
	return 0;
}

static long gone(void)
{
	errno = ESRCH;
	return -1;
}

/* Sleeps for so long that no store is in a buffer any more of those that were. */
static long clock_nanosleep_for(va_list args, const void *caller)
{
	const struct timespec *time;

	(void)va_arg(args, clockid_t);
	(void)va_arg(args, int);
	time = va_arg(args, const struct timespec *);
	threads_point(false);
	TRACE(OP_SLEEP, &machine.now, 0, 0, caller);
	threads_sleep(THREAD_ASLEEP, NULL, machine.now + deadline_of(time));
	memory_drain_all();
	if (machine.deciding)
		thread_print(thread_now(), 16);
	TRACE(OP_WOKEN, &machine.now, 0, 0, caller);
	return 0;
}

long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
	va_list args;
	long result;

	va_start(args, number);
	if (number == SYS_membarrier)
		result = membarrier(args, CALLER());
	else if (number == SYS_futex && machine.running)
		result = futex(args, CALLER());
	else if (number == SYS_clock_nanosleep && machine.running)
		result = clock_nanosleep_for(args, CALLER());
	else if (number == SYS_tgkill && machine.running)
		result = gone(); /* asked of threads only that have been joined */
	else if (number == SYS_gettid && machine.running)
		result = machine.current + 1;
	else
		result = 0; /* a futex outside a run: nobody sleeps */
	va_end(args);
	return result;
}

WRAP(int, clock_gettime, clockid_t clock, struct timespec *ret_time)
{
	if (!machine.running)
		return __real_clock_gettime(clock, ret_time);
	threads_count_point(); /* who only looks at the clock would never end */
	/* Nobody computes for as long as it takes to be seen. */
	if (clock == CLOCK_PROCESS_CPUTIME_ID) {
		*ret_time = (struct timespec){0, 0};
		return 0;
	}
	ret_time->tv_sec = machine.now / 1000000000;
	ret_time->tv_nsec = machine.now % 1000000000;
	if (machine.deciding)
		thread_print(thread_now(), (uint64_t)machine.now);
	return 0;
}

WRAP(bool, egi_clock_is_kernels, void)
{
	return true;
}

/* The explorer's threads are all of one process, and nothing of them can differ. */
WRAP(bool, egi_likeness_take, uint64_t *ret_blocked)
{
	(void)ret_blocked;
	return true;
}

WRAP(uint64_t, egi_likeness_slack_ns, void)
{
	return 0;
}

WRAP(int, egi_cpus_count, void)
{
	return explore_cpus();
}

/* By number, as the library knows it from gettid. */
WRAP(void, egi_pulse_take, struct egi_pulse *pulse)
{
	const struct thread *thread = &machine.threads[pulse->tid - 1];

	threads_point(false);
	pulse->is_blocked = thread->state == THREAD_ASLEEP || thread->state == THREAD_BLOCKED;
	if (machine.deciding)
		thread_print(thread_now(), pulse->is_blocked);
}

WRAP(int, sched_yield, void)
{
	if (machine.running)
		threads_stall();
	return 0;
}

void __wrap_egi_die(const char *text) __attribute__((noreturn));
void __wrap_egi_die(const char *text)
{
	explore_fail("the library gives up: %s", text);
}

/*
 * The scenario's own
 */

void explore_touch(const void *at, const char *what, uint64_t value)
{
	threads_point(false);
	if (machine.deciding)
		memory_note(at, value);
	if (machine.tracing) {
		trace_add(OP_TOUCH, at, 0, value, CALLER());
		trace_text(what);
	}
}

void explore_await(const bool *flag)
{
	threads_point(false);
	while (!*flag) {
		TRACE(OP_SLEEP, flag, 0, 0, CALLER());
		if (machine.deciding)
			memory_note(flag, 13);
		threads_sleep(THREAD_BLOCKED, flag, NO_DEADLINE);
	}
	if (machine.deciding)
		memory_note(flag, 14);
	TRACE(OP_WOKEN, flag, 0, 1, CALLER());
}

void explore_raise(bool *flag)
{
	threads_point(false);
	memory_drain(machine.current);
	*flag = true;
	if (machine.deciding)
		memory_note(flag, 15);
	TRACE(OP_WAKE, flag, 0, 1, CALLER());
	threads_wake(THREAD_BLOCKED, flag, THREADS_MAX);
}
