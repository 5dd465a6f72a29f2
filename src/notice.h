/* SPDX-License-Identifier: MIT */
#ifndef EGI_NOTICE_H
#define EGI_NOTICE_H

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
 * A thread's notices are its own to write. Others may take one away, or walk them all, under the crew's lock. What a
 * notice points to stays memory of its kind for as long as the lock is held, even when the group is gone.
 */

#include <sys/queue.h>

#include "atomic.h"

/* Groups within groups, in one thread, before one more has to call the crew for itself. */
#ifndef EGI_NOTICES_MAX
#define EGI_NOTICES_MAX 64
#endif

struct egi_post;

struct egi_notices {
	/* the thread's; read by the crew */
	EGI_ALIGNED struct egi_post *shown[EGI_NOTICES_MAX]; /* NULL: free */
	uint64_t given;                                      /* how many there have ever been */

	/* the thread's */
	unsigned top; /* where the next one probably goes: nested groups come and go as on a stack */

	/* under the crew's lock */
	EGI_ALIGNED uint64_t given_seen;
	TAILQ_ENTRY(egi_notices) link;
};

static inline bool egi_notices_is_free(const struct egi_notices *notices, unsigned at)
{
	const struct egi_post *post = egi_load_relaxed_ptr(&notices->shown[at]);

	return post == NULL;
}

/* The calling thread shows a post. Returns its place, or -1 without room. */
static inline int egi_notices_show(struct egi_notices *notices, struct egi_post *post)
{
	unsigned at = notices->top;

	if (EGI_UNLIKELY(at == EGI_NOTICES_MAX || !egi_notices_is_free(notices, at))) {
		for (at = 0; at < EGI_NOTICES_MAX; at++)
			if (egi_notices_is_free(notices, at))
				break;
		if (at == EGI_NOTICES_MAX)
			return -1;
	}
	/* [N4] release: what the post belongs to, before the notice of it; pairs with [N3]. */
	egi_store_release_ptr(&notices->shown[at], post);
	egi_store_relaxed_u64(&notices->given, notices->given + 1);
	notices->top = at + 1;
	return (int)at;
}

/* The calling thread takes one of its own away. */
static inline void egi_notices_hide(struct egi_notices *notices, int at)
{
	egi_store_release_ptr(&notices->shown[at], NULL);
	notices->top = (unsigned)at;
}

#endif
