/* SPDX-License-Identifier: MIT */
#ifndef EGI_GROUP_VISIT_H
#define EGI_GROUP_VISIT_H

/*
 * A visit: a thread comes to a group, runs tasks there, and leaves. Members of the crew come because a request was posted,
 * waiters to wait, submitters when there is no room and nobody else to make some. What a thread has taken and must give
 * back stands on its ticket:
 *
 *   nothing        the group may be gone
 *   inside         it is a holder: the state stays until it has left
 *   inside, placed it has one of the places under the limit, besides
 *   alone          it is the owner of a biased group, in a section: nobody else is there, or comes before it has left
 */

#include "runtime/group/state.h"

struct egi_ticket {
	struct eg_group_state *state;
	bool inside;
	bool placed;
	bool alone;
	bool answers; /* it came for a request, which was taken down for it: submitters relied on that */
};

/*
 * Comes as the owner of a group that may be biased, and runs all its tasks. Afterwards the ticket is that of a thread alone,
 * and everything is done; or, if others have come meanwhile, of one inside; or it is empty: the group is not biased.
 *
 * Return: 0; with an empty ticket EG_EINSIDE, when called from a task of the group, or EG_EFORKED.
 */
int egi_visit_alone(struct egi_ticket *ticket);

/* Comes inside with an empty ticket, and takes a place if there is one and it is wanted. */
void egi_visit_enter(struct egi_ticket *ticket, bool wants_place);

/*
 * Runs tasks with the ticket's place until there are none, or no place any more, and gives the place up. What was submitted
 * just then is not left over. False in a forked child: the group is dead, and the ticket with it.
 */
bool egi_visit_run(struct egi_ticket *ticket);

/* Gives back what is on the ticket. Nothing of the state may be touched afterwards. */
void egi_visit_leave(struct egi_ticket *ticket);

/*
 * The whole of it but for leaving, for a thread of the crew: a request was taken down for it, by egi_gate_answer, with which
 * it has come inside and has a place. It is still inside afterwards, unless this is a forked child.
 */
void egi_visit_serve(struct eg_group_state *state);

/* The whole of it, for a thread that is not inside: a submitter that would wait for room which no other thread can make. */
void egi_visit_help(struct eg_group_state *state);

#endif
