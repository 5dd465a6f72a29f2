/* SPDX-License-Identifier: MIT */
/*
 * Threads that end are joined by others, since nobody joins himself, and a thread that nobody joins may still run when the
 * program believes it gone. Each that is about to end puts itself on a list, as its last act here. Who leaves later joins two of
 * those that are through, without waiting for any; so the list does not grow. egi_leave_await waits for all.
 *
 *      egi_leave            on the list ........ runs the program's destructors .... ended
 *      the next to leave                                                              joins it, if it is through
 *      egi_leave_await                          waits until it is, and the kernel knows it no more
 */
#include "os/leave.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/event.h"
#include "os/mutex.h"
#include "os/pause.h"
#include "os/thread.h"

#define REAP_MAX 2 /* for each that leaves: more than come, so that the list gets shorter */

struct leaver {
	pthread_t thread;
	pid_t tid;
	uint32_t number;
	TAILQ_ENTRY(leaver) link;
};

/* Everything is under the lock. */
static struct {
	struct egi_mutex lock;
	TAILQ_HEAD(leavers, leaver) left;
	int count;        /* of these */
	uint32_t joining; /* taken off, and not yet gone */
	uint32_t joined;  /* raised then */
} leaving = {
    .lock = EGI_MUTEX_INIT,
    .left = TAILQ_HEAD_INITIALIZER(leaving.left),
};

uint32_t egi_leave_count;

static void leaver_insert(struct leaver *leaver)
{
	TAILQ_INSERT_TAIL(&leaving.left, leaver, link);
	leaving.count++;
}

static void leaver_remove(struct leaver *leaver)
{
	TAILQ_REMOVE(&leaving.left, leaver, link);
	leaving.count--;
}

/*
 * The system knows a thread for some microseconds after it can be joined: until then the process has one more for whoever
 * counts them, unshare(2) and setns(2) too. Where a sandbox refuses to say, it is not known, and has to do.
 */
static bool is_known(const struct leaver *leaver)
{
	int saved = errno;
	bool known = syscall(SYS_tgkill, getpid(), leaver->tid, 0) == 0;

	errno = saved;
	return known;
}

/*
 * Under lock: joins those of the first ones that are gone. The others come last, so that nobody is hidden by one that stays.
 * One that the system still knows is left, for egi_leave_await to wait for.
 */
static void leavers_reap(int max)
{
	for (int i = 0; i < max; i++) {
		struct leaver *leaver = TAILQ_FIRST(&leaving.left);

		if (!leaver)
			return;
		leaver_remove(leaver);
		if (!is_known(leaver) && pthread_tryjoin_np(leaver->thread, NULL) == 0)
			free(leaver);
		else
			leaver_insert(leaver);
	}
}

void egi_leave(void)
{
	struct leaver *leaver = malloc(sizeof(*leaver));

	egi_thread_self.is_leaving = true;
	if (!leaver) {
		pthread_detach(pthread_self());
		return;
	}
	leaver->thread = pthread_self();
	leaver->tid = (pid_t)syscall(SYS_gettid);
	egi_mutex_lock(&leaving.lock);
	leavers_reap(REAP_MAX);
	leaver->number = egi_leave_count;
	leaver_insert(leaver);
	egi_store_relaxed_u32(&egi_leave_count, egi_leave_count + 1);
	egi_mutex_unlock(&leaving.lock);
	egi_word_wake_all(&egi_leave_count);
}

void egi_leave_stop(void)
{
	egi_mutex_lock(&leaving.lock);
	leavers_reap(leaving.count);
	egi_mutex_unlock(&leaving.lock);
}

static void leaver_await(const struct leaver *leaver)
{
	unsigned turns = 0;

	pthread_join(leaver->thread, NULL);
	while (is_known(leaver))
		egi_pause(&turns);
}

/* Under lock, given up meanwhile: joins one of those that left before `count` had. False if there is none. */
static bool leavers_join(uint32_t count)
{
	struct leaver *leaver;

	TAILQ_FOREACH(leaver, &leaving.left, link)
		if ((int32_t)(leaver->number - count) < 0)
			break;
	if (!leaver)
		return false;
	leaver_remove(leaver);
	leaving.joining++;
	egi_mutex_unlock(&leaving.lock);
	leaver_await(leaver);
	free(leaver);
	egi_mutex_lock(&leaving.lock);
	leaving.joining--;
	egi_store_relaxed_u32(&leaving.joined, leaving.joined + 1);
	egi_word_wake_all(&leaving.joined);
	return true;
}

/*
 * The kernel gives up a thread's number first and takes it off the process a moment later, under one lock; in between
 * unshare(2) still sees two threads. To look for children that have ended takes the same lock, and so waits for that.
 */
static void await_kernel(void)
{
	int saved = errno;
	siginfo_t info;

	(void)waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT);
	errno = saved;
}

void egi_leave_await(void)
{
	uint32_t count, joined;

	egi_mutex_lock(&leaving.lock);
	count = egi_leave_count;
	while (leavers_join(count))
		;
	/* Others may be at it. */
	while (leaving.joining > 0) {
		joined = leaving.joined;
		egi_mutex_unlock(&leaving.lock);
		egi_word_wait(&leaving.joined, joined, EGI_FOREVER);
		egi_mutex_lock(&leaving.lock);
	}
	egi_mutex_unlock(&leaving.lock);
	await_kernel();
}

void egi_leave_lock(void)
{
	egi_mutex_lock(&leaving.lock);
}

void egi_leave_unlock(void)
{
	egi_mutex_unlock(&leaving.lock);
}

void egi_leave_start_child(void)
{
	struct leaver *leaver;

	while ((leaver = TAILQ_FIRST(&leaving.left)) != NULL) {
		leaver_remove(leaver);
		free(leaver);
	}
	leaving.joining = 0;
}
