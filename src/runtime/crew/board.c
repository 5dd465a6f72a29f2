/* SPDX-License-Identifier: MIT */
/*
 * The board is a list. Who is about to serve a group, or finds that nothing is left to do in it, takes its request down;
 * the sentinel has those that may wait take turns.
 */
#include "runtime/crew/board.h"

struct egi_board egi_board = {
    .lock = EGI_MUTEX_INIT,
    .requests = TAILQ_HEAD_INITIALIZER(egi_board.requests),
};

void egi_board_post(struct egi_request *request, bool urgent, int64_t now)
{
	if (!egi_request_is_posted(request)) {
		TAILQ_INSERT_TAIL(&egi_board.requests, request, link);
		egi_store_relaxed_u32(&request->urgency, EGI_REQUEST_POSTED);
		request->seen.moved_at = now;
		egi_board.posted++;
	}
	if (urgent && request->urgency != EGI_REQUEST_URGENT) {
		TAILQ_REMOVE(&egi_board.requests, request, link);
		TAILQ_INSERT_HEAD(&egi_board.requests, request, link);
		egi_store_relaxed_u32(&request->urgency, EGI_REQUEST_URGENT);
		egi_board.urgent++;
	}
}

void egi_board_take_down(struct egi_request *request)
{
	if (!egi_request_is_posted(request))
		return;
	TAILQ_REMOVE(&egi_board.requests, request, link);
	egi_board.posted--;
	egi_board.urgent -= request->urgency == EGI_REQUEST_URGENT;
	egi_store_relaxed_u32(&request->urgency, EGI_REQUEST_NOT_POSTED);
	if (egi_board.stuck == request)
		egi_board.stuck = NULL;
}

struct egi_request *egi_board_first(bool any)
{
	struct egi_request *request = TAILQ_FIRST(&egi_board.requests);

	return request && (any || request->urgency == EGI_REQUEST_URGENT) ? request : NULL;
}

void egi_board_rotate(struct egi_request *request)
{
	TAILQ_REMOVE(&egi_board.requests, request, link);
	TAILQ_INSERT_TAIL(&egi_board.requests, request, link);
}

void egi_board_note_stuck(struct egi_request *request)
{
	if (!egi_board.stuck || request->seen.moved_at < egi_board.stuck->seen.moved_at)
		egi_board.stuck = request;
}

void egi_board_abandon_all(void)
{
	struct egi_request *request;

	/* [E2] full, by the post in the gate: whoever may help is awake, and looks at the crew. */
	TAILQ_FOREACH(request, &egi_board.requests, link) {
		egi_event_notify(request->waiters);
		egi_event_notify(request->submitters);
	}
}

void egi_board_start_child(void)
{
	TAILQ_INIT(&egi_board.requests);
	egi_board.posted = egi_board.urgent = 0;
	egi_board.stuck = NULL;
}
