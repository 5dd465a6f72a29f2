/* SPDX-License-Identifier: MIT */
/*
 * The library as a whole: its version, and what happens when the process loads it, forks and exits.
 */
#include <errgroup/base.h>
#include <pthread.h>

#include "announce.h"
#include "backtrace.h"
#include "crew.h"
#include "ctx.h"
#include "fault.h"
#include "fence.h"
#include "panic.h"
#include "pool.h"
#include "signals.h"
#include "site.h"
#include "state.h"
#include "symbolize.h"
#include "thread.h"
#include "timer.h"
#include "verify.h"

#define TEXT_OF(x) #x
#define VERSION_TEXT(major, minor, patch) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(patch)

int eg_version_number(void)
{
	return EG_VERSION_NUMBER;
}

const char *eg_version_string(void)
{
	return VERSION_TEXT(EG_VERSION_MAJOR, EG_VERSION_MINOR, EG_VERSION_PATCH);
}

/*
 * Every lock that outlives a group is held across fork, outermost first, so that the child inherits none that is
 * held by a thread it does not have. Groups are dead in the child, and so are their locks.
 */
static void fork_prepares(void)
{
	egi_fault_lock();
	egi_crew_lock();
	egi_signals_lock();
	egi_ctx_lock_all();
	egi_timer_lock();
	egi_site_lock();
	egi_symbolize_lock();
	egi_pool_lock();
}

static void fork_unlocks(void)
{
	egi_pool_unlock();
	egi_symbolize_unlock();
	egi_site_unlock();
	egi_timer_unlock();
	egi_ctx_unlock_all();
	egi_signals_unlock();
	egi_crew_unlock();
	egi_fault_unlock();
}

static void fork_enters_child(void)
{
	egi_thread_fork_count++;
	egi_thread_start_child();
	egi_recovery_mark_all();
	egi_crew_start_child();
	egi_signals_start_child();
	egi_ctx_start_child();
	egi_timer_start_child();
	egi_fence_start();
	egi_fault_start_child();
	fork_unlocks();
}

/* In this order: what its tasks leave behind may be put on the board, and states come back to it. */
static void thread_exits(void)
{
	egi_recovery_exit_thread();
	egi_announce_exit_thread();
	egi_state_exit_thread();
	egi_fault_exit_thread();
}

/* Named by verify.c, see there. */
const char egi_library_is_linked = 1;

static void __attribute__((constructor)) library_loads(void)
{
	egi_fence_start();
	egi_thread_start(thread_exits);
	egi_crew_start();
	egi_ctx_start();
	egi_signals_start();
	egi_backtrace_prime();
	egi_symbolize_start();
	EGI_VERIFY(pthread_atfork(fork_prepares, fork_unlocks, fork_enters_child) == 0,
		   "no memory for fork handlers");
}

static void __attribute__((destructor)) library_ends(void)
{
	egi_crew_stop();
	egi_timer_stop();
	egi_ctx_stop();
	egi_state_exit_thread();
	egi_pool_drain();
}
