/* SPDX-License-Identifier: MIT */
/*
 * The watch is a few words under the lock, and `egi_crew_watching`, which submitters read without. That word is raised by
 * whoever is on the way to look, and lowered by the last watcher, who looks once more behind a fence (README.md).
 *
 * A thread is brought for a request only if those on their way are too few; one that is awake looks at the whole board, so a
 * burst of requests wakes one thread.
 */
#include "runtime/crew/watch.h"

#include "os/clock.h"
#include "os/event.h"
#include "os/fence.h"
#include "runtime/crew/board.h"
#include "runtime/crew/hire.h"
#include "runtime/crew/notices.h"

struct egi_watch egi_watch = {
    .tick = EGI_TICK_MIN,
};

void egi_watch_begin(void)
{
	bool asymmetric = egi_load_relaxed_u32(&egi_fence_is_asymmetric) != 0;

	egi_watch.is_on |= asymmetric;
	egi_watch.is_relied_on |= asymmetric;
	/* [N7] nothing is ordered: what whoever relies on it has shown before is looked at behind [N2]. */
	egi_store_release_u32(&egi_crew_watching, asymmetric);
}

void egi_watch_end(void)
{
	bool relied = egi_watch.is_relied_on;

	egi_watch.is_on = egi_watch.is_relied_on = false;
	egi_store_relaxed_u32(&egi_crew_watching, 0);
	if (relied)
		egi_fence_heaviest(); /* [N2] before the look at all notices; pairs with [N1] */
}

void egi_watch_go_on(void)
{
	egi_watch_begin();
	egi_watch.is_on = true;
}

static int eager_max(void)
{
	return egi_watch_cpus() > 1 ? egi_watch_cpus() - 1 : 1;
}

bool egi_watch_may_serve(void)
{
	return egi_roster_serving() + egi_roster.coming < eager_max();
}

bool egi_watch_may_answer(void)
{
	return egi_roster.counts[EGI_MEMBER_RUNNING] + egi_roster.coming < eager_max();
}

void egi_watch_wake(struct egi_member *member)
{
	egi_roster.coming++;
	egi_flag_raise(&member->wake);
}

bool egi_watch_bring(void)
{
	struct egi_member *member = TAILQ_FIRST(&egi_roster.members[EGI_MEMBER_IDLE]);

	if (egi_watch.stopping)
		return false;
	if (member) {
		egi_roster_move(member, EGI_MEMBER_AWAKE);
		egi_watch_wake(member);
	} else if (!egi_hire()) {
		return false;
	}
	/* A new one may have come and gone to sleep already. */
	if (egi_roster.coming > 0 && egi_watch_is_busy_time())
		egi_watch_begin();
	return true;
}

void egi_watch_wake_sentinel(void)
{
	egi_watch_wake(egi_watch.sentinel);
	egi_watch.sentinel = NULL;
}

void egi_watch_hurry(void)
{
	if (egi_watch.sentinel && egi_watch_may_answer())
		egi_watch_wake_sentinel();
}

void egi_watch_attend(int64_t now)
{
	bool at_once = egi_board.urgent > 0 || egi_watch_may_answer();

	/* Those on their way are enough for what is posted. */
	if (egi_board.posted <= egi_roster.coming)
		return;
	if (egi_watch.sentinel) {
		/* It serves; a new sentinel is found when it does. */
		if (egi_board.urgent > 0 || (at_once && egi_watch.tick_due - now > EGI_TICK_MIN))
			egi_watch_wake_sentinel();
		return;
	}
	if (!at_once && egi_roster.coming > 0)
		return;
	if (!egi_watch_bring() && egi_roster.coming == 0 && !egi_watch.sentinel) {
		egi_watch.is_missing = true;
		egi_board_abandon_all();
	}
}

void egi_watch_nudge(int64_t now)
{
	egi_watch.tick = EGI_TICK_MIN;
	if (egi_watch.sentinel && egi_watch.tick_due - now > EGI_TICK_MIN)
		egi_watch_wake_sentinel();
}
