/* SPDX-License-Identifier: MIT */
/*
 * What the parts of this folder make, and hold around fork, in one place and one order: the order of locks of tree.h.
 *
 * In a forked child the former actions of signals are back before the locks are given up, and deadlines of before are read
 * off the clock: there is no keeper, and no thread that makes calls.
 */
#include "context/life.h"

#include "context/caller.h"
#include "context/end.h"
#include "context/signals.h"
#include "context/timer.h"
#include "context/tree.h"
#include "context/wait.h"

void egi_contexts_start(int64_t (*sleeps)(int64_t until_ns))
{
	egi_ctx_caller_start();
	egi_ctx_end_start();
	egi_ctx_on_sleep(sleeps);
	egi_signals_start();
}

void egi_contexts_stop(void)
{
	egi_timer_stop();
	egi_ctx_caller_stop();
	egi_ctx_wait_stop();
}

void egi_contexts_lock(void)
{
	egi_signals_lock();
	egi_ctx_lock_all();
	egi_ctx_caller_lock();
	egi_timer_lock();
}

void egi_contexts_unlock(void)
{
	egi_timer_unlock();
	egi_ctx_caller_unlock();
	egi_ctx_unlock_all();
	egi_signals_unlock();
}

void egi_contexts_start_child(void)
{
	egi_signals_start_child();
	egi_ctx_caller_start();
	egi_timer_start_child();
}

bool egi_contexts_dismiss(int *ret_left)
{
	int callers, keepers;
	bool waits, ending = egi_ctx_caller_dismiss(&callers, &waits);

	ending = egi_timer_dismiss(waits, &keepers) || ending;
	*ret_left = callers + keepers;
	return ending;
}
