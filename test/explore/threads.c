/* SPDX-License-Identifier: MIT */
/*
 * Threads as coroutines on one real thread.
 *
 * A thread goes on until it sleeps, ends or stalls; then the next ready one in the circle does. That is the
 * default, from which choose.c deviates. A thread that stalls lets the others go on and the clock go a little
 * further, so a loop that waits ends. When nobody is ready, buffered stores reach memory and the earliest
 * deadline passes; when there is none and the program has not ended, it hangs.
 *
 * The clock stands still but for stalls, deadlines and explore_pass_time.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "engine.h"

#define STACK_SIZE ((size_t)64 << 10)
#define POINTS_MAX 200000 /* that a run may have before it is said to have no end */
#define SLICE 200         /* points after which a thread that never sleeps lets others go on */
#define STALL_NS 350
#define START_NS INT64_C(1000000000)

struct machine machine KEPT;

static void *host KEPT; /* stack pointer of whoever runs runs */
static char *stacks KEPT;
static unsigned slice KEPT;         /* points of the current thread since it came to the processor */
static uint64_t points_before KEPT; /* the run */

bool threads_own(const void *at)
{
	return (uintptr_t)at - (uintptr_t)stacks < THREADS_MAX * STACK_SIZE;
}

void threads_init(void)
{
	stacks = mmap(NULL, THREADS_MAX * STACK_SIZE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (size_t i = 0; i < THREADS_MAX; i++)
		machine.threads[i].stack = stacks + i * STACK_SIZE;
	switch_init();
}

/*
 * Who goes on
 */

static void thread_enter(struct thread *thread)
{
	machine.current = (unsigned)(thread - machine.threads);
	thread->tried = NULL;
	slice = 0;
	switch_load(machine.current);
	errno = thread->error;
	memory_enter(&thread->buffer);
}

static void thread_leave(struct thread *thread)
{
	memory_leave(&thread->buffer);
	thread->error = errno;
	switch_save(machine.current);
}

void threads_switch(unsigned next)
{
	struct thread *self = thread_now();

	if (next == machine.current)
		return;
	thread_leave(self);
	thread_enter(&machine.threads[next]);
	switch_stacks(&self->stack_pointer, thread_now()->stack_pointer);
}

void threads_abandon(void)
{
	void *nowhere;

	machine.running = false;
	switch_stacks(&nowhere, host);
	__builtin_unreachable();
}

void explore_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(machine.failure, sizeof(machine.failure), format, args);
	va_end(args);
	machine.failed = true;
	if (!machine.running) {
		fprintf(stderr, "explore: %s\n", machine.failure);
		__builtin_trap();
	}
	threads_abandon();
}

/* The k-th ready thread after the current one. */
static unsigned circle_next(unsigned k)
{
	unsigned next = machine.current;

	do {
		next = next + 1 < machine.threads_count ? next + 1 : 0;
		if ((machine.ready >> next & 1) == 0)
			continue;
		if (k-- == 0)
			break;
	} while (true);
	return next;
}

static void thread_wake(struct thread *thread)
{
	thread->state = THREAD_READY;
	thread->deadline = NO_DEADLINE;
	machine.ready |= UINT32_C(1) << (thread - machine.threads);
}

/* Of those with a deadline, who sleeps with the earliest; NULL: nobody. */
static struct thread *earliest(void)
{
	struct thread *first = NULL;

	for (unsigned i = 0; i < machine.threads_count; i++) {
		struct thread *thread = &machine.threads[i];

		if (thread->state == THREAD_ASLEEP && thread->deadline != NO_DEADLINE &&
		    (!first || thread->deadline < first->deadline))
			first = thread;
	}
	return first;
}

/* A deadline passes. */
static void thread_fire(struct thread *thread)
{
	if (machine.now < thread->deadline)
		machine.now = thread->deadline;
	thread->timed_out = true;
	thread_wake(thread);
	thread_print(thread, (uint64_t)machine.now);
	if (machine.tracing) {
		unsigned current = machine.current;

		machine.current = (unsigned)(thread - machine.threads);
		trace_add(OP_FIRE, thread->waits_for, 0, (uint64_t)machine.now, NULL);
		machine.current = current;
	}
}

void threads_pass_time(int64_t ns)
{
	struct thread *thread;

	machine.now += ns;
	while ((thread = earliest()) != NULL && thread->deadline <= machine.now)
		thread_fire(thread);
}

/* What can be decided; `must` as for choose. */
static uint64_t offer(bool must, bool is_store)
{
	uint32_t others = machine.ready & ~(UINT32_C(1) << machine.current);
	unsigned switches = 0;
	bool can_fire = machine.timers && earliest();
	uint64_t bits = 0;

	for (uint32_t rest = others; rest != 0; rest &= rest - 1)
		switches++;
	if (must && switches > 0)
		switches--;
	bits |= (CHOICE_BIT(CHOICE_SWITCH + switches) - 1) & ~(CHOICE_BIT(CHOICE_SWITCH) - 1);
	if (can_fire)
		bits |= CHOICE_BIT(CHOICE_FIRE);
	/* Nobody could see the difference before the next system call. */
	if (is_store && !machine.in_order && thread_now()->buffer.count == 0 && (others != 0 || can_fire))
		bits |= CHOICE_BIT(CHOICE_HOLD);
	return bits | (uint64_t)machine.buffered << CHOICE_DRAIN;
}

/* Puts a decision into effect; returns who goes on. */
static unsigned decide(unsigned choice, bool must)
{
	if (choice == CHOICE_FIRE) {
		struct thread *thread = earliest();

		thread_fire(thread);
		return (unsigned)(thread - machine.threads);
	}
	if (choice >= CHOICE_DRAIN)
		memory_drain_one(choice - CHOICE_DRAIN);
	else if (choice >= CHOICE_SWITCH && choice < CHOICE_HOLD)
		return circle_next(choice - CHOICE_SWITCH + must);
	return must ? circle_next(0) : machine.current;
}

void threads_count_point(void)
{
	if (++machine.points - points_before > POINTS_MAX)
		explore_fail("livelock: no end after %d points", POINTS_MAX);
}

bool threads_point(bool is_store)
{
	uint64_t offered;
	unsigned choice;

	threads_count_point();
	if (++slice > SLICE && (machine.ready & ~(UINT32_C(1) << machine.current)) != 0) {
		threads_go_on();
		return false;
	}
	if (!machine.deciding)
		return false;
	if (choose_is_spent()) {
		choose_spent(false);
		return false;
	}
	offered = offer(false, is_store);
	if (offered == 0)
		return false;
	choice = choose(offered, false);
	if (choice == CHOICE_DEFAULT)
		return false;
	threads_switch(decide(choice, false));
	return choice == CHOICE_HOLD;
}

static void run_is_over(void)
{
	for (unsigned i = 0; i < machine.threads_count; i++)
		if (machine.threads[i].state != THREAD_ENDED)
			explore_fail("%s: thread %u sleeps and nobody is going to wake it",
				     machine.is_over ? "left behind" : "hung", i);
	heap_audit();
	threads_abandon();
}

/* The current thread cannot go on, or would rather not. */
void threads_go_on(void)
{
	while (machine.ready == 0) {
		struct thread *thread;

		memory_drain_all();
		thread = earliest();
		if (thread)
			thread_fire(thread);
		else
			run_is_over();
	}
	if (machine.deciding && choose_is_spent()) {
		choose_spent(true);
	} else if (machine.deciding && (machine.ready & (machine.ready - 1)) != 0) {
		uint64_t offered = offer(true, false);

		if (offered != 0) {
			threads_switch(decide(choose(offered, true), true));
			return;
		}
	}
	threads_switch(circle_next(0));
}

bool threads_sleep(enum thread_state state, const void *waits_for, int64_t deadline)
{
	struct thread *self = thread_now();

	memory_drain(machine.current);
	self->state = state;
	self->waits_for = waits_for;
	self->deadline = deadline;
	self->timed_out = false;
	self->since = machine.sleeps++;
	machine.ready &= ~(UINT32_C(1) << machine.current);
	threads_go_on();
	self->waits_for = NULL;
	return !self->timed_out;
}

unsigned threads_wake(enum thread_state state, const void *waits_for, unsigned max)
{
	unsigned count = 0;

	while (count < max) {
		struct thread *first = NULL;

		for (unsigned i = 0; i < machine.threads_count; i++) {
			struct thread *thread = &machine.threads[i];

			if (thread->state == state && thread->waits_for == waits_for &&
			    (!first || thread->since < first->since))
				first = thread;
		}
		if (!first)
			break;
		thread_wake(first);
		if (machine.deciding)
			thread_print(first, thread_now()->print);
		count++;
	}
	return count;
}

void threads_stall(void)
{
	threads_count_point();
	memory_drain(machine.current);
	threads_pass_time(STALL_NS);
	if (machine.deciding)
		thread_print(thread_now(), (uint64_t)machine.now);
	TRACE(OP_STALL, NULL, 0, (uint64_t)machine.now, CALLER());
	if ((machine.ready & ~(UINT32_C(1) << machine.current)) != 0)
		threads_go_on();
}

/* A second attempt at the same lock with nothing but hope in between: its holder must go on. */
void threads_retry(const void *lock)
{
	struct thread *self = thread_now();

	if (self->tried == lock && (machine.ready & ~(UINT32_C(1) << machine.current)) != 0)
		threads_go_on();
	self->tried = lock;
}

void threads_exit(void)
{
	struct thread *self = thread_now();

	calls_end_thread();
	TRACE(OP_END, NULL, 0, 0, NULL);
	memory_drain(machine.current);
	self->state = THREAD_ENDED;
	machine.ready &= ~(UINT32_C(1) << machine.current);
	threads_wake(THREAD_BLOCKED, self, THREADS_MAX);
	threads_go_on();
	__builtin_unreachable();
}

static void __attribute__((noreturn)) thread_begin(void)
{
	struct thread *self = thread_now();

	TRACE(OP_BEGIN, NULL, 0, 0, NULL);
	self->main(self->arg);
	threads_exit();
}

unsigned threads_create(void *(*main)(void *arg), void *arg)
{
	unsigned number = machine.threads_count;
	struct thread *thread = &machine.threads[number];

	if (number == THREADS_MAX)
		explore_fail("more than %d threads", THREADS_MAX);
	machine.threads_count++;
	thread->stack_pointer = switch_prepare(thread->stack + STACK_SIZE, thread_begin);
	thread->state = THREAD_READY;
	thread->deadline = NO_DEADLINE;
	thread->waits_for = NULL;
	thread->error = 0;
	thread->main = main;
	thread->arg = arg;
	thread->buffer.count = 0;
	thread->print = print_mix(number, number ? thread_now()->print : 1);
	machine.prints += thread->print;
	machine.ready |= UINT32_C(1) << number;
	switch_begin(number);
	choose_new_thread(number);
	return number;
}

void threads_stop_at(const void *at)
{
	if (machine.stop_at == at) {
		machine.stop_at = NULL;
		threads_switch(0);
	}
}

void threads_start(void *(*main)(void *arg))
{
	machine.threads_count = machine.current = 0;
	machine.ready = machine.buffered = machine.step = 0;
	machine.sleeps = machine.prints = 0;
	machine.stop_at = NULL;
	machine.now = START_NS;
	points_before = machine.points;
	threads_create(main, NULL);
	machine.running = true;
	thread_enter(&machine.threads[0]);
	switch_stacks(&host, machine.threads[0].stack_pointer);
}
