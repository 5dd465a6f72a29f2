/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_IDENTITY_H
#define EGI_OS_IDENTITY_H

/*
 * As whom a thread acts: user, groups and capabilities. The C library's setuid and the like change them for the whole
 * process; system calls made directly, capset and setfsuid change the calling thread's alone, as file servers do to act
 * for a client, and threads that are started meanwhile inherit it.
 */

#include "os/status.h"

/*
 * Gives the calling thread, which inherited another's identity, that of the main thread.
 *
 * Blocks every signal meanwhile, those of the C library included, by which it has all threads change theirs:
 *
 *     this thread                             a thread that calls seteuid
 *     sees that the main thread is root
 *                                             has this thread give it up
 *     takes it up again: as the main thread
 *                                             has the main thread give it up, and itself
 *
 * Blocked, it gives it up afterwards.
 *
 * Return: false if the kernel does not let it.
 */
bool egi_identity_take(struct egi_status *main_thread, struct egi_status *own);

#endif
