/* SPDX-License-Identifier: MIT */
/*
 * What groups ask of the crew: each call takes the lock, changes what it is about, and has the watch see to it. Calls that
 * are made before every sleep or task look at a word without the lock first.
 */
#include "runtime/crew/crew.h"

#include "os/clock.h"
#include "os/cpus.h"
#include "os/event.h"
#include "os/mutex.h"
#include "runtime/crew/board.h"
#include "runtime/crew/roster.h"
#include "runtime/crew/watch.h"

/* Without the lock, because it reads files. Two that count at once count the same. */
static void count_cpus(void)
{
	if (egi_watch_cpus() == 0)
		egi_store_relaxed_u32(&egi_watch.cpus, (uint32_t)egi_cpus_count());
}

/*
 * A call is a system call, and worth it for a task now and then, that starts at once by it. For one every few microseconds,
 * for groups that are made one after the other, and for submitters who wait, there is the watch.
 */
void egi_crew_call(struct egi_request *request, bool urgent, bool may_wait)
{
	int64_t now = eg_clock_now_ns();
	bool is_one_of_many;

	count_cpus();
	egi_mutex_lock(&egi_board.lock);
	egi_board_post(request, urgent, now);
	is_one_of_many = may_wait || now - egi_watch.last_call < EGI_TICK_MIN;
	egi_watch.last_call = now;
	if (is_one_of_many)
		egi_watch.last_request = now;
	else
		egi_watch_hurry();
	egi_watch_attend(now);
	egi_mutex_unlock(&egi_board.lock);
}

void egi_crew_forget(struct egi_request *request)
{
	egi_mutex_lock(&egi_board.lock);
	egi_board_take_down(request);
	egi_mutex_unlock(&egi_board.lock);
}

bool egi_crew_is_missing(void)
{
	bool missing;

	if (EGI_LIKELY(egi_hire_shortage_now() != EGI_SHORTAGE_LONG))
		return false;
	egi_mutex_lock(&egi_board.lock);
	missing = egi_watch.is_missing;
	egi_mutex_unlock(&egi_board.lock);
	return missing;
}

bool egi_crew_has_thread(void)
{
	bool has_thread;

	count_cpus();
	egi_mutex_lock(&egi_board.lock);
	has_thread = egi_roster_size() > 0 || egi_hire();
	egi_mutex_unlock(&egi_board.lock);
	return has_thread;
}

/* Returns when to try again, or EGI_FOREVER if no thread is missing any more. */
static int64_t try_again(int64_t now)
{
	int64_t again = EGI_FOREVER;

	egi_mutex_lock(&egi_board.lock);
	if (egi_watch.is_missing && egi_board.posted > 0) {
		/* An attempt in vain wakes whoever waits for a thread, and that may be the caller. */
		if (egi_hire_is_due(now))
			egi_watch_attend(now);
		again = egi_hire_again_ns();
	} else {
		egi_hire_later(now);
	}
	egi_mutex_unlock(&egi_board.lock);
	return again;
}

int64_t egi_crew_sleeps(int64_t deadline_ns)
{
	int64_t now, again;

	if (EGI_LIKELY(!egi_load_relaxed_u32(&egi_watch.saw_work) &&
		       egi_hire_shortage_now() == EGI_SHORTAGE_NONE))
		return deadline_ns;
	now = eg_clock_now_ns();
	if (egi_load_relaxed_u32(&egi_watch.saw_work)) {
		egi_mutex_lock(&egi_board.lock);
		egi_watch_nudge(now);
		egi_mutex_unlock(&egi_board.lock);
	}
	again = egi_hire_shortage_now() == EGI_SHORTAGE_NONE ? EGI_FOREVER : try_again(now);
	return again < deadline_ns ? again : deadline_ns;
}

void egi_crew_await_thread_slow(void)
{
	int64_t again;

	/* Nobody may be left to do it later. */
	if (egi_hire_shortage_now() == EGI_SHORTAGE_LONG)
		egi_hire_at_once();
	again = try_again(eg_clock_now_ns());
	while (again != EGI_FOREVER && egi_hire_shortage_now() == EGI_SHORTAGE_BRIEF) {
		egi_word_wait(&egi_hire_shortage, EGI_SHORTAGE_BRIEF, again);
		again = try_again(eg_clock_now_ns());
	}
}

bool egi_crew_has_cpus(void)
{
	return egi_watch_cpus() > 1;
}

void egi_crew_stop(void)
{
	egi_mutex_lock(&egi_board.lock);
	egi_watch.stopping = true;
	egi_watch.is_on = false;
	egi_hire_stop();
	egi_store_relaxed_u32(&egi_crew_watching, 0);
	egi_mutex_unlock(&egi_board.lock);
}

void egi_crew_lock(void)
{
	egi_mutex_lock(&egi_board.lock);
}

void egi_crew_unlock(void)
{
	egi_mutex_unlock(&egi_board.lock);
}

void egi_crew_start_child(void)
{
	egi_board_start_child();
	egi_notices_start_child();
	egi_roster_start_child();
	egi_hire_start_child();
	egi_watch.sentinel = NULL;
	egi_watch.is_missing = egi_watch.is_on = false;
	egi_store_relaxed_u32(&egi_crew_watching, 0);
}
