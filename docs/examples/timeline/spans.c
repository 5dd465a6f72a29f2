/* SPDX-License-Identifier: MIT */
/*
 * Spans are appended as they are read, and sorted when all are there. Within a lane those that begin earlier come first,
 * and of those that begin together the longest: so one that lies in another follows it.
 */

#include "spans.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void spans_free(struct spans *spans)
{
	texts_finish(&spans->texts);
	free(spans->items);
	free(spans->lanes);
	free(spans->lane_table);
	free(spans->processes);
	*spans = (struct spans){0};
}

/* Room for one more in an array. */
static int reserve(void **items, size_t count, size_t *size, size_t item_size)
{
	size_t grown = *size != 0 ? 2 * *size : 64;
	void *memory;

	if (count < *size)
		return 0;
	memory = reallocarray(*items, grown, item_size);
	if (memory == NULL)
		return -ENOMEM;
	*items = memory;
	*size = grown;
	return 0;
}

/*
 * Lanes
 */

static size_t lane_place(const struct spans *spans, uint32_t process, uint32_t thread)
{
	size_t mask = spans->lane_table_size - 1;
	size_t place =
	    (size_t)((process * UINT64_C(0x9e3779b97f4a7c15) + thread) * UINT64_C(0xd6e8feb86659fd93) >> 32) &
	    mask;

	for (;; place = (place + 1) & mask) {
		uint32_t number = spans->lane_table[place];

		if (number == 0 || (spans->lanes[number - 1].process == process &&
				    spans->lanes[number - 1].thread == thread))
			return place;
	}
}

static int lane_table_grow(struct spans *spans)
{
	size_t size = spans->lane_table_size != 0 ? 2 * spans->lane_table_size : 64;
	uint32_t *table = calloc(size, sizeof(*table));

	if (table == NULL)
		return -ENOMEM;
	free(spans->lane_table);
	spans->lane_table = table;
	spans->lane_table_size = size;
	for (size_t i = 0; i < spans->lane_count; i++)
		table[lane_place(spans, spans->lanes[i].process, spans->lanes[i].thread)] = (uint32_t)i + 1;
	return 0;
}

int spans_lane(struct spans *spans, uint32_t process, uint32_t thread, uint32_t *ret_lane)
{
	size_t place;

	if (spans->lane_last < spans->lane_count && spans->lanes[spans->lane_last].process == process &&
	    spans->lanes[spans->lane_last].thread == thread) {
		*ret_lane = spans->lane_last;
		return 0;
	}
	if (2 * spans->lane_count >= spans->lane_table_size && lane_table_grow(spans) != 0)
		return -ENOMEM;
	place = lane_place(spans, process, thread);
	if (spans->lane_table[place] == 0) {
		if (reserve((void **)&spans->lanes, spans->lane_count, &spans->lane_size,
			    sizeof(*spans->lanes)) != 0)
			return -ENOMEM;
		spans->lanes[spans->lane_count++] =
		    (struct lane){.process = process, .thread = thread, .open = SPAN_NONE};
		spans->lane_table[place] = (uint32_t)spans->lane_count;
	}
	*ret_lane = spans->lane_last = spans->lane_table[place] - 1;
	return 0;
}

static struct process *process_find(const struct spans *spans, uint32_t process)
{
	for (size_t i = 0; i < spans->process_count; i++)
		if (spans->processes[i].process == process)
			return &spans->processes[i];
	return NULL;
}

int spans_name_process(struct spans *spans, uint32_t process, uint32_t name)
{
	struct process *known = process_find(spans, process), *processes;

	if (known == NULL) {
		processes = reallocarray(spans->processes, spans->process_count + 1, sizeof(*processes));
		if (processes == NULL)
			return -ENOMEM;
		spans->processes = processes;
		known = &processes[spans->process_count++];
	}
	*known = (struct process){process, name};
	return 0;
}

uint32_t spans_process_name(const struct spans *spans, uint32_t process)
{
	const struct process *known = process_find(spans, process);

	return known != NULL ? known->name : 0;
}

/*
 * Spans
 */

int spans_add(struct spans *spans, const struct span *span)
{
	/* Numbers of spans have 32 bits. */
	if (spans->count >= SPAN_NONE)
		return -ENOMEM;
	if (reserve((void **)&spans->items, spans->count, &spans->size, sizeof(*spans->items)) != 0)
		return -ENOMEM;
	spans->items[spans->count++] = *span;
	return 0;
}

int spans_begin(struct spans *spans, const struct span *span)
{
	struct lane *lane = &spans->lanes[span->lane];
	struct span open = *span;

	open.is_open = true;
	open.end_ns = lane->open;
	if (spans_add(spans, &open) != 0)
		return -ENOMEM;
	lane->open = (uint32_t)spans->count - 1;
	return 0;
}

void spans_end(struct spans *spans, uint32_t lane, int64_t end_ns, uint32_t error)
{
	struct span *span;

	if (spans->lanes[lane].open == SPAN_NONE)
		return;
	span = &spans->items[spans->lanes[lane].open];
	spans->lanes[lane].open = (uint32_t)span->end_ns;
	span->is_open = false;
	span->end_ns = end_ns > span->begin_ns ? end_ns : span->begin_ns;
	if (error != 0)
		span->error = error;
}

/*
 * The order
 */

static int compare(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int compare_spans(const void *first, const void *second)
{
	const struct span *a = first, *b = second;
	int order = compare(a->lane, b->lane);

	if (order == 0)
		order = compare(a->begin_ns, b->begin_ns);
	return order != 0 ? order : compare(b->end_ns, a->end_ns);
}

/* Threads are mostly numbers: then by these, and else as texts. */
static int compare_texts(const struct spans *spans, uint32_t a, uint32_t b)
{
	const char *first = texts_get(&spans->texts, a), *second = texts_get(&spans->texts, b);
	char *first_end, *second_end;
	long long first_number = strtoll(first, &first_end, 10),
		  second_number = strtoll(second, &second_end, 10);

	if (*first != '\0' && *second != '\0' && *first_end == '\0' && *second_end == '\0')
		return compare(first_number, second_number);
	return strcmp(first, second);
}

static int compare_lanes(const void *first, const void *second, void *arg)
{
	const struct spans *spans = arg;
	const struct lane *a = &spans->lanes[*(const uint32_t *)first];
	const struct lane *b = &spans->lanes[*(const uint32_t *)second];
	int order = compare_texts(spans, a->process, b->process);

	if (order == 0)
		order = compare(a->order, b->order);
	if (order == 0)
		order = compare_texts(spans, a->thread, b->thread);
	return order;
}

/* Lanes in their order; those without anything in them are left out. */
static int order_lanes(struct spans *spans)
{
	uint32_t *order = malloc((spans->lane_count + 1) * 2 * sizeof(*order));
	uint32_t *places = order + spans->lane_count + 1;
	struct lane *lanes = malloc((spans->lane_count + 1) * sizeof(*lanes));
	size_t used = 0;

	if (order == NULL || lanes == NULL) {
		free(order);
		free(lanes);
		return -ENOMEM;
	}
	for (size_t i = 0; i < spans->count; i++)
		spans->lanes[spans->items[i].lane].count++;
	for (size_t i = 0; i < spans->lane_count; i++)
		if (spans->lanes[i].count > 0)
			order[used++] = (uint32_t)i;
	qsort_r(order, used, sizeof(*order), compare_lanes, spans);
	for (size_t i = 0; i < used; i++) {
		places[order[i]] = (uint32_t)i;
		lanes[i] = spans->lanes[order[i]];
	}
	for (size_t i = 0; i < spans->count; i++)
		spans->items[i].lane = places[spans->items[i].lane];
	free(spans->lanes);
	spans->lanes = lanes;
	spans->lane_count = used;
	free(order);
	return 0;
}

static void find_extent(struct spans *spans)
{
	spans->begin_ns = INT64_MAX;
	spans->end_ns = INT64_MIN;
	for (size_t i = 0; i < spans->count; i++) {
		const struct span *span = &spans->items[i];
		int64_t end_ns = span->is_open ? span->begin_ns : span->end_ns;

		if (span->begin_ns < spans->begin_ns)
			spans->begin_ns = span->begin_ns;
		if (end_ns > spans->end_ns)
			spans->end_ns = end_ns;
		spans->failed += span->error != 0 && !span->is_instant;
		spans->moments += span->is_instant;
	}
	if (spans->count == 0)
		spans->begin_ns = spans->end_ns = 0;
	for (size_t i = 0; i < spans->count; i++) {
		struct span *span = &spans->items[i];

		if (!span->is_open)
			continue;
		span->is_open = false;
		span->has_no_end = true;
		span->end_ns = spans->end_ns;
	}
}

/* How far a span may reach into the next one, since programs round times: then it ends where that begins. */
#define ROUNDED_NS 1000

/* Whether a span that has begun before another, and in the same lane, is over when that begins. */
static bool is_over(struct span *span, const struct span *next)
{
	if (span->end_ns > next->begin_ns && span->end_ns < next->end_ns &&
	    span->end_ns - next->begin_ns <= ROUNDED_NS)
		span->end_ns = next->begin_ns;
	return span->end_ns <= next->begin_ns;
}

/* Which spans of a lane lie in which. What lies deeper than there are rows is not remembered. */
static void nest(struct spans *spans, struct lane *lane)
{
	struct span *within[ROWS_MAX];
	int64_t busy_until = INT64_MIN;
	unsigned depth = 0;

	lane->rows = 1;
	for (size_t i = lane->first; i < lane->first + lane->count; i++) {
		struct span *span = &spans->items[i];

		if (span->is_instant)
			continue;
		while (depth > 0 && is_over(within[depth - 1], span))
			depth--;
		if (depth == ROWS_MAX)
			depth--;
		span->row = (uint8_t)depth;
		within[depth++] = span;
		if (depth > lane->rows)
			lane->rows = depth;
		if (span->end_ns > busy_until) {
			lane->busy_ns +=
			    span->end_ns - (span->begin_ns > busy_until ? span->begin_ns : busy_until);
			busy_until = span->end_ns;
		}
	}
}

int spans_finish(struct spans *spans)
{
	size_t first = 0;

	if (order_lanes(spans) != 0)
		return -ENOMEM;
	find_extent(spans);
	if (spans->count > 0)
		qsort(spans->items, spans->count, sizeof(*spans->items), compare_spans);
	for (size_t i = 0; i < spans->lane_count; i++) {
		spans->lanes[i].first = first;
		first += spans->lanes[i].count;
		nest(spans, &spans->lanes[i]);
	}
	return 0;
}
