/* SPDX-License-Identifier: MIT */
/*
 * Ending idle threads, for a program that is about to do what only a process of one thread may do, or that wants to know that
 * nothing of the library's is left: the crew's, the keeper, and those that call functions of contexts that are over.
 *
 * Those that have nothing to do are told to end, and joined. Some may be about to find out: a group is done before its
 * workers have left it. They are waited for. Members of the crew that are started later are left alone, and so is who is at
 * work; members end when their work does.
 */
#include <errgroup/base.h>
#include <pthread.h>

#include "context/life.h"
#include "os/clock.h"
#include "os/event.h"
#include "os/leave.h"
#include "os/mutex.h"
#include "os/thread.h"
#include "runtime/crew/board.h"
#include "runtime/crew/roster.h"
#include "runtime/crew/watch.h"
#include "runtime/group/count.h"
#include "runtime/member/look.h"

/* How often to look for threads that have found out by themselves: as often as the sentinel does. */
#define LOOK EGI_TICK_MAX
/* So many times in a row members may have had others started before they ended. */
#define ROUNDS_MAX 16

/* Under lock: whether the sentinel is asleep and has something to watch. */
static bool sentinel_is_at_work(void)
{
	return egi_watch.sentinel && egi_look_has_work();
}

/* Under lock. Tells the members up to that number to end when they have nothing to do, and wakes those that sleep for nothing. */
static void dismiss(uint64_t number)
{
	struct egi_member *member, *next;

	if (egi_watch.dismissed < number)
		egi_watch.dismissed = number;
	for (member = TAILQ_FIRST(&egi_roster.members[EGI_MEMBER_IDLE]); member; member = next) {
		next = TAILQ_NEXT(member, link);
		if (!egi_watch_is_dismissed(member))
			continue;
		egi_roster_move(member, EGI_MEMBER_AWAKE);
		egi_watch_wake(member);
	}
	if (egi_watch.sentinel && egi_watch_is_dismissed(egi_watch.sentinel) && !egi_look_has_work())
		egi_watch_wake_sentinel();
}

/* Under lock: whether a member that serves has left its group, or is about to. */
static bool has_served(const struct egi_member *member)
{
	/* [M2] acquire: pairs with [M1]. While the lock is held no group's state is freed. */
	struct eg_group_state *group = egi_load_acquire_ptr(&member->group);

	return !group || egi_state_unfinished(group) == 0;
}

/* Under lock: whether one of these members is about to find that it has nothing to do. */
static bool is_dismissing(uint64_t number)
{
	struct egi_member *member;

	for (int activity = 0; activity < EGI_MEMBER_ACTIVITIES; activity++) {
		TAILQ_FOREACH(member, &egi_roster.members[activity], link) {
			bool ends = activity == EGI_MEMBER_AWAKE &&
				    !(member == egi_watch.sentinel && sentinel_is_at_work());

			if (activity == EGI_MEMBER_RUNNING || activity == EGI_MEMBER_BLOCKED)
				ends = has_served(member);
			if (ends && member->number <= number)
				return true;
		}
	}
	return false;
}

/* Dismisses the crew up to a number. Returns whether some are about to end; *ret_left: how many members there are. */
static bool crew_dismiss(uint64_t number, int *ret_left)
{
	bool ending;

	egi_mutex_lock(&egi_board.lock);
	dismiss(number);
	ending = is_dismissing(number);
	*ret_left = egi_roster_size();
	egi_mutex_unlock(&egi_board.lock);
	return ending;
}

static uint64_t crew_last_number(void)
{
	uint64_t number;

	egi_mutex_lock(&egi_board.lock);
	number = egi_roster.last_number;
	egi_mutex_unlock(&egi_board.lock);
	return number;
}

/* A member that ends may have had another one started before. It is dismissed as well, unless that goes on and on. */
static int end_idle(void)
{
	uint64_t number = crew_last_number();
	int rounds = 0;

	for (;;) {
		/* [E7] nothing hangs on its order: the locks of the looks that follow keep it before them. */
		uint32_t left_before = egi_load_acquire_u32(&egi_leave_count);
		int members, others;
		uint64_t last;
		bool ending = egi_contexts_dismiss(&others);

		ending = crew_dismiss(number, &members) || ending;
		egi_leave_await();
		if (ending) {
			egi_word_wait(&egi_leave_count, left_before, egi_clock_after(LOOK));
			continue;
		}
		last = crew_last_number();
		if (last == number || ++rounds == ROUNDS_MAX)
			return members + others;
		number = last;
	}
}

int eg_threads_end_idle(void)
{
	int state, left;

	if (egi_thread_self.is_leaving)
		return EG_EINSIDE;
	/* A thread that is cancelled here would leave others waiting for what it was about to join. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	left = end_idle();
	pthread_setcancelstate(state, NULL);
	return left;
}
