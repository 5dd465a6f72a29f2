/* SPDX-License-Identifier: MIT */
#ifndef EGI_OS_PAUSE_H
#define EGI_OS_PAUSE_H

/*
 * A turn in a loop that waits for what another thread is about to do, within an instant unless it has lost its CPU. That may
 * be to the caller: to yield does not help a thread of lower priority. So the first turns spin, the next yield, and the
 * others sleep, from 20 us up to a millisecond. `*turns` is 0 before the first.
 */
void egi_pause(unsigned *turns);

#endif
