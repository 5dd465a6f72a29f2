/* SPDX-License-Identifier: MIT */
/*
 * One loop: a member looks for a group that may have a thread, and serves it; or is the sentinel, if there is something to
 * watch and nobody does; or sleeps, until it is called, and ends when nobody has called for long.
 *
 *            +---------- serves <-----------+
 *            |                              | a group is stuck, or a CPU is idle
 *            v      nothing to serve        |
 *   comes, looks -----------------> sentinel: sleeps a tick, looks
 *            ^                              |
 *            |                              v nothing has been asked for a while
 *            +----- is called ------- sleeps, may end
 *
 * From the word that somebody watches (egi_crew_watching) submitters take it that a notice is enough. So a sentinel that
 * leaves hands over: to a member on its way, or to one that it brings; and the last one takes the word back and looks once
 * more before it sleeps (README.md).
 */
#include "runtime/member/member.h"

#include <stdlib.h>

#include "os/event.h"
#include "os/leave.h"
#include "os/mutex.h"
#include "os/thread.h"
#include "runtime/crew/board.h"
#include "runtime/crew/growth.h"
#include "runtime/crew/hire.h"
#include "runtime/crew/watch.h"
#include "runtime/group/visit.h"
#include "runtime/member/look.h"
#include "runtime/queue/segments.h"

/* Under lock, which is given up meanwhile: sleeps, and returns false at the deadline if nobody called. */
static bool member_sleep(struct egi_member *member, int64_t deadline)
{
	bool called;

	egi_store_relaxed_u32(&member->wake, 0);
	egi_mutex_unlock(&egi_board.lock);
	egi_flag_wait(&member->wake, deadline);
	egi_mutex_lock(&egi_board.lock);
	called = egi_load_relaxed_u32(&member->wake) != 0;
	if (called)
		egi_roster.coming--;
	return called;
}

/* A thread that ends its life inside a task does not come back here: its place is given up for it. */
static void member_is_lost(void *arg)
{
	struct egi_member *member = arg;

	/* A copy of it in a forked child, which has no crew. */
	if (member->fork_count != egi_thread_fork_count) {
		free(member);
		return;
	}
	/* [M1] release: pairs with [M2]. The group is left later, when the thread's values are destroyed. */
	egi_store_release_ptr(&member->group, NULL);
	egi_mutex_lock(&egi_board.lock);
	egi_roster_leave(member);
	egi_watch_attend(eg_clock_now_ns());
	egi_mutex_unlock(&egi_board.lock);
}

/*
 * Under lock, which may be given up meanwhile: unless another thread watches, whoever shows a group from now on has to
 * call. False, and nothing changed, if tasks wait in what has been shown before, or another thread is looking for some.
 */
static bool may_unwatch(void)
{
	if (egi_watch.sentinel || !egi_watch.is_on)
		return true;
	if (egi_pages.is_scanning)
		return false;
	egi_watch_end();
	if (!egi_look_is_any_waiting())
		return true;
	egi_watch_go_on();
	egi_store_relaxed_u32(&egi_watch.saw_work, 1);
	return false;
}

/*
 * Under lock, which may be given up meanwhile: the calling thread is going to serve. Somebody else watches instead if
 * there is anything to watch; if no thread can be had for that, what is shown goes to the board.
 */
static void member_hand_over(struct egi_member *member)
{
	int64_t pause = EGI_TICK_MIN;

	/* Whoever is on the way looks before it sleeps; and while groups are being made the next one is about to come. */
	if (egi_roster.coming > 0)
		return;
	if (egi_watch_is_busy_time() && egi_crew_is_watching() && !egi_watch.sentinel && egi_watch_bring())
		return;
	while (!may_unwatch()) {
		int64_t now = eg_clock_now_ns();

		egi_watch.last_request = now;
		if (egi_roster.coming > 0 || egi_watch_bring())
			return;
		egi_watch_end();
		if (egi_look_adopt_all(now))
			return;
		/* A group is busy for an instant, unless its thread has lost its CPU. */
		egi_watch_go_on();
		member_sleep(member, egi_clock_after(pause));
		if (pause < EGI_TICK_MAX)
			pause *= 2;
	}
}

/* Under lock, which is given up meanwhile. Returns whether there was work for longer than the sentinel sleeps. */
static bool member_serve(struct egi_member *member, struct eg_group_state *group)
{
	int64_t begin = eg_clock_now_ns();

	egi_pulse_forget(&member->pulse);
	egi_store_release_ptr(&member->group, group); /* [M3] nothing is ordered: read under the lock */
	egi_roster_move(member, EGI_MEMBER_RUNNING);
	member_hand_over(member);
	egi_watch_attend(begin);
	egi_mutex_unlock(&egi_board.lock);
	egi_thread_be_usual();
	pthread_cleanup_push(member_is_lost, member);
	egi_visit_serve(group);
	/* In a forked child only this thread is left, of a crew that is none. */
	if (member->fork_count != egi_thread_fork_count)
		pthread_exit(NULL);
	pthread_cleanup_pop(0);
	/* [M1] release: the last look at the group before it is left; pairs with [M2]. */
	egi_store_release_ptr(&member->group, NULL);
	egi_state_release(group);
	egi_mutex_lock(&egi_board.lock);
	egi_roster_move(member, EGI_MEMBER_AWAKE);
	return eg_clock_now_ns() - begin > EGI_TICK_MIN;
}

/*
 * Under lock, which may be given up meanwhile: whether the sentinel may go to serve: another will come, or can be had. If
 * not, it goes on trying, for tasks that need one another need threads, unless nobody serves at all or it has done so for
 * long.
 */
static bool may_stop_watching(void)
{
	return egi_roster.coming > 0 || egi_watch_bring() || egi_roster_serving() == 0 ||
	       egi_hire_shortage_now() == EGI_SHORTAGE_LONG;
}

/* Under lock, given up meanwhile. Returns a group to serve, or NULL when the round brought none. */
static struct eg_group_state *member_watch(struct egi_member *member)
{
	struct egi_notices_look notices;
	struct eg_group_state *group;
	bool called;
	int64_t now;

	egi_thread_be_punctual();
	egi_watch.tick_due = egi_clock_after(egi_watch.tick);
	egi_watch.sentinel = member;
	egi_watch_begin();
	called = member_sleep(member, egi_watch.tick_due);
	if (!called)
		egi_watch.sentinel = NULL;
	if (egi_watch.stopping)
		return NULL;
	now = eg_clock_now_ns();
	notices = egi_look_at_notices(egi_watch_may_serve(), now);
	egi_store_relaxed_u32(&egi_watch.saw_work, notices.waiting || egi_board.posted > 0);
	if (notices.active || notices.waiting)
		egi_watch.last_request = now;
	egi_growth_look(now);
	group = egi_look_at_board(egi_growth_has_spare_cpu(),
				  called ? egi_watch_may_answer() : egi_watch_may_serve(), now);
	if (!group && egi_growth_is_due(now) && may_stop_watching())
		group = egi_look_take_stuck();
	/* Everything moves: look less often. Something new: look soon. */
	if (group || called || (egi_board.posted == 0 && !notices.waiting))
		egi_watch.tick = EGI_TICK_MIN;
	else if (egi_watch.tick < EGI_TICK_MAX)
		egi_watch.tick *= 2;
	return group;
}

/* Under lock: whether there is something to watch for. */
static bool sentinel_is_wanted(const struct egi_member *member)
{
	if (egi_watch.sentinel || egi_watch.stopping)
		return false;
	return egi_board.posted > 0 ||
	       (egi_watch_is_busy_time() &&
		(!egi_watch_is_dismissed(member) || egi_load_relaxed_u32(&egi_watch.saw_work)));
}

/* Under lock, given up meanwhile. False when the member has been idle for long, or was dismissed, and should go. */
static bool member_rest(struct egi_member *member)
{
	bool called;

	if (!egi_watch.stopping && !may_unwatch()) {
		egi_watch.last_request = eg_clock_now_ns();
		return true;
	}
	if (!egi_watch.stopping && egi_board.posted > 0 && !egi_watch.sentinel)
		return true;
	if (egi_watch_is_dismissed(member) || (egi_thread_self.is_odd && !egi_watch.stopping))
		return false;
	/* Now rather than when it is woken, and somebody waits. */
	egi_thread_be_usual();
	egi_roster_move(member, EGI_MEMBER_IDLE);
	/* When the process ends, idle threads stay until it has. */
	called = member_sleep(member, egi_watch.stopping ? EGI_FOREVER : egi_clock_after(EGI_LEAVE_AFTER));
	if (!called)
		egi_roster_move(member, EGI_MEMBER_AWAKE);
	return called || egi_watch.stopping;
}

/* What a member did last. */
enum member_deed { MEMBER_CAME, MEMBER_WORKED, MEMBER_LOOKED_IN };

/*
 * Under lock, which may be given up meanwhile: a group for the calling thread to serve, or NULL. A thread that worked takes
 * the next one instead of another; it adds to no crowd. One that found next to nothing takes none until the next look:
 * whoever makes such groups, one after the other, is better left alone with them.
 */
static struct eg_group_state *member_find(enum member_deed before)
{
	struct eg_group_state *group = NULL;

	if (egi_watch.stopping)
		return NULL;
	if (before == MEMBER_WORKED || before == MEMBER_CAME)
		group = egi_look_take(before == MEMBER_WORKED || egi_watch_may_answer());
	else if (egi_watch.sentinel)
		egi_watch_attend(eg_clock_now_ns());
	if (!group && before == MEMBER_WORKED) {
		int64_t now = eg_clock_now_ns();

		(void)egi_look_at_notices(true, now);
		group = egi_look_take(true);
		if (!group)
			egi_watch_nudge(now);
	}
	return group;
}

void *egi_member_main(void *arg)
{
	struct egi_member *member = arg;
	enum member_deed before = MEMBER_CAME;
	bool stays = true;

	egi_thread_self.is_crew = true;
	egi_roster_begin(member);
	egi_mutex_lock(&egi_board.lock);
	egi_roster.coming--;
	while (stays) {
		struct eg_group_state *group;

		egi_watch.is_missing = false;
		group = member_find(before);
		before = MEMBER_CAME;
		if (!group && sentinel_is_wanted(member))
			group = member_watch(member);
		else if (!group)
			stays = member_rest(member);
		if (group)
			before = member_serve(member, group) ? MEMBER_WORKED : MEMBER_LOOKED_IN;
	}
	egi_mutex_unlock(&egi_board.lock);
	/* The process has been idle for long, or ends its threads. */
	egi_pool_drain();
	egi_mutex_lock(&egi_board.lock);
	egi_roster_leave(member);
	egi_mutex_unlock(&egi_board.lock);
	return NULL;
}
