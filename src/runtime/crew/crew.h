/* SPDX-License-Identifier: MIT */
#ifndef EGI_CREW_CREW_H
#define EGI_CREW_CREW_H

/*
 * The crew: the process's worker threads, shared by all groups, as groups see it. README.md says how it works.
 *
 * A thread is started only when a request is posted and no idle thread is left. It serves one group after the other, sleeps
 * when the board is empty, and leaves after a while. Up to the number of CPUs less one, a request gets a thread at once: the
 * submitting or waiting thread keeps a CPU busy itself. Beyond that, requests stay on the board under the eyes of one idle
 * thread, the sentinel, which looks every so often whether the groups move and takes part in one that does not, if the
 * threads at work are blocked (growth.h). It also looks at the notices, and posts what has been shown for longer than it
 * sleeps. So a million small tasks, or tasks that compute, need no more threads than CPUs, tasks that block get more threads
 * as long as tasks wait behind them, and a burst of requests costs no system call while the sentinel is awake.
 *
 * The sentinel looks after 50 us at first and every millisecond at the latest while anything is posted, goes on
 * for about a millisecond after the last request, and then sleeps like any other: an idle process uses no CPU.
 *
 * When the process ends nobody is ended or joined: what is idle sleeps on, because a thread that ends calls the program's
 * destructors of thread-specific values.
 */

#include "os/atomic.h"
#include "runtime/crew/hire.h"
#include "runtime/crew/notices.h"

/*
 * Posts a request. Threads: any.
 *
 * @urgent  a thread should come even if the CPUs are busy
 * @may_wait  the thread need not come at once, and somebody is to watch afterwards: the group is new, and whoever makes one
 *            makes others; or who submits runs the tasks himself when he waits
 */
void egi_crew_call(struct egi_request *request, bool urgent, bool may_wait);

/*
 * The calling thread is about to sleep, and its CPU could be of use to another. Returns until when: earlier than the deadline
 * while a thread is missing, so that somebody tries again to get one.
 */
int64_t egi_crew_sleeps(int64_t deadline_ns);

/* Takes a request down. Afterwards the crew does not know it, unless it is shown. Threads: any. */
void egi_crew_forget(struct egi_request *request);

/* Whether no thread can be had: one is wanted, none could be started for a good while, and none has come free since. */
bool egi_crew_is_missing(void);

/* Whether the crew has a thread that may come to what is submitted from now on; if it has none, one is started. */
bool egi_crew_has_thread(void);

/*
 * The calling thread is about to start a task, which may need another: if a thread is wanted that could not be started, tries
 * again, and waits for one for that while at most.
 */
void egi_crew_await_thread_slow(void);

static inline void egi_crew_await_thread(void)
{
	if (EGI_UNLIKELY(egi_hire_shortage_now() != EGI_SHORTAGE_NONE))
		egi_crew_await_thread_slow();
}

/* Whether there is more than one CPU, so that it can be worth while to watch another thread work. */
bool egi_crew_has_cpus(void);

/* At exit: no thread is started or ended any more. Around fork. */
void egi_crew_stop(void);
void egi_crew_lock(void);
void egi_crew_unlock(void);
void egi_crew_start_child(void);

#endif
