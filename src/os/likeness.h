/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_LIKENESS_H
#define EGI_OS_LIKENESS_H

/*
 * A thread inherits from the one that starts it what Linux keeps for each thread: CPUs, scheduling, name, identity, and
 * so on. The library's threads serve the whole process, and which thread of the program happened to start them is
 * chance. So they are made to be like the process, which is: like its main thread now. taskset, nice and chrt on a
 * program act on that one, or on it first.
 *
 * What cannot be undone stays, and errgroup(7) says what that is.
 */

#include "os/process.h"

/*
 * Makes the calling thread, which has just been started by a thread that is not the main one, like the process.
 *
 * @ret_blocked  the signals that the main thread blocks; untouched if they are not known
 * Return: false if something stays that is known to be the other thread's.
 */
bool egi_likeness_take(egi_signals *ret_blocked);

/* The main thread's timer slack; 0 if the kernel does not tell. */
uint64_t egi_likeness_slack_ns(void);

#endif
