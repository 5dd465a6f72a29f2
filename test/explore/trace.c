/* SPDX-License-Identifier: MIT */
/*
 * A run told to a reader: a column for each thread, a line for each thing that one of them did, in the order
 * in which they did it. What came before explore_begin is left out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

#define RECORDS_MAX 40000
#define COLUMN 56
#define PRINTED_MAX 1500 /* lines: of a longer run, the end */

struct record {
	enum op op;
	unsigned thread;
	uint32_t step;
	unsigned size;
	const void *at;
	uint64_t value;
	const void *caller;
	const char *text;
	char where[40];
};

static struct record *records KEPT;
static unsigned records_count KEPT;
static unsigned marked KEPT; /* the record at which the telling begins */

static const char *const op_names[] = {
    [OP_LOAD] = "reads",
    [OP_READ] = "reads plainly",
    [OP_WRITE] = "writes plainly, over",
    [OP_STORE] = "writes",
    [OP_HOLD] = "writes, into its buffer,",
    [OP_RMW] = "changes",
    [OP_CAS_FAILS] = "finds changed",
    [OP_FENCE] = "fence",
    [OP_BARRIER] = "heavy fence",
    [OP_LOCK] = "locks",
    [OP_TRY_FAILS] = "finds locked",
    [OP_UNLOCK] = "unlocks",
    [OP_SLEEP] = "sleeps on",
    [OP_WOKEN] = "awake from",
    [OP_WAKE] = "wakes",
    [OP_CREATE] = "creates thread",
    [OP_JOIN] = "joins thread",
    [OP_BEGIN] = "-- begins",
    [OP_END] = "-- ends",
    [OP_TOUCH] = "**",
    [OP_STALL] = "stalls until",
    [OP_DRAIN] = "<- buffer reaches memory:",
    [OP_FIRE] = "deadline passes at",
    [OP_ALLOC] = "takes memory",
    [OP_FREE] = "gives back memory",
    [OP_BLOCKED] = "waits for lock",
};

void trace_init(void)
{
	records = malloc(RECORDS_MAX * sizeof(*records));
}

void trace_clear(void)
{
	records_count = marked = 0;
}

void trace_add(enum op op, const void *at, unsigned size, uint64_t value, const void *caller)
{
	struct record *record;

	if (records_count == RECORDS_MAX)
		return;
	record = &records[records_count++];
	*record = (struct record){op, machine.current, machine.step, size, at, value, caller, NULL, ""};
	/* Now, while the blocks are what they are. */
	if (at)
		names_describe(at, record->where, sizeof(record->where));
}

void trace_text(const char *text)
{
	if (records_count > 0)
		records[records_count - 1].text = text;
}

static void record_format(const struct record *record, const char *code, char *text, size_t size)
{
	const char *op = op_names[record->op];

	switch (record->op) {
	case OP_FENCE:
	case OP_BARRIER:
	case OP_BEGIN:
	case OP_END:
		snprintf(text, size, "%s  %s", op, code);
		break;
	case OP_CREATE:
	case OP_JOIN:
		snprintf(text, size, "%s %llu  %s", op, (unsigned long long)record->value, code);
		break;
	case OP_TOUCH:
		snprintf(text, size, "** %s %lld", record->text, (long long)record->value);
		break;
	case OP_STALL:
	case OP_FIRE:
		snprintf(text, size, "%s %.3f us  %s", op, (double)(record->value - 1000000000) / 1000, code);
		break;
	case OP_LOCK:
	case OP_UNLOCK:
	case OP_BLOCKED:
	case OP_TRY_FAILS:
	case OP_SLEEP:
	case OP_WOKEN:
	case OP_WAKE:
	case OP_FREE:
		snprintf(text, size, "%s %s  %s", op, record->where, code);
		break;
	default:
		snprintf(text, size, record->value < 100000 ? "%s %s = %llu  %s" : "%s %s = 0x%llx  %s", op,
			 record->where, (unsigned long long)record->value, code);
	}
}

void trace_mark(void)
{
	marked = records_count;
}

/* Threads with nothing to tell get no column. */
static void columns_lay(unsigned first, unsigned (*ret_columns)[THREADS_MAX])
{
	bool tells[THREADS_MAX] = {false};
	unsigned columns = 0;

	for (unsigned i = first; i < records_count; i++)
		tells[records[i].thread] = true;
	printf("#  point");
	for (unsigned thread = 0; thread < THREADS_MAX; thread++) {
		char title[COLUMN];

		if (!tells[thread])
			continue;
		snprintf(title, sizeof(title), thread ? "thread %u" : "main thread", thread);
		printf("  %-*s", COLUMN, title);
		(*ret_columns)[thread] = columns++;
	}
	putchar('\n');
}

void trace_print(void)
{
	unsigned first = records_count > marked + PRINTED_MAX ? records_count - PRINTED_MAX : marked;
	unsigned count = records_count - first;
	unsigned columns[THREADS_MAX];
	const void **callers = calloc(count + 1, sizeof(*callers));
	char(*names)[64] = calloc(count + 1, sizeof(*names));

	if (!callers || !names)
		abort();
	for (unsigned i = 0; i < count; i++)
		callers[i] = records[first + i].caller;
	names_of_code(callers, count, names);
	columns_lay(first, &columns);
	for (unsigned i = 0; i < count; i++) {
		const struct record *record = &records[first + i];
		char text[160];

		record_format(record, names[i], text, sizeof(text));
		printf("#  %5u  %*s%s\n", record->step, (int)(columns[record->thread] * (COLUMN + 2)), "",
		       text);
	}
	free(callers);
	free(names);
}
