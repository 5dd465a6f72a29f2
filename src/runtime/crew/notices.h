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
 * begins with those that have room, so a place is found without a search.
 *
 * A thread's notices are its own to write. Others may take one away, or walk them all, under the crew's lock. What a
 * notice points to stays memory of its kind for as long as the lock is held, even when the group is gone.
 */

#include <sys/queue.h>

#include "os/atomic.h"

/* How many notices are on a page, 64 at most. */
#ifndef EGI_NOTICES_PER_PAGE
#define EGI_NOTICES_PER_PAGE 64
#endif
#define EGI_NOTICES_FULL (~UINT64_C(0) >> (64 - EGI_NOTICES_PER_PAGE))

struct egi_post;

/* Not zero while a thread of the crew is going to look at all notices once more before it sleeps for good. */
extern EGI_HIDDEN uint32_t egi_crew_watching;

static inline bool egi_crew_is_watching(void)
{
	return egi_load_relaxed_u32(&egi_crew_watching) != 0;
}

struct egi_notices {
	/* the thread's; read by the crew */
	EGI_ALIGNED struct egi_post *shown[EGI_NOTICES_PER_PAGE]; /* NULL: nothing, or no more */
	EGI_ALIGNED uint64_t taken; /* a bit for each that the thread has shown and not hidden itself */
	uint64_t given;             /* how many there have ever been */

	/* the thread's */
	struct egi_notices *before, *next; /* its pages, in a ring */

	/* under the crew's lock */
	EGI_ALIGNED uint64_t given_seen;
	uint64_t scan; /* the last in which it was looked at */
	TAILQ_ENTRY(egi_notices) link;
};

static inline bool egi_notices_is_full(const struct egi_notices *page)
{
	return page->taken == EGI_NOTICES_FULL;
}

/* The thread shows a post on a page of its own that has room. Returns its place. */
static inline int egi_notices_show(struct egi_notices *page, struct egi_post *post)
{
	uint64_t taken = page->taken;
	int at = __builtin_ctzll(~taken);

	/* [N4] release: what the post belongs to, before the notice of it; pairs with [N3]. */
	egi_store_release_ptr(&page->shown[at], post);
	egi_store_relaxed_u64(&page->taken, taken | (taken + 1)); /* the lowest bit that is not set */
	egi_store_relaxed_u64(&page->given, page->given + 1);
	return at;
}

/* The thread takes one of its own away. Returns whether the page was full. */
static inline bool egi_notices_hide(struct egi_notices *page, int at)
{
	uint64_t taken = page->taken;

	/* [N5] nothing is ordered: who sees it looks at nothing. */
	egi_store_release_ptr(&page->shown[at], NULL);
	egi_store_relaxed_u64(&page->taken, taken & ~(UINT64_C(1) << at));
	return taken == EGI_NOTICES_FULL;
}

/* Walks the posts shown on a page, by anybody who holds the crew's lock. A walk starts as {page, taken}. */
struct egi_notices_walk {
	struct egi_notices *page;
	uint64_t left;
};

static inline struct egi_notices_walk egi_notices_walk(struct egi_notices *page)
{
	/* [N6] nothing is ordered: what has to be seen is seen behind [N2]. */
	return (struct egi_notices_walk){page, egi_load_acquire_u64(&page->taken)};
}

static inline struct egi_post *egi_notices_next(struct egi_notices_walk *walk)
{
	while (walk->left != 0) {
		int at = __builtin_ctzll(walk->left);
		/* [N3] acquire: pairs with [N4]. */
		struct egi_post *post = egi_load_acquire_ptr(&walk->page->shown[at]);

		walk->left &= walk->left - 1;
		if (post)
			return post;
	}
	return NULL;
}

#endif
