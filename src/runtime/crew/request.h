/* SPDX-License-Identifier: MIT */
#ifndef EGI_CREW_POST_H
#define EGI_CREW_POST_H

/*
 * A post: how a group asks for a thread, and what the crew asks of the group in turn.
 */

#include <sys/queue.h>

#include "runtime/crew/notices.h"

enum egi_post_look {
	EGI_POST_DONE,   /* nothing to do: take the post down */
	EGI_POST_MOVING, /* tasks wait, and are being started */
	EGI_POST_SLOW,   /* the same, and a CPU is idle and may as well be used */
	EGI_POST_STUCK   /* tasks wait, and none was started or ended since the last look */
};

enum egi_post_glance {
	EGI_POST_NOTHING, /* no task waits that the group's own thread is not about to take */
	EGI_POST_NEW,     /* tasks wait, in a group not seen before */
	EGI_POST_OLD      /* tasks wait, as they did before */
};

enum egi_post_adoption {
	EGI_POST_ADOPTED, /* the group is posted: it belongs on the board */
	EGI_POST_LEFT,    /* it is on the board, or no thread may come, or the group is no more */
	EGI_POST_BUSY     /* its own thread is in the middle of something: try again */
};

struct egi_post {
	const struct egi_post_customer *customer;

	/* under the crew's lock */
	bool on_board;
	bool is_urgent;
	int64_t moved_at; /* when it was last seen to move, or was posted */
	TAILQ_ENTRY(egi_post) link;

	/* where it is shown: written by the thread whose notices they are, or under the crew's lock */
	struct egi_notices *shown_in;
	uint64_t shown_by; /* the thread, by its id */
	int shown_at;
};

/*
 * What a group does for the crew. All but `serve` and `leave` are called with the crew's lock held: they must be short
 * and may take no lock.
 */
struct egi_post_customer {
	/* The post comes off the board; takes a place for the calling thread to serve. False: no place is free. */
	bool (*enlist)(struct egi_post *post);
	/* How the group fares; `spare_cpu` says that a CPU may be idle. */
	enum egi_post_look (*look)(struct egi_post *post, bool spare_cpu);
	/* The post comes off the board unserved because nothing waits. True: it was a mistake, put it back. */
	bool (*retire)(struct egi_post *post);
	/* No thread can be had for the post: whoever waits for the group should help. */
	void (*abandon)(struct egi_post *post);
	/* Works for the group until there is nothing to do, and leaves the place. */
	void (*serve)(struct egi_post *post);
	/* Afterwards: the group may be gone when this returns. */
	void (*leave)(struct egi_post *post);
	/* Whether nothing is left to do in the group, so that those who serve it will leave soon. Not after `leave`. */
	bool (*is_over)(struct egi_post *post);
	/* How a group fares that is shown and not posted. It may have been destroyed, and another made in its place. */
	enum egi_post_glance (*glance)(struct egi_post *post);
	/* Has such a group marked as posted. */
	enum egi_post_adoption (*adopt)(struct egi_post *post);
};

#endif
