/* SPDX-License-Identifier: MIT */
#ifndef EGI_TASK_HOOK_H
#define EGI_TASK_HOOK_H

/*
 * The process's hook: whom to tell of a panic at the moment it happens.
 */

#include <errgroup/panic.h>
#include <stdbool.h>

/* Return: false, with nothing given, when there is no hook. Not in a signal handler: it locks. */
bool egi_hook_find(eg_panic_hook_fn **ret_fn, void **ret_arg);

/* Around fork. */
void egi_hook_lock(void);
void egi_hook_unlock(void);

#endif
