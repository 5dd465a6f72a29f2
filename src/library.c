/* SPDX-License-Identifier: MIT */
/*
 * The library as a whole: its version, and what happens when it is first used, and when the process forks and exits.
 */
#include <errgroup/base.h>

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>

#include "context/life.h"
#include "error/call_site.h"
#include "fault/mode.h"
#include "os/annotate.h"
#include "os/atomic.h"
#include "os/fence.h"
#include "os/leave.h"
#include "os/thread.h"
#include "runtime/crew/crew.h"
#include "runtime/crew/hire.h"
#include "runtime/group/state.h"
#include "runtime/limit/object.h"
#include "runtime/member/look.h"
#include "runtime/member/member.h"
#include "runtime/queue/segments.h"
#include "task/hook.h"
#include "task/recovery.h"
#include "trace/names.h"
#include "trace/symbolize.h"

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
 * Fork. Every lock that outlives a group is held across it, outermost first, so that the child inherits none that is
 * held by a thread it does not have. Groups are dead in the child, and so are their locks.
 *
 * The thread that forks may be in the loader, in a constructor of a plugin. So no lock is among these under which
 * another thread calls the loader, or it would wait here for whoever waits for it:
 *
 *     thread that forks                  thread that looks names up
 *     dlopen, a constructor runs
 *                                        takes a lock of ours
 *                                        dlopen("libdw.so.1"): waits for the loader
 *     fork: waits for our lock
 */
static bool has_fork_handlers;

static void fork_prepares(void)
{
	egi_fault_lock();
	egi_crew_lock();
	egi_limits_lock();
	egi_contexts_lock();
	egi_site_lock();
	egi_frames_lock();
	egi_pool_lock();
	egi_hook_lock();
	egi_leave_lock();
}

static void fork_unlocks(void)
{
	egi_leave_unlock();
	egi_hook_unlock();
	egi_pool_unlock();
	egi_frames_unlock();
	egi_site_unlock();
	egi_contexts_unlock();
	egi_limits_unlock();
	egi_crew_unlock();
	egi_fault_unlock();
}

static void fork_enters_child(void)
{
	has_fork_handlers = true;
	egi_thread_fork_count++;
	egi_thread_start_child();
	egi_recovery_mark_all();
	egi_crew_start_child();
	egi_leave_start_child();
	egi_contexts_start_child();
	egi_limits_start_child();
	egi_fence_start();
	egi_fault_start_child();
	egi_symbolize_start_child();
	fork_unlocks();
	egi_thread_open_child();
}

/* In this order: what its tasks leave behind may be put on the board, and states come back to it. */
static void thread_exits(void)
{
	egi_recovery_exit_inside(NULL);
	egi_look_exit_thread();
	egi_state_exit_thread();
	egi_fault_exit_thread();
}

/*
 * The beginning: the first thread that uses the library makes what all need, whatever has been initialised by then; that
 * the library is loaded makes nothing. What only some need, they make themselves.
 *
 * Others wait for it, so nothing in it may wait for anybody: it calls neither the loader, whose lock the caller may hold
 * or wait for, nor the program. The C library begins again in a child whose parent has forked in the middle.
 */
static uint32_t has_begun;

static void library_begins(void)
{
	egi_annotate_begin();
	egi_thread_start(thread_exits);
	egi_fence_start();
	egi_hire_start(egi_member_main);
	egi_contexts_start(egi_crew_sleeps);
	egi_symbolize_start();
	/* The C library has room for dozens; without memory for more, fork is not noticed. */
	if (!has_fork_handlers)
		has_fork_handlers = pthread_atfork(fork_prepares, fork_unlocks, fork_enters_child) == 0;
	egi_store_relaxed_u32(&has_begun, 1);
}

void egi_library_begin(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, library_begins);
}

/*
 * Staying loaded. Threads that end, threads that idle, handlers of signals and of fork come back to this code, so it must
 * not go. The shared library says so itself (-z nodelete). A plugin that has the static one in it is told to stay when it
 * is loaded: later, by whoever comes first, would mean to wait for the loader's lock, which the caller's own waiter may
 * hold in a constructor. A program never goes.
 */
extern ElfW(Dyn) _DYNAMIC[] __attribute__((weak, visibility("hidden")));

/* Whether this code is in a shared object that can be unloaded. */
static bool library_can_go(void)
{
	if (_DYNAMIC == NULL)
		return false;
	for (const ElfW(Dyn) *entry = _DYNAMIC; entry->d_tag != DT_NULL; entry++)
		/* Only programs have room for the debugger. */
		if (entry->d_tag == DT_DEBUG ||
		    (entry->d_tag == DT_FLAGS_1 && (entry->d_un.d_val & (DF_1_NODELETE | DF_1_PIE)) != 0))
			return false;
	return true;
}

static void __attribute__((constructor)) library_stays(void)
{
	Dl_info info;

	/* By the name under which the loader knows it: no file is looked for. */
	if (library_can_go() && dladdr(_DYNAMIC, &info) != 0)
		(void)dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
}

static void __attribute__((destructor)) library_ends(void)
{
	if (egi_load_relaxed_u32(&has_begun) == 0)
		return;
	egi_crew_stop();
	egi_contexts_stop();
	egi_limits_stop();
	egi_state_exit_thread();
	egi_pool_drain();
	egi_leave_stop();
}
