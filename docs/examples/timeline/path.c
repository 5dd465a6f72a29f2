/* SPDX-License-Identifier: MIT */
/*
 * The outermost spans are sorted by their ends, and each step back is a search in these. As only spans that took time are
 * there, each step leads to an earlier one.
 */

#include "path.h"

#include <errno.h>
#include <stdlib.h>

#define TOLERANCE 1000 /* this part of the run */

static int compare_ends(const void *first, const void *second, void *arg)
{
	const struct span *spans = arg, *a = &spans[*(const uint32_t *)first],
			  *b = &spans[*(const uint32_t *)second];

	if (a->end_ns != b->end_ns)
		return a->end_ns < b->end_ns ? -1 : 1;
	/* Of those that end together the longest is the last; which of several is no matter, but always the same. */
	if (a->begin_ns != b->begin_ns)
		return a->begin_ns > b->begin_ns ? -1 : 1;
	return a < b ? 1 : -1;
}

static bool is_candidate(const struct span *span)
{
	return span->row == 0 && !span->is_instant && span->end_ns > span->begin_ns;
}

static size_t collect(const struct spans *spans, uint32_t *ends)
{
	size_t count = 0;

	for (size_t i = 0; i < spans->count; i++)
		if (is_candidate(&spans->items[i]))
			ends[count++] = (uint32_t)i;
	qsort_r(ends, count, sizeof(*ends), compare_ends, spans->items);
	return count;
}

/* The one that ended last in the same lane, if that was just before. */
static uint32_t previous_in_lane(const struct spans *spans, uint32_t from)
{
	const struct span *span = &spans->items[from];
	size_t first = spans->lanes[span->lane].first;
	int64_t most = (spans->end_ns - spans->begin_ns) / TOLERANCE;

	for (size_t i = from; i-- > first;) {
		const struct span *before = &spans->items[i];

		if (is_candidate(before))
			return before->end_ns <= span->begin_ns && span->begin_ns - before->end_ns <= most
				   ? (uint32_t)i
				   : SPAN_NONE;
	}
	return SPAN_NONE;
}

/* The one that ended last of all, not behind this moment. */
static uint32_t last_before(const struct spans *spans, const uint32_t *ends, size_t count, int64_t when_ns)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (spans->items[ends[middle]].end_ns <= when_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low > 0 ? ends[low - 1] : SPAN_NONE;
}

int path_find(struct spans *spans, struct path *ret_path)
{
	uint32_t *ends = malloc((spans->count + 1) * sizeof(*ends));
	uint32_t *chain = malloc((spans->count + 1) * sizeof(*chain));
	struct path path = {.spans = chain};
	size_t count;
	uint32_t next;

	if (ends == NULL || chain == NULL) {
		free(ends);
		free(chain);
		return -ENOMEM;
	}
	count = collect(spans, ends);
	next = count > 0 ? ends[count - 1] : SPAN_NONE;
	while (next != SPAN_NONE) {
		struct span *span = &spans->items[next];

		span->is_on_path = true;
		path.busy_ns += span->end_ns - span->begin_ns;
		chain[path.count++] = next;
		next = previous_in_lane(spans, next);
		if (next == SPAN_NONE)
			next = last_before(spans, ends, count, span->begin_ns);
	}
	free(ends);
	for (size_t i = 0; i < path.count / 2; i++) {
		uint32_t swapped = chain[i];

		chain[i] = chain[path.count - 1 - i];
		chain[path.count - 1 - i] = swapped;
	}
	*ret_path = path;
	return 0;
}

void path_free(struct path *path)
{
	free(path->spans);
}
