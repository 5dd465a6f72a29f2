/* SPDX-License-Identifier: MIT */
/*
 * A look compares what a group has begun, ended and been given with what the look before has seen, which is kept in the
 * request. A group on the board is shared, and whoever takes its request down gets a place in it by one swap of the gate.
 * A group that is shown may be its thread's own, and may be gone: then its state is another group's, or no group's.
 */
#include "runtime/member/look.h"

#include "os/clock.h"
#include "os/pause.h"
#include "runtime/crew/board.h"
#include "runtime/crew/watch.h"
#include "runtime/group/count.h"
#include "runtime/group/permit.h"

/*
 * In one round, under the lock: requests, or pages of notices with something on them; and pages, empty or not. A page of 64
 * groups takes 2 us, or 5 when it is in no cache (a virtual machine of 2 CPUs): a round takes 80 us at most, mostly under one.
 */
#define LOOKS_MAX 16
#define GLIMPSES_MAX (16 * LOOKS_MAX)
#ifndef SCAN_AT_ONCE
#define SCAN_AT_ONCE (4 * LOOKS_MAX) /* pages, before the lock is given up for a moment */
#endif

static struct eg_group_state *group_of(struct egi_request *request)
{
	return EGI_CONTAINER_OF(request, struct eg_group_state, request);
}

/*
 * The board
 */

/* Takes a request down for the calling thread. False: the group has no place. */
static bool request_take(struct egi_request *request)
{
	struct eg_group_state *state = group_of(request);
	bool placed;

	egi_board_take_down(request);
	placed = egi_gate_answer(&state->gate);
	/* The task that the thread is about to take does not show that the group moves without it. */
	if (placed)
		request->seen.moves++;
	return placed;
}

struct eg_group_state *egi_look_take(bool any)
{
	struct egi_request *request;

	while ((request = egi_board_first(any)) != NULL)
		if (request_take(request))
			return group_of(request);
	return NULL;
}

struct eg_group_state *egi_look_take_stuck(void)
{
	struct egi_request *request = egi_board.stuck;

	return request && request_take(request) ? group_of(request) : NULL;
}

enum look {
	LOOK_DONE,   /* no task waits */
	LOOK_MOVING, /* tasks wait, and are being started */
	LOOK_SLOW,   /* the same, and a CPU is idle and may as well be used */
	LOOK_STUCK   /* tasks wait, and none was started or ended since the last look */
};

static enum look group_look(struct eg_group_state *state, bool spare_cpu)
{
	struct egi_seen *seen = &state->request.seen;
	struct egi_slots_walk walk = {&state->slots, 0};
	struct egi_worker *worker;
	uint64_t moves = 0, submitted = 0;
	bool moved, fed;

	if (!egi_state_has_tasks(state))
		return LOOK_DONE;
	/* One more thread would wait for a permit as well. */
	if (egi_permit_is_awaited(state))
		return LOOK_MOVING;
	while ((worker = egi_slots_next(&walk)) != NULL)
		moves += egi_load_acquire_u64(&worker->done); /* [J12] a hint: compared with the last look */
	/* [J5] acquire: pairs with [Q2]. */
	for (struct egi_queue *queue = egi_load_acquire_ptr(&state->queues); queue; queue = queue->next) {
		moves += egi_queue_taken(queue);
		submitted += egi_queue_submitted(queue);
	}
	moved = moves != seen->moves;
	fed = submitted != seen->submitted;
	seen->moves = moves;
	seen->submitted = submitted;
	if (!moved)
		return LOOK_STUCK;
	/* The submitter has gone quiet, and its CPU may be free. */
	return !fed && spare_cpu ? LOOK_SLOW : LOOK_MOVING;
}

/* Nothing waits: takes the request down, unless a submitter has relied on it just before. */
static void request_retire(struct egi_request *request, int64_t now)
{
	struct eg_group_state *state = group_of(request);

	egi_board_take_down(request);
	egi_gate_unpost(&state->gate);
	if (egi_state_has_left_over(state) && egi_gate_post(&state->gate, true))
		egi_board_post(request, false, now);
}

struct eg_group_state *egi_look_at_board(bool spare_cpu, bool may_serve, int64_t now)
{
	int looks = egi_board.posted < LOOKS_MAX ? egi_board.posted : LOOKS_MAX;

	egi_board.stuck = NULL;
	/* Each once: what moved between the last two looks has not moved since the last. */
	for (; looks > 0; looks--) {
		struct egi_request *request = egi_board_first(true);
		enum look look = group_look(group_of(request), spare_cpu);

		if (look == LOOK_DONE) {
			request_retire(request, now);
			continue;
		}
		if (look != LOOK_STUCK)
			request->seen.moved_at = now;
		if (may_serve || request->urgency == EGI_REQUEST_URGENT || look == LOOK_SLOW) {
			if (request_take(request))
				return group_of(request);
			continue;
		}
		if (look == LOOK_STUCK)
			egi_board_note_stuck(request);
		egi_board_rotate(request);
	}
	return NULL;
}

/*
 * The notices
 */

enum glance {
	GLANCE_NOTHING, /* no task waits that the group's own thread is not about to take */
	GLANCE_NEW,     /* tasks wait, in a group not seen before */
	GLANCE_OLD      /* tasks wait, as they did before */
};

/*
 * Whether tasks wait in the first queue, or the first slot's claim. An owner that is alone moves them from one to the other in a
 * section, and for a moment they are in neither; so one that is busy counts as having some. The order matters: who sees the
 * queue emptied sees the section in which it was [O6] [R1], and who sees that over sees the claim [B4].
 */
static bool group_has_first_tasks(const struct eg_group_state *state)
{
	return egi_queue_has_tasks(&state->first_queue) || egi_gate_is_busy(&state->gate) ||
	       egi_claim_has_tasks(&state->first_worker.claim) ||
	       egi_offers_has(egi_worker_offers(&state->first_worker));
}

/* May meet a state that is no group's, or another's than was shown: it reads nothing but what is always there. */
static enum glance group_glance(struct eg_group_state *state)
{
	uint64_t life;

	/* Nobody may come; a worker that leaves, or whoever raises the limit, sees to the tasks that are left. */
	if (!egi_gate_glance(&state->gate, &life))
		return GLANCE_NOTHING;
	if (!group_has_first_tasks(state))
		return GLANCE_NOTHING;
	if (state->request.seen.life == life)
		return GLANCE_OLD;
	state->request.seen.life = life;
	return GLANCE_NEW;
}

/* Posts a group that is shown, if it lives and a thread may come. False if its own thread is in the middle of something. */
static bool group_adopt(struct eg_group_state *state, int64_t now)
{
	if (!egi_gate_try_share(&state->gate))
		return false;
	if (egi_gate_post(&state->gate, false))
		egi_board_post(&state->request, false, now);
	return true;
}

/*
 * The first group of a page in which tasks waited at the last look already. The first is the outermost and has the most to
 * do; to share the others, too, would only slow their thread down.
 */
static struct eg_group_state *page_find_old(struct egi_notices *page, bool *ret_waiting)
{
	struct egi_notices_walk walk = egi_notices_walk(page);
	struct eg_group_state *old = NULL;
	struct egi_request *request;

	while ((request = egi_notices_next(&walk)) != NULL) {
		enum glance glance = group_glance(group_of(request));

		if (glance == GLANCE_NOTHING)
			continue;
		*ret_waiting = true;
		if (glance == GLANCE_OLD && !old)
			old = group_of(request);
	}
	return old;
}

struct egi_notices_look egi_look_at_notices(bool may_serve, int64_t now)
{
	struct egi_notices *last = TAILQ_LAST(&egi_pages.list, egi_pages_list), *page = NULL;
	struct egi_notices_look look = {false, false};

	for (int looks = 0, i = 0; page != last && looks < LOOKS_MAX && i < GLIMPSES_MAX; i++) {
		struct eg_group_state *old;
		uint64_t given;
		bool active;

		page = TAILQ_FIRST(&egi_pages.list);
		given = egi_load_relaxed_u64(&page->given);
		active = given != page->given_seen;
		looks += egi_load_relaxed_u64(&page->taken) != 0;
		old = page_find_old(page, &look.waiting);
		/* A thread that goes on making groups is not stuck: it will come to its other groups as well. */
		if (old && (may_serve || !active))
			group_adopt(old, now);
		look.active = look.active || active;
		page->given_seen = given;
		egi_notices_rotate(page);
	}
	return look;
}

static bool page_is_waiting(struct egi_notices *page)
{
	struct egi_notices_walk walk = egi_notices_walk(page);
	struct egi_request *request;

	while ((request = egi_notices_next(&walk)) != NULL)
		if (group_glance(group_of(request)) != GLANCE_NOTHING)
			return true;
	return false;
}

/*
 * Pages that have been looked at, by this scan or by the sentinel meanwhile, lie at the end of the list, so the scan is over
 * when one of them comes first.
 */
bool egi_look_is_any_waiting(void)
{
	struct egi_notices *page;
	bool waiting = false;
	uint64_t scan = ++egi_pages.scan;

	egi_pages.is_scanning = true;
	for (int i = 1; !waiting && (page = TAILQ_FIRST(&egi_pages.list)) != NULL && page->scan != scan;
	     i++) {
		waiting = page_is_waiting(page);
		egi_notices_rotate(page);
		if (i % SCAN_AT_ONCE == 0) {
			egi_mutex_unlock(&egi_board.lock);
			egi_mutex_lock(&egi_board.lock);
		}
	}
	egi_pages.is_scanning = false;
	return waiting;
}

static bool page_adopt(struct egi_notices *page, int64_t now)
{
	struct egi_notices_walk walk = egi_notices_walk(page);
	struct egi_request *request;
	bool done = true;

	while ((request = egi_notices_next(&walk)) != NULL) {
		struct eg_group_state *state = group_of(request);

		if (group_glance(state) != GLANCE_NOTHING && !group_adopt(state, now))
			done = false;
	}
	return done;
}

bool egi_look_adopt_all(int64_t now)
{
	struct egi_notices *page;
	bool done = true;

	TAILQ_FOREACH(page, &egi_pages.list, link)
		if (!page_adopt(page, now))
			done = false;
	return done;
}

bool egi_look_has_work(void)
{
	struct egi_request *request;
	struct egi_notices *page;

	TAILQ_FOREACH(request, &egi_board.requests, link)
		if (egi_state_unfinished(group_of(request)) != 0)
			return true;
	TAILQ_FOREACH(page, &egi_pages.list, link)
		if (page_is_waiting(page))
			return true;
	return false;
}

/*
 * The calling thread is in no section, but somebody else may be about to destroy one of its groups, who has shared it by then:
 *
 *   thread that ends                   destroyer
 *   reads the life: 1
 *                                      shares the group
 *                                      closes it: its life is 2
 *   the life is another: not adopted
 *   looks again: it is shared, and may be posted, or full
 */
static void page_hand_over(struct egi_notices *page, int64_t now)
{
	unsigned turns = 0;

	while (!page_adopt(page, now))
		egi_pause(&turns);
}

void egi_look_exit_thread(void)
{
	struct egi_notices *page;

	while ((page = egi_thread_self.notices) != NULL) {
		int64_t now = eg_clock_now_ns();

		egi_mutex_lock(&egi_board.lock);
		page_hand_over(page, now);
		egi_notices_close(page);
		egi_watch_attend(now);
		egi_mutex_unlock(&egi_board.lock);
		egi_notices_free(page);
	}
}
