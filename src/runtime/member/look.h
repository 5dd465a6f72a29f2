/* SPDX-License-Identifier: MIT */
#ifndef EGI_MEMBER_LOOK_H
#define EGI_MEMBER_LOOK_H

/*
 * How the crew sees groups: by the board and by the notices. Everything is under the crew's lock, but for what a thread does
 * that ends.
 */

#include "runtime/crew/notices.h"
#include "runtime/group/state.h"

/* Takes a request down and a place in its group for the calling thread; without `any`, an urgent one. NULL if there is none. */
struct eg_group_state *egi_look_take(bool any);

/* The same with the group that has been stuck for longest. */
struct eg_group_state *egi_look_take_stuck(void);

/*
 * The sentinel's round of the board: takes down what is done, notes what is stuck, and returns a group with a place for the
 * calling thread, or NULL. `spare_cpu`: a CPU may be idle; `may_serve`: any group may have one more thread.
 */
struct eg_group_state *egi_look_at_board(bool spare_cpu, bool may_serve, int64_t now);

struct egi_notices_look {
	bool active;  /* notices were given since the look before */
	bool waiting; /* tasks wait in what is shown */
};

/*
 * The sentinel's look at the notices: posts what has been waiting since the look before, if a thread may serve it or the
 * thread that shows it seems to be stuck.
 */
struct egi_notices_look egi_look_at_notices(bool may_serve, int64_t now);

/* Whether tasks wait in what is shown and not posted. The lock is given up meanwhile; one thread at a time (egi_pages). */
bool egi_look_is_any_waiting(void);

/* Posts whatever is shown and has tasks waiting. False if a group could not be adopted just now and should be looked at again. */
bool egi_look_adopt_all(int64_t now);

/* Whether there is anything to do: a group on the board that is not done, or tasks that wait in what is shown. */
bool egi_look_has_work(void);

/* The calling thread ends: what it shows is posted. Without the lock. */
void egi_look_exit_thread(void);

#endif
