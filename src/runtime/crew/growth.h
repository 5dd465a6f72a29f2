/* SPDX-License-Identifier: MIT */
#ifndef EGI_CREW_GROWTH_H
#define EGI_CREW_GROWTH_H

/*
 * When a group in which nothing starts gets a thread beyond the CPUs.
 *
 * At once, if fewer of the crew's threads compute than there are CPUs: the others are blocked in tasks, and as long as tasks
 * wait behind them more threads are what they are waiting for. Otherwise another thread would only take its part of the
 * CPUs from the others. But tasks may also wait for one another by spinning, so the group gets one when it has been stuck
 * for 10 ms, twice as long for every two threads that compute beyond the CPUs. A group whose tasks compute for a time T
 * before one of them ends so has at most about 2 log2(T / 10 ms) threads more than there are CPUs, however long it runs, and
 * however many other processes run beside it.
 *
 * Everything is under the crew's lock.
 */

#include "os/compiler.h"

/* The sentinel looks: whether the process has kept all its CPUs busy since its last look. */
void egi_growth_look(int64_t now);

/* Whether a CPU seems to be idle that the crew may use. */
bool egi_growth_has_spare_cpu(void);

/* Whether the group that the board notes as stuck is to have one more thread. The lock may be given up meanwhile. */
bool egi_growth_is_due(int64_t now);

#endif
