/* SPDX-License-Identifier: MIT */
#ifndef EGI_TASK_DEFER_H
#define EGI_TASK_DEFER_H

/*
 * Deferred calls of the library's own: made whatever happens, and not said in `dirty`; who registers one takes it back.
 */

#include "task/recovery.h"

/* Makes room for another deferred call. False without memory. */
bool egi_defers_grow(struct egi_recovery *recovery);

/* Registers one, which never panics. False without memory. */
static inline bool egi_recovery_defer(struct egi_recovery *recovery, void (*fn)(void *arg), void *arg)
{
	struct egi_defer *defer;

	if (EGI_UNLIKELY(recovery->defers_count == recovery->defers_room) && !egi_defers_grow(recovery))
		return false;
	defer = &recovery->defers[recovery->defers_count++];
	defer->fn = fn;
	defer->arg = arg;
	defer->is_ours = true;
	return true;
}

/* Takes back the last registration of it, after making all calls above it. */
void egi_recovery_undefer(struct egi_recovery *recovery, void (*fn)(void *arg), const void *arg);

#endif
