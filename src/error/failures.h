/* SPDX-License-Identifier: MIT */
#ifndef EGI_ERROR_FAILURES_H
#define EGI_ERROR_FAILURES_H

/*
 * The errors of a group: the first by arrival, which never changes, the first few of all, and how many there
 * were.
 */

#include <limits.h>

#include "error/error.h"
#include "os/mutex.h"

struct egi_failures {
	eg_error *first; /* written once */
	uint64_t total;
	uint64_t skipped;      /* of these: tasks that never started */
	struct egi_mutex lock; /* for what follows */
	eg_error **kept;       /* kept[0] is the first; NULL while only that one is kept */
	size_t kept_count, kept_room;
	uint64_t kept_max;
};

void egi_failures_init(struct egi_failures *failures);
void egi_failures_finish(struct egi_failures *failures);

/* Forgets what there is, while nobody else uses it. */
void egi_failures_forget(struct egi_failures *failures);

/* There is nothing: how many errors to keep from now on; UINT_MAX: all. */
static inline void egi_failures_keep(struct egi_failures *failures, unsigned collect)
{
	failures->kept_max = collect == UINT_MAX ? UINT64_MAX : collect ? collect : 1;
}

/*
 * Records an error, which it takes over, and returns its number: the first is 1, and no two have the same. Without memory to
 * keep one that is not the first, it is still counted.
 */
uint64_t egi_failures_add(struct egi_failures *failures, eg_error *error);

/* The first error, or NULL. */
eg_error *egi_failures_first(const struct egi_failures *failures);

/* Whether another error would be kept; if not, egi_failures_count is all that it needs. Returns the last one's number. */
bool egi_failures_wants(const struct egi_failures *failures);
uint64_t egi_failures_count(struct egi_failures *failures, uint64_t count);

/* Copies up to `max` of the errors kept, borrowed, and returns how many it copied. */
size_t egi_failures_list(struct egi_failures *failures, size_t max, eg_error **ret_errors);

/* How many errors there were in all. */
uint64_t egi_failures_total(const struct egi_failures *failures);

/* Of errors that were added or counted just before: so many are tasks that never started. And how many that is in all. */
void egi_failures_skip(struct egi_failures *failures, uint64_t count);
uint64_t egi_failures_skipped(const struct egi_failures *failures);

#endif
