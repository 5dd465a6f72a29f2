/* SPDX-License-Identifier: MIT */
/*
 * The hook is a function and its argument, which belong together: both are written and read under a lock. It is held for
 * nothing else, and not while the hook runs, which may set another one. A thread that panics may lock: a panic is no
 * signal handler, and a fault tells the hook after the handler has returned, when no frame that may hold a lock of the
 * library's is left (fault/handler.c).
 */
#include "task/hook.h"

#include "os/atomic.h"
#include "os/mutex.h"
#include "os/thread.h"

static struct {
	struct egi_mutex lock;
	uint32_t
	    is_set; /* read without the lock: one that was set before is seen, and most processes have none */
	eg_panic_hook_fn *fn;
	void *arg;
} hook = {
    .lock = EGI_MUTEX_INIT,
};

void eg_panic_set_hook(eg_panic_hook_fn *fn, void *arg)
{
	(void)egi_thread_id(); /* the library may begin here, so that fork knows of the lock */
	egi_mutex_lock(&hook.lock);
	hook.fn = fn;
	hook.arg = arg;
	egi_store_relaxed_u32(&hook.is_set, fn != NULL);
	egi_mutex_unlock(&hook.lock);
}

bool egi_hook_find(eg_panic_hook_fn **ret_fn, void **ret_arg)
{
	bool found;

	if (egi_load_relaxed_u32(&hook.is_set) == 0)
		return false;
	egi_mutex_lock(&hook.lock);
	found = hook.fn != NULL;
	if (found) {
		*ret_fn = hook.fn;
		*ret_arg = hook.arg;
	}
	egi_mutex_unlock(&hook.lock);
	return found;
}

void egi_hook_lock(void)
{
	egi_mutex_lock(&hook.lock);
}

void egi_hook_unlock(void)
{
	egi_mutex_unlock(&hook.lock);
}
