/* SPDX-License-Identifier: MIT */
#ifndef EGI_BOARD_H
#define EGI_BOARD_H

/*
 * The board of the posts that wait for a thread, and the list of all threads' notices. Everything is under the
 * crew's lock.
 */

#include "post.h"

struct egi_board {
	TAILQ_HEAD(, egi_post) posted;
	TAILQ_HEAD(egi_notices_list, egi_notices) notices;
	int posts;
	int urgent; /* those of them that want a thread beyond the CPUs */
};

extern struct egi_board egi_board;

void egi_board_add(struct egi_post *post);
void egi_board_remove(struct egi_post *post);
void egi_board_make_urgent(struct egi_post *post);

/* Takes a post off the board for the calling thread to serve. NULL if no post has a place. */
struct egi_post *egi_board_enlist(void);

/*
 * The sentinel's round: takes down what is done, and returns a post to serve, enlisted, or NULL. `spare_cpu`: a CPU may be
 * idle; `may_serve`: also a group that moves may have one more thread.
 */
struct egi_post *egi_board_look(bool spare_cpu, bool may_serve);

/* Tells those who wait for the posted groups that no thread can be had. */
void egi_board_abandon_all(void);

enum egi_board_shown {
	EGI_BOARD_OLD, /* what the last look saw already */
	EGI_BOARD_ALL
};

/*
 * Looks at the notices, and puts on the board what tasks wait in. `*ret_active`: notices were given since the last look.
 * False if a group could not be adopted just now and should be looked at again.
 */
bool egi_board_adopt(enum egi_board_shown which, bool *ret_active);

/* Puts on the board what a thread shows, which ends or whose notices go. */
void egi_board_drop_notices(struct egi_notices *notices);

/* In a forked child: nothing is posted, and only the calling thread's notices are left, empty. */
void egi_board_start_child(struct egi_notices *notices);

#endif
