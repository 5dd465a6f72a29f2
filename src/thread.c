/* SPDX-License-Identifier: MIT */
#include "thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "atomic.h"
#include "quota.h"
#include "verify.h"

__thread struct egi_thread egi_thread_self __attribute__((tls_model("initial-exec")));

uint32_t egi_thread_fork_count;

/* Written once, before the first thread has an id. */
static pthread_key_t exit_key;
static bool has_exit_key;
static void (*exit_hook)(void);

/*
 * Runs when a registered thread ends. A thread that pthread_exit or cancellation took out of a task still has
 * its recovery frame then; the frame's stack is gone, what it stands for is not. Another key's destructor may use
 * the library afterwards: then the thread registers anew, and comes here again.
 */
static void thread_exits(void *self)
{
	(void)self;
	exit_hook();
	egi_thread_self.id = 0;
	egi_thread_self.queue_life = 0;
}

void egi_thread_start(void (*exits)(void))
{
	exit_hook = exits;
	/*
	 * A program may have used up its keys, of which there are 1,024. Then nobody notices that a thread ends: what it
	 * keeps stays, and a task that it ends never does. Not again in a child whose parent forked in here.
	 */
	if (!has_exit_key)
		has_exit_key = pthread_key_create(&exit_key, thread_exits) == 0;
}

void egi_thread_start_child(void)
{
	egi_thread_self.id = 0;
	egi_thread_self.queue_life = 0;
}

uint64_t egi_thread_register(void)
{
	static uint64_t last;

	egi_library_begin();
	egi_thread_self.id = egi_add_u64(&last, 1) + 1;
	/* Only keys beyond the first 32 of a process need memory; without, it is as if there were no key. */
	if (has_exit_key)
		(void)pthread_setspecific(exit_key, &egi_thread_self);
	return egi_thread_self.id;
}

static sigset_t crew_mask(void)
{
	static const int synchronous[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
	sigset_t blocked;

	sigfillset(&blocked);
	for (size_t i = 0; i < sizeof(synchronous) / sizeof(synchronous[0]); i++)
		sigdelset(&blocked, synchronous[i]);
	return blocked;
}

/* Gives a stack the least size, if what it would be by default is smaller. */
static void stack_be_large_enough(pthread_attr_t *attr)
{
	size_t size;

	if (pthread_attr_getstacksize(attr, &size) == 0 && size < EGI_THREAD_STACK_LEAST)
		(void)pthread_attr_setstacksize(attr, EGI_THREAD_STACK_LEAST);
}

int egi_thread_create(pthread_t *ret_thread, void *(*main)(void *arg), void *arg)
{
	sigset_t mask = crew_mask();
	pthread_attr_t attr;
	int err;

	if (pthread_attr_init(&attr))
		return -EAGAIN;
	stack_be_large_enough(&attr);
	/* There is no moment at which the new thread could take a signal, and the caller's mask stays what it is. */
	err = pthread_attr_setsigmask_np(&attr, &mask);
	if (!err)
		err = pthread_create(ret_thread, &attr, main, arg);
	pthread_attr_destroy(&attr);
	return err ? -EAGAIN : 0;
}

void egi_thread_be_punctual(void)
{
	/* Refused under some sandboxes: sleeps are then a little longer. */
	(void)prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
}

static int affinity_cpus(void)
{
	/* The kernel refuses a set smaller than its own; grow until it fits. */
	for (int cpus = 1024; cpus <= 1 << 20; cpus *= 2) {
		cpu_set_t *set = CPU_ALLOC((size_t)cpus);
		size_t size = CPU_ALLOC_SIZE((size_t)cpus);
		int count = 0;

		if (!set)
			return 1;
		if (sched_getaffinity(0, size, set) == 0)
			count = CPU_COUNT_S(size, set);
		CPU_FREE(set);
		if (count > 0)
			return count;
	}
	return 1;
}

int egi_thread_cpus(void)
{
	int saved = errno;
	int cpus = affinity_cpus();
	int quota = egi_quota_cpus();

	errno = saved;
	return quota > 0 && quota < cpus ? quota : cpus;
}

void egi_mutex_init(struct egi_mutex *mutex)
{
	*mutex = (struct egi_mutex)EGI_MUTEX_INIT;
}

void egi_mutex_finish(struct egi_mutex *mutex)
{
	EGI_VERIFY(pthread_mutex_destroy(&mutex->native) == 0, "mutex destroyed while held");
}

void egi_mutex_lock(struct egi_mutex *mutex)
{
	EGI_VERIFY(pthread_mutex_lock(&mutex->native) == 0, "cannot lock a mutex");
}

bool egi_mutex_try_lock(struct egi_mutex *mutex)
{
	int err = pthread_mutex_trylock(&mutex->native);

	EGI_VERIFY(err == 0 || err == EBUSY, "cannot try a mutex");
	return err == 0;
}

void egi_mutex_unlock(struct egi_mutex *mutex)
{
	EGI_VERIFY(pthread_mutex_unlock(&mutex->native) == 0, "mutex unlocked by a stranger");
}
