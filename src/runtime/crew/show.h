/* SPDX-License-Identifier: MIT */
#ifndef EGI_CREW_SHOW_H
#define EGI_CREW_SHOW_H

/*
 * The light way of a thread to ask for help with a group: a notice (notices.h), which is enough while the crew is
 * watching.
 */

#include "runtime/crew/request.h"

/* Shows a post in the calling thread's notices. False if it cannot be shown: then the crew has to be called. */
bool egi_announce_show(struct egi_post *post);

/* Hides it again. Threads: any. Afterwards the crew comes to it through the board only. */
void egi_announce_hide(struct egi_post *post);

/* The calling thread ends. */
void egi_announce_exit_thread(void);

#endif
