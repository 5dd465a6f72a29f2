/* SPDX-License-Identifier: MIT */
#ifndef EGI_CREW_REQUEST_H
#define EGI_CREW_REQUEST_H

/*
 * A request: how a group asks the crew for threads. It is a part of the group's state, and says what the crew knows:
 *
 *   HIDDEN   nothing, and nobody comes
 *   SHOWN    the group's thread has left a notice (notices.h): the sentinel, which comes by, looks at the group
 *   POSTED   it is on the board (board.h): a thread comes as soon as a CPU may have room for one
 *   URGENT   the same, and a thread comes even if none has
 *
 *   from            to               by whom
 *   HIDDEN          SHOWN            the group's thread, when it has put a task: egi_notices_show
 *   SHOWN           HIDDEN           that thread, when all is done, or whoever destroys the group: egi_notices_hide
 *   HIDDEN, SHOWN   POSTED           who puts a task, or leaves one, and sees no thread that will come: egi_crew_call;
 *                                    the sentinel, when tasks waited at two looks
 *   POSTED          URGENT           who sees that tasks are long, so that they may well block: egi_crew_call
 *   POSTED, URGENT  SHOWN or HIDDEN  the member that comes for it, or finds that nothing is left to do
 *
 * Two words say so, because two kinds of threads write them. The notice is the group's own thread's, which writes it for
 * every small group and so without a lock; whether it is on the board, under the crew's lock. What is on the board keeps its
 * notice, and whoever walks the notices passes it over.
 *
 * Submitters see neither. They look at the gate (gate.h), whose bit POSTED is set by whoever is about to post the request,
 * and cleared by the swap that gives a thread its place: so nobody posts twice, but as urgent, and who sees the bit knows that
 * somebody comes.
 */

#include <sys/queue.h>

#include "os/event.h"

enum egi_request_urgency {
	EGI_REQUEST_NOT_POSTED, /* hidden or shown */
	EGI_REQUEST_POSTED,
	EGI_REQUEST_URGENT
};

struct egi_request {
	/* the thread's that shows it, and others' under the crew's lock: whoever makes it NULL clears the notice */
	struct egi_notices *shown_on; /* NULL: it has no notice */
	int shown_at;

	/* under the crew's lock; `urgency` is read by whoever keeps a group's state, too */
	uint32_t urgency; /* of enum egi_request_urgency */
	TAILQ_ENTRY(egi_request) link;
	struct egi_seen {
		uint64_t life;             /* of the group: a notice may be of another by now */
		uint64_t moves, submitted; /* tasks begun and ended, and put */
		int64_t moved_at;          /* when it was last seen to move, or was posted */
	} seen;                            /* at the crew's last look */

	/* set once: where those sleep who are to help when no thread can be had */
	struct egi_event *waiters, *submitters;
};

static inline bool egi_request_is_shown(const struct egi_request *request)
{
	const struct egi_notices *page = egi_load_relaxed_ptr(&request->shown_on);

	return page != NULL;
}

static inline bool egi_request_is_posted(const struct egi_request *request)
{
	return egi_load_relaxed_u32(&request->urgency) != EGI_REQUEST_NOT_POSTED;
}

#endif
