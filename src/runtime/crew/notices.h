/* SPDX-License-Identifier: MIT */
#ifndef EGI_CREW_NOTICES_H
#define EGI_CREW_NOTICES_H

/*
 * Notices: what a thread shows of the groups it is filling. To ask the crew for help with every small group would cost
 * a lock each; instead the submitting thread leaves a pointer where the crew's sentinel, which comes by every so
 * often, sees it, and takes it away when the group is done. Most groups are done before anybody came.
 *
 *   submitting thread               sentinel, going to sleep
 *   shows the group, puts a task    watching = 0
 *   light fence [N1]                heavy fence [N2]
 *   reads watching                  looks at all notices once more
 *
 * If the thread sees the sentinel watching, the sentinel will see the notice and the task. If not, it calls.
 *
 * A thread has pages of notices, one more whenever it shows more groups than there is room for. Its pages form a ring that
 * begins with those that have room, so a spot is found without a search. All threads' pages are in one list, under the
 * crew's lock.
 *
 * A thread's notices are its own to write. Others may take one away, or walk them all, under the crew's lock. What a
 * notice points to is type-stable while the lock is held: it is some group's state, even when the group is gone.
 */

#include <sys/queue.h>

#include "os/atomic.h"
#include "runtime/crew/request.h"

/* How many notices are on a page, 64 at most. */
#ifndef EGI_NOTICES_PER_PAGE
#define EGI_NOTICES_PER_PAGE 64
#endif
#define EGI_NOTICES_FULL (~UINT64_C(0) >> (64 - EGI_NOTICES_PER_PAGE))

/* Not zero while a thread of the crew is going to look at all notices once more before it sleeps for good. */
extern EGI_HIDDEN uint32_t egi_crew_watching;

static inline bool egi_crew_is_watching(void)
{
	return egi_load_relaxed_u32(&egi_crew_watching) != 0;
}

struct egi_notices {
	/* the thread's; read by the crew */
	EGI_ALIGNED struct egi_request *shown[EGI_NOTICES_PER_PAGE]; /* NULL: nothing, or no more */
	EGI_ALIGNED uint64_t taken; /* a bit for each that the thread has shown and not hidden itself */
	uint64_t given;             /* how many there have ever been */

	/* the thread's */
	struct egi_notices *before, *next; /* its pages, in a ring */

	/* under the crew's lock */
	EGI_ALIGNED uint64_t given_seen;
	uint64_t scan; /* the last in which it was looked at */
	TAILQ_ENTRY(egi_notices) link;
};

/* All pages, under the crew's lock. */
struct egi_pages {
	TAILQ_HEAD(egi_pages_list, egi_notices) list; /* looked at last, last */
	uint64_t scan;                                /* how many times all have been looked at */
	bool is_scanning;                             /* a thread is at it */
};

extern EGI_HIDDEN struct egi_pages egi_pages;

/*
 * Leaves a notice of a request that has none, by the calling thread. False if it cannot be shown: then the crew has to be
 * called.
 */
bool egi_notices_show(struct egi_request *request);

/*
 * Takes a notice away, if there is one: by the thread that has left it; by that thread, while nobody else does; by
 * whatever thread. Afterwards the crew comes to the group through the board only.
 */
void egi_notices_hide(struct egi_request *request);
void egi_notices_hide_alone(struct egi_request *request);
void egi_notices_take_away(struct egi_request *request);

/* Under the crew's lock: walks the requests that are shown on a page and not on the board. */
struct egi_notices_walk {
	struct egi_notices *page;
	uint64_t left;
};

struct egi_notices_walk egi_notices_walk(struct egi_notices *page);
struct egi_request *egi_notices_next(struct egi_notices_walk *walk);

/* Under the crew's lock: a page has been looked at, and comes last. */
void egi_notices_rotate(struct egi_notices *page);

/* Under the crew's lock: takes away all notices on a page of the calling thread, which ends, and the page off the list. */
void egi_notices_close(struct egi_notices *page);

/* Afterwards, and without the lock. */
void egi_notices_free(struct egi_notices *page);

/* In a forked child: only the calling thread's pages are left, empty. */
void egi_notices_start_child(void);

#endif
