/* SPDX-License-Identifier: MIT */
#ifndef EGI_QUEUE_SEGMENTS_H
#define EGI_QUEUE_SEGMENTS_H

/*
 * Large segments of the overflow arrays of all groups that are in use no more: kept for the next batch, because the
 * pages of fresh memory cost more than the tasks in them. A bounded number, given back when the process has been idle
 * for a while.
 */

#include "os/compiler.h"

/* Keeps a segment, from malloc and all of one size, instead of freeing it. False if enough are kept. */
bool egi_pool_put(void *segment);

/* A segment that was kept, or NULL. */
void *egi_pool_get(void);

/* Gives all that is kept back to the system. */
void egi_pool_drain(void);

/* For the fork handlers. */
void egi_pool_lock(void);
void egi_pool_unlock(void);

#endif
