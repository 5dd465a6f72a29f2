/* SPDX-License-Identifier: MIT */
#ifndef EGI_ERROR_CALL_SITE_H
#define EGI_ERROR_CALL_SITE_H

/*
 * Submitting call sites, numbered so that a task can carry one in 16 bits. A site is numbered when it first
 * submits and never forgotten; its strings are copied, so that the number stays good when the module that holds
 * the site is closed. What is known of a site is its id and nothing else: another may be at its address at any time.
 */

#include <errgroup/error.h>

#include "os/atomic.h"

/* The id of a site that came too late for a number, and the number of no site; in a task, its lower 16 bits. */
#define EGI_SITE_NONE UINT32_MAX

/* The slow part of egi_site_number: enters a site into the table. 0, no site's number, without memory. */
uint32_t egi_site_enter(struct eg_site *site);

static inline uint32_t egi_site_number(struct eg_site *site)
{
	uint32_t number;

	if (!site)
		return EGI_SITE_NONE;
	number = egi_load_acquire_u32(&site->id); /* [S2] acquire: pairs with [S1] */
	return EGI_LIKELY(number != 0) ? number : egi_site_enter(site);
}

/* The number of a call site that has entered the table, or could not for good. False if it has not tried. */
static inline bool egi_site_is_known(const struct eg_site *site, uint32_t *ret_number)
{
	*ret_number = egi_load_acquire_u32(&site->id); /* [S2] acquire: pairs with [S1] */
	return *ret_number != 0;
}

/* The site of a task's number, or NULL for that of none. Lives as long as the process. */
const struct eg_site *egi_site_find(uint32_t number);

/* For the fork handlers. */
void egi_site_lock(void);
void egi_site_unlock(void);

#endif
