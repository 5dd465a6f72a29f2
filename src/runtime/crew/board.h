/* SPDX-License-Identifier: MIT */
#ifndef EGI_CREW_BOARD_H
#define EGI_CREW_BOARD_H

/*
 * The board: the requests that wait for a thread, urgent ones first. Everything is under the crew's lock, which is here.
 */

#include "os/mutex.h"
#include "runtime/crew/request.h"

struct egi_board {
	struct egi_mutex lock;
	TAILQ_HEAD(egi_requests, egi_request) requests;
	int posted; /* how many these are */
	int urgent; /* and how many of them are */
	struct egi_request
	    *stuck; /* of those that the last look found stuck, the one that has been so for longest */
};

extern EGI_HIDDEN struct egi_board egi_board;

/* Puts a request on the board, or has one that is there be urgent. */
void egi_board_post(struct egi_request *request, bool urgent, int64_t now);

/* Takes it down if it is there. */
void egi_board_take_down(struct egi_request *request);

/* The request whose turn it is; without `any`, if it is urgent. NULL if there is none. */
struct egi_request *egi_board_first(bool any);

/* It has had its turn. */
void egi_board_rotate(struct egi_request *request);

/* Nothing moves in its group. */
void egi_board_note_stuck(struct egi_request *request);

/* Wakes those who wait for what is posted: no thread can be had. */
void egi_board_abandon_all(void);

/* In a forked child: nothing is posted. */
void egi_board_start_child(void);

#endif
