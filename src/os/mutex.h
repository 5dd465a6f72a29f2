/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_MUTEX_H
#define EGI_OS_MUTEX_H

/*
 * Locks. POSIX's mutexes fail only through a defect, such as a lock that was given up twice, and then the process ends with a
 * line that says so.
 */

#include <pthread.h>

#include "os/compiler.h"

struct egi_mutex {
	pthread_mutex_t native;
};

#define EGI_MUTEX_INIT                    \
	{                                 \
		PTHREAD_MUTEX_INITIALIZER \
	}

void egi_mutex_init(struct egi_mutex *mutex);
void egi_mutex_finish(struct egi_mutex *mutex);
void egi_mutex_lock(struct egi_mutex *mutex);
bool egi_mutex_try_lock(struct egi_mutex *mutex);
void egi_mutex_unlock(struct egi_mutex *mutex);

#endif
