/* SPDX-License-Identifier: MIT */
#ifndef EGI_CREW_BOARD_H
#define EGI_CREW_BOARD_H

/*
 * The board of the posts that wait for a thread, and the list of all threads' notices. Everything is under the
 * crew's lock, which is here.
 */

#include "os/thread.h"
#include "runtime/crew/request.h"

struct egi_board {
	struct egi_mutex lock;
	TAILQ_HEAD(egi_posts, egi_post) posted; /* urgent ones first */
	TAILQ_HEAD(egi_notices_list, egi_notices) notices;
	int posts;
	int urgent; /* those of them that want a thread beyond the CPUs */
	struct egi_post
	    *stuck;    /* of those that the last look found stuck, the one that has been so for longest */
	uint64_t scan; /* how many times all notices have been looked at */
	bool is_scanning;
};

extern EGI_HIDDEN struct egi_board egi_board;

void egi_board_add(struct egi_post *post);
void egi_board_remove(struct egi_post *post);
void egi_board_make_urgent(struct egi_post *post);

/* Takes a post off the board for the calling thread to serve; without `any`, an urgent one. NULL if no post has a place. */
struct egi_post *egi_board_enlist(bool any);

/*
 * The sentinel's round: takes down what is done, notes what is stuck, and returns a post to serve, enlisted, or NULL.
 * `spare_cpu`: a CPU may be idle; `may_serve`: any group may have one more thread.
 */
struct egi_post *egi_board_look(bool spare_cpu, bool may_serve, int64_t now);

/* Enlists the calling thread with the group that has been stuck for longest. NULL if it is no more. */
struct egi_post *egi_board_enlist_stuck(void);

/* Tells those who wait for the posted groups that no thread can be had. */
void egi_board_abandon_all(void);

void egi_board_add_notices(struct egi_notices *page);

/*
 * The sentinel's look at the notices: puts on the board what has been waiting since the look before, if a thread may serve
 * it or the thread that shows it seems to be stuck. `*ret_active`: notices were given since then. `*ret_waiting`: tasks
 * wait in what is shown.
 */
void egi_board_look_at_notices(bool may_serve, bool *ret_active, bool *ret_waiting);

/* Whether there is anything to do: a group on the board that is not done, or tasks that wait in what is shown. */
bool egi_board_has_work(void);

/*
 * Whether tasks wait in what is shown and not on the board. The lock is given up meanwhile; one thread at a time.
 */
bool egi_board_is_shown_waiting(void);

/*
 * Puts on the board whatever tasks wait in. False if a group could not be adopted just now and should be looked at again.
 */
bool egi_board_adopt_all(void);

/* Puts on the board what a thread shows, which ends or whose notices go. */
void egi_board_drop_notices(struct egi_notices *page);

/* In a forked child: nothing is posted, and only the calling thread's notices are left, empty. */
void egi_board_start_child(struct egi_notices *pages);

#endif
