/* SPDX-License-Identifier: MIT */
/*
 * Locks and threads: see wrap.h.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "engine.h"
#include "wrap.h"

/*
 * Locks: the owner's number, plus one, in the first word; all zero is an open lock.
 */

static uint32_t *owner_of(pthread_mutex_t *mutex)
{
	return (uint32_t *)(void *)mutex;
}

static bool mutex_take(pthread_mutex_t *mutex)
{
	uint32_t *owner = owner_of(mutex);

	if (*owner != 0)
		return false;
	*owner = machine.current + 1;
	if (machine.deciding)
		memory_note(mutex, 5);
	return true;
}

WRAP(int, pthread_mutex_lock, pthread_mutex_t *mutex)
{
	if (!machine.running)
		return __real_pthread_mutex_lock(mutex);
	threads_point(false);
	memory_drain(machine.current);
	heap_check(mutex, sizeof(*mutex));
	if (*owner_of(mutex) == machine.current + 1)
		explore_fail("a thread locks a lock that it holds");
	while (!mutex_take(mutex)) {
		TRACE(OP_BLOCKED, mutex, 0, 0, CALLER());
		if (machine.deciding)
			memory_note(mutex, 6);
		threads_sleep(THREAD_BLOCKED, mutex, NO_DEADLINE);
		heap_check(mutex, sizeof(*mutex));
	}
	TRACE(OP_LOCK, mutex, 0, 0, CALLER());
	return 0;
}

WRAP(int, pthread_mutex_trylock, pthread_mutex_t *mutex)
{
	if (!machine.running)
		return __real_pthread_mutex_trylock(mutex);
	threads_point(false);
	memory_drain(machine.current);
	heap_check(mutex, sizeof(*mutex));
	if (mutex_take(mutex)) {
		TRACE(OP_LOCK, mutex, 0, 0, CALLER());
		return 0;
	}
	if (machine.deciding)
		memory_note(mutex, 7);
	TRACE(OP_TRY_FAILS, mutex, 0, 0, CALLER());
	threads_retry(mutex);
	return EBUSY;
}

WRAP(int, pthread_mutex_unlock, pthread_mutex_t *mutex)
{
	if (!machine.running)
		return __real_pthread_mutex_unlock(mutex);
	threads_point(false);
	memory_drain(machine.current);
	heap_check(mutex, sizeof(*mutex));
	if (*owner_of(mutex) != machine.current + 1)
		explore_fail("a thread opens a lock that it does not hold");
	*owner_of(mutex) = 0;
	if (machine.deciding)
		memory_note(mutex, 8);
	TRACE(OP_UNLOCK, mutex, 0, 0, CALLER());
	threads_wake(THREAD_BLOCKED, mutex, THREADS_MAX);
	return 0;
}

WRAP(int, pthread_mutex_destroy, pthread_mutex_t *mutex)
{
	if (!machine.running)
		return __real_pthread_mutex_destroy(mutex);
	heap_check(mutex, sizeof(*mutex));
	return *owner_of(mutex) != 0 ? EBUSY : 0;
}

/*
 * Threads
 */

WRAP(int, pthread_create, pthread_t *ret_thread, const pthread_attr_t *attributes, void *(*main)(void *),
     void *arg)
{
	if (!machine.running)
		return __real_pthread_create(ret_thread, attributes, main, arg);
	threads_point(false);
	memory_drain(machine.current);
	if (machine.deciding)
		thread_print(thread_now(), 9);
	*ret_thread = threads_create(main, arg) + 1;
	TRACE(OP_CREATE, NULL, 0, *ret_thread - 1, CALLER());
	return 0;
}

WRAP(int, pthread_join, pthread_t thread, void **ret_result)
{
	struct thread *other = &machine.threads[thread - 1];

	if (!machine.running)
		return __real_pthread_join(thread, ret_result);
	threads_point(false);
	memory_drain(machine.current);
	while (other->state != THREAD_ENDED)
		threads_sleep(THREAD_BLOCKED, other, NO_DEADLINE);
	if (machine.deciding)
		thread_print(thread_now(), other->print);
	TRACE(OP_JOIN, NULL, 0, thread - 1, CALLER());
	if (ret_result)
		*ret_result = NULL;
	return 0;
}

WRAP(int, pthread_tryjoin_np, pthread_t thread, void **ret_result)
{
	struct thread *other = &machine.threads[thread - 1];

	if (!machine.running)
		return __real_pthread_tryjoin_np(thread, ret_result);
	if (machine.deciding)
		thread_print(thread_now(), other->state == THREAD_ENDED);
	return other->state == THREAD_ENDED ? 0 : EBUSY;
}

WRAP(int, pthread_getcpuclockid, pthread_t thread, clockid_t *ret_clock)
{
	*ret_clock = CLOCK_PROCESS_CPUTIME_ID;
	return machine.running ? 0 : __real_pthread_getcpuclockid(thread, ret_clock);
}

WRAP(int, pthread_detach, pthread_t thread)
{
	return machine.running ? 0 : __real_pthread_detach(thread);
}

WRAP(pthread_t, pthread_self, void)
{
	return machine.running ? machine.current + 1 : __real_pthread_self();
}

void __wrap_pthread_exit(void *result) __attribute__((noreturn));
void __wrap_pthread_exit(void *result)
{
	(void)result;
	threads_exit();
}

/*
 * Keys are made while the library loads, and are the real ones; their values are the coroutines'.
 */
#define KEYS_MAX 8

static struct {
	pthread_key_t key;
	void (*destroy)(void *value);
} keys[KEYS_MAX] KEPT;
static unsigned keys_count KEPT;
static const void *values[THREADS_MAX][KEYS_MAX] KEPT;

WRAP(int, pthread_key_create, pthread_key_t *ret_key, void (*destroy)(void *value))
{
	int err = __real_pthread_key_create(ret_key, destroy);

	if (err == 0 && keys_count < KEYS_MAX) {
		keys[keys_count].key = *ret_key;
		keys[keys_count++].destroy = destroy;
	}
	return err;
}

WRAP(int, pthread_setspecific, pthread_key_t key, const void *value)
{
	if (!machine.running)
		return __real_pthread_setspecific(key, value);
	for (unsigned i = 0; i < keys_count; i++)
		if (keys[i].key == key)
			values[machine.current][i] = value;
	return 0;
}

void calls_clear(void)
{
	memset(values, 0, sizeof(values));
}

void calls_end_thread(void)
{
	for (unsigned i = 0; i < keys_count; i++) {
		const void *value = values[machine.current][i];

		values[machine.current][i] = NULL;
		if (value && keys[i].destroy)
			keys[i].destroy((void *)(uintptr_t)value);
	}
}

WRAP(int, pthread_sigmask, int how, const sigset_t *set, sigset_t *ret_before)
{
	return machine.running ? 0 : __real_pthread_sigmask(how, set, ret_before);
}

WRAP(int, pthread_setcancelstate, int state, int *ret_before)
{
	return machine.running ? 0 : __real_pthread_setcancelstate(state, ret_before);
}

/* What pthread_cleanup_push and _pop are made of. Nobody is cancelled here. */
WRAP(void, __pthread_register_cancel, void *buffer)
{
	(void)buffer;
}

WRAP(void, __pthread_unregister_cancel, void *buffer)
{
	(void)buffer;
}
