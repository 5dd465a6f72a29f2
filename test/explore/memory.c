/* SPDX-License-Identifier: MIT */
/*
 * Memory as x86-64 has it: total store order. A thread's store may stay in its buffer, and its later ones
 * behind it; the thread itself sees them, nobody else does. Read-modify-writes, full fences, locks and system
 * calls empty the thread's buffer, the heavy fence empties all of them, and any buffer may lose its oldest
 * store at any point.
 *
 * While a thread goes on, memory holds what that thread sees, its buffered stores included; when it leaves
 * the processor they are taken out again. So its plain accesses need no help to see its own stores. Plain
 * stores to words that are never accessed atomically reach memory at once: they are ordered by atomic ones,
 * or nobody may look at them.
 *
 * Every access leaves its mark in the fingerprint of its thread, and every store in that of its location: a
 * thread's stands for all that it has done and seen, so two runs with equal sums are in the same state,
 * whatever the order in which accesses that have nothing to do with each other were made.
 */
#include <string.h>

#include "ck_pr.h"
#include "engine.h"

#define PLACES 8192 /* more than a run has atomic locations; a power of two */

/* A location: the fingerprint of the stores that it has seen. */
struct place {
	const void *at;
	uint64_t print;
	uint32_t epoch; /* of another run: empty */
};

static struct place places[PLACES] KEPT;
static uint32_t epoch KEPT;
static unsigned places_count KEPT;

void memory_clear(void)
{
	epoch++;
	places_count = 0;
}

static uint64_t place_hash(const void *at)
{
	return (uint64_t)(uintptr_t)at * UINT64_C(0x9e3779b97f4a7c15);
}

/* Where a location is, or would be. */
static size_t place_search(const void *at)
{
	size_t i = place_hash(at) >> 40 & (PLACES - 1);

	while (places[i].epoch == epoch && places[i].at != at)
		i = (i + 1) & (PLACES - 1);
	return i;
}

static struct place *place_find(const void *at)
{
	size_t i = place_search(at);

	if (places[i].epoch != epoch) {
		uint64_t hash = place_hash(at);

		if (++places_count == PLACES)
			explore_fail("internal: more locations than expected");
		places[i] = (struct place){at, print_mix(hash, 1), epoch};
		machine.prints += places[i].print;
	}
	return &places[i];
}

static void place_change(struct place *place, uint64_t what)
{
	uint64_t before = place->print;

	place->print = print_mix(before, what);
	machine.prints += place->print - before;
}

void memory_note(const void *at, uint64_t what)
{
	struct place *place = place_find(at);

	thread_print(thread_now(), place->print + what);
	place_change(place, thread_now()->print);
}

static uint64_t read_raw(const void *at, unsigned size)
{
	return size == 4 ? *(const volatile uint32_t *)at : *(const volatile uint64_t *)at;
}

static void write_raw(void *at, unsigned size, uint64_t value)
{
	if (size == 4)
		*(volatile uint32_t *)at = (uint32_t)value;
	else
		*(volatile uint64_t *)at = value;
}

/*
 * Buffers
 */

void memory_enter(struct buffer *buffer)
{
	for (unsigned i = 0; i < buffer->count; i++) {
		struct store *store = &buffer->stores[i];

		store->below = read_raw(store->at, store->size);
		write_raw(store->at, store->size, store->value);
	}
}

void memory_leave(struct buffer *buffer)
{
	for (unsigned i = buffer->count; i-- > 0;) {
		struct store *store = &buffer->stores[i];

		store->value = read_raw(store->at, store->size);
		write_raw(store->at, store->size, store->below);
	}
}

void memory_drain_one(unsigned thread)
{
	struct buffer *buffer = &machine.threads[thread].buffer;
	struct store store = buffer->stores[0];

	heap_check(store.at, store.size);
	if (thread != machine.current)
		write_raw(store.at, store.size, store.value);
	else
		store.value = read_raw(store.at, store.size); /* for the trace; a later store may hide it */
	if (machine.deciding)
		place_change(place_find(store.at), store.print);
	buffer->count--;
	memmove(buffer->stores, buffer->stores + 1, buffer->count * sizeof(store));
	if (buffer->count == 0)
		machine.buffered &= ~(UINT32_C(1) << thread);
	if (machine.tracing) {
		unsigned current = machine.current;

		machine.current = thread;
		trace_add(OP_DRAIN, store.at, store.size, store.value, NULL);
		machine.current = current;
	}
}

void memory_drain(unsigned thread)
{
	while (machine.threads[thread].buffer.count > 0)
		memory_drain_one(thread);
}

void memory_drain_all(void)
{
	for (unsigned i = 0; machine.buffered != 0; i++)
		memory_drain(i);
}

void memory_forget(const void *at, size_t size)
{
	const struct buffer *buffer = &thread_now()->buffer;

	for (unsigned i = 0; i < buffer->count; i++) {
		if ((uintptr_t)buffer->stores[i].at - (uintptr_t)at < size) {
			memory_drain(machine.current);
			return;
		}
	}
}

static void buffer_push(void *at, unsigned size, uint64_t value)
{
	struct buffer *buffer = &thread_now()->buffer;
	struct store *store;

	if (buffer->count == BUFFER_MAX)
		memory_drain_one(machine.current);
	store = &buffer->stores[buffer->count++];
	*store = (struct store){at, value, read_raw(at, size), thread_now()->print, (uint8_t)size};
	write_raw(at, size, value);
	machine.buffered |= UINT32_C(1) << machine.current;
}

static bool is_own(const void *at)
{
	const struct buffer *buffer = &thread_now()->buffer;

	for (unsigned i = 0; i < buffer->count; i++)
		if (buffer->stores[i].at == at)
			return true;
	return false;
}

/*
 * The point before a store. Returns whether it goes into the buffer: because that is decided, or because
 * others are there. Not on a stack: the frame may be gone, and its memory in use, before the store leaves the
 * buffer.
 */
static bool store_is_held(const void *at, bool can_wait)
{
	bool is_decided;

	can_wait = can_wait && !threads_own(at);
	is_decided = threads_point(can_wait);
	return can_wait && (is_decided || thread_now()->buffer.count > 0);
}

/*
 * Accesses
 */

uint64_t explore_load(const void *at, unsigned size)
{
	uint64_t value;

	if (!machine.running)
		return read_raw(at, size);
	threads_point(false);
	heap_check(at, size);
	value = read_raw(at, size);
	if (machine.deciding)
		thread_print(thread_now(), is_own(at) ? 1 : place_find(at)->print);
	TRACE(OP_LOAD, at, size, value, CALLER());
	return value;
}

void explore_store(void *at, unsigned size, uint64_t value)
{
	bool hold;

	if (!machine.running) {
		write_raw(at, size, value);
		return;
	}
	threads_stop_at(at);
	hold = store_is_held(at, true);
	heap_check(at, size);
	if (machine.deciding)
		thread_print(thread_now(), 2);
	TRACE(hold ? OP_HOLD : OP_STORE, at, size, value, CALLER());
	if (hold) {
		buffer_push(at, size, value);
		return;
	}
	write_raw(at, size, value);
	if (machine.deciding)
		place_change(place_find(at), thread_now()->print);
}

bool memory_is_atomic(const void *at)
{
	return places[place_search(at)].epoch == epoch;
}

void memory_read_plainly(const void *at, unsigned size, const void *caller)
{
	threads_point(false);
	heap_check(at, size);
	thread_print(thread_now(), is_own(at) ? 1 : place_find(at)->print);
	TRACE(OP_READ, at, size, read_raw(at, size), caller);
}

/* The store itself comes after this; what memory holds then is taken for its value. */
void memory_write_plainly(void *at, unsigned size, const void *caller)
{
	bool can_wait = size == 4 || size == 8;
	bool hold = store_is_held(at, can_wait);

	heap_check(at, size);
	thread_print(thread_now(), 2);
	TRACE(OP_WRITE, at, size, read_raw(at, size), caller);
	if (hold)
		buffer_push(at, size, read_raw(at, size));
	else
		place_change(place_find(at), thread_now()->print);
}

/* What comes before a read-modify-write. */
static uint64_t change_begin(const void *at, unsigned size)
{
	if (machine.running) {
		threads_stop_at(at);
		threads_point(false);
		memory_drain(machine.current);
		heap_check(at, size);
	}
	return read_raw(at, size);
}

static void change_end(void *at, unsigned size, uint64_t value, const void *caller)
{
	write_raw(at, size, value);
	if (machine.deciding)
		memory_note(at, 3);
	TRACE(OP_RMW, at, size, size == 4 ? (uint32_t)value : value, caller);
}

uint64_t explore_exchange(void *at, unsigned size, uint64_t value)
{
	uint64_t before = change_begin(at, size);

	change_end(at, size, value, CALLER());
	return before;
}

uint64_t explore_add(void *at, unsigned size, uint64_t delta)
{
	uint64_t before = change_begin(at, size);

	change_end(at, size, before + delta, CALLER());
	return before;
}

uint64_t explore_and(void *at, unsigned size, uint64_t mask)
{
	uint64_t before = change_begin(at, size);

	change_end(at, size, before & mask, CALLER());
	return before;
}

uint64_t explore_or(void *at, unsigned size, uint64_t bits)
{
	uint64_t before = change_begin(at, size);

	change_end(at, size, before | bits, CALLER());
	return before;
}

uint64_t explore_swap(void *at, unsigned size, uint64_t expected, uint64_t value)
{
	uint64_t before = change_begin(at, size);

	if (size == 4)
		expected = (uint32_t)expected;
	if (before == expected) {
		change_end(at, size, value, CALLER());
		return before;
	}
	if (machine.deciding)
		thread_print(thread_now(), place_find(at)->print);
	TRACE(OP_CAS_FAILS, at, size, before, CALLER());
	return before;
}

void explore_fence(void)
{
	if (!machine.running)
		return;
	/*
	 * What follows a fence may be decided before what follows: a point of its own would only repeat that.
	 */
	memory_drain(machine.current);
	if (machine.deciding)
		thread_print(thread_now(), 4);
	TRACE(OP_FENCE, NULL, 0, 0, CALLER());
}

void explore_stall(void)
{
	if (machine.running)
		threads_stall();
}
