/* SPDX-License-Identifier: MIT */
/*
 * POSIX's mutexes, with every result looked at, and said to tools that look for data races (annotate.h): these see the locks
 * of a library, too, but not that of a mutex in memory that another thread has had before.
 */
#include "os/mutex.h"

#include <errno.h>

#include "os/annotate.h"
#include "os/verify.h"

void egi_mutex_init(struct egi_mutex *mutex)
{
	*mutex = (struct egi_mutex)EGI_MUTEX_INIT;
	/* To a tool that sees what allocates and what locks, another thread comes to memory of this one's. */
	egi_annotate_release(mutex);
}

void egi_mutex_finish(struct egi_mutex *mutex)
{
	EGI_VERIFY(pthread_mutex_destroy(&mutex->native) == 0, "mutex destroyed while held");
}

void egi_mutex_lock(struct egi_mutex *mutex)
{
	egi_annotate_acquire(mutex);
	EGI_VERIFY(pthread_mutex_lock(&mutex->native) == 0, "cannot lock a mutex");
}

bool egi_mutex_try_lock(struct egi_mutex *mutex)
{
	egi_annotate_acquire(mutex);
	int err = pthread_mutex_trylock(&mutex->native);

	EGI_VERIFY(err == 0 || err == EBUSY, "cannot try a mutex");
	return err == 0;
}

void egi_mutex_unlock(struct egi_mutex *mutex)
{
	EGI_VERIFY(pthread_mutex_unlock(&mutex->native) == 0, "mutex unlocked by a stranger");
}
