/* SPDX-License-Identifier: MIT */
/*
 * A group's errors: see failures.h.
 *
 * The first one has a place of its own, which is written once, so that it is read without the lock. The ones after it are
 * in an array that grows under the lock, and whose first place stays empty. Counting needs no lock: once no more are
 * kept, an error is a number.
 *
 * The first error is there before it is counted: whoever is told of errors by their number finds it.
 */
#include "error/failures.h"

#include <stdlib.h>

#include "os/annotate.h"
#include "os/atomic.h"

void egi_failures_init(struct egi_failures *failures)
{
	egi_mutex_init(&failures->lock);
	failures->first = NULL;
	failures->kept = NULL;
	failures->total = failures->skipped = 0;
	failures->kept_count = failures->kept_room = 0;
	failures->kept_max = 1;
}

void egi_failures_forget(struct egi_failures *failures)
{
	/* What is only counted comes after the first, which is kept. */
	if (!failures->first)
		return;
	eg_error_unref(failures->first);
	for (size_t i = 1; i < failures->kept_count; i++)
		eg_error_unref(failures->kept[i]);
	free(failures->kept);
	failures->first = NULL;
	failures->kept = NULL;
	failures->total = failures->skipped = 0;
	failures->kept_count = failures->kept_room = 0;
}

void egi_failures_finish(struct egi_failures *failures)
{
	egi_failures_forget(failures);
	egi_mutex_finish(&failures->lock);
}

/* Under lock. */
static bool kept_grow(struct egi_failures *failures)
{
	size_t room = failures->kept_room ? failures->kept_room * 2 : 8;
	eg_error **kept = reallocarray(failures->kept, room, sizeof(eg_error *));

	if (!kept)
		return false;
	failures->kept = kept;
	failures->kept_room = room;
	return true;
}

uint64_t egi_failures_add(struct egi_failures *failures, eg_error *error)
{
	bool is_first, keep;
	uint64_t number;

	egi_annotate_release(failures);
	egi_mutex_lock(&failures->lock);
	is_first = !failures->first;
	keep = failures->kept_count < failures->kept_max;
	if (keep && !is_first)
		keep = failures->kept_count < failures->kept_room || kept_grow(failures);
	if (keep && !is_first)
		failures->kept[failures->kept_count] = error;
	if (keep)
		failures->kept_count++;
	/* The error before the pointer, for those who read it without the lock. */
	if (is_first)
		egi_store_release_ptr(&failures->first, error); /* [F1] release: pairs with [F2] */
	/* [F3] full: the first before its number; pairs with [F4]. */
	number = egi_add_u64(&failures->total, 1) + 1;
	egi_mutex_unlock(&failures->lock);
	if (!keep)
		eg_error_unref(error);
	return number;
}

eg_error *egi_failures_first(const struct egi_failures *failures)
{
	/* [F2] acquire: pairs with [F1]. */
	eg_error *first = egi_load_acquire_ptr(&failures->first);

	if (first)
		egi_annotate_acquire(failures);
	return first;
}

bool egi_failures_wants(const struct egi_failures *failures)
{
	return egi_load_relaxed_u64(&failures->total) < failures->kept_max;
}

uint64_t egi_failures_count(struct egi_failures *failures, uint64_t count)
{
	return egi_add_u64(&failures->total, count) +
	       count; /* [F3] full: pairs with itself, in egi_failures_add */
}

size_t egi_failures_list(struct egi_failures *failures, size_t max, eg_error **ret_errors)
{
	size_t count;

	egi_mutex_lock(&failures->lock);
	count = failures->kept_count < max ? failures->kept_count : max;
	for (size_t i = 0; i < count; i++)
		ret_errors[i] = i == 0 ? failures->first : failures->kept[i];
	egi_mutex_unlock(&failures->lock);
	return count;
}

uint64_t egi_failures_total(const struct egi_failures *failures)
{
	return egi_load_acquire_u64(&failures->total); /* [F4] acquire: pairs with [F3] */
}

void egi_failures_skip(struct egi_failures *failures, uint64_t count)
{
	egi_add_u64(&failures->skipped, count); /* [I1] full: behind the total; pairs with [I2] */
}

uint64_t egi_failures_skipped(const struct egi_failures *failures)
{
	return egi_load_acquire_u64(&failures->skipped); /* [I2] acquire: before the total; pairs with [I1] */
}
