/* SPDX-License-Identifier: MIT */
/*
 * Errors are alike if they read the same, as a line. There may be a million that are, so they are found by a hash of their
 * lines; each line is made again when it is compared, or printed, rather than kept. Without memory for that the first few
 * are printed, each for itself.
 */
#include "error/report.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "error/line.h"

#define FEW 64

/* Errors that are alike, in the order in which the first of each arrived. */
struct alike {
	const eg_error *error;
	uint64_t hash;
	size_t count;
};

struct report {
	struct alike *alike;
	size_t alike_count;
	size_t *
	    table; /* numbers of `alike` from 1 by hash, 0 where there is none; a power of two, and not half full */
	size_t table_size;
};

static uint64_t hash_of(const char *line, size_t size)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)line[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static bool is_alike(const struct alike *alike, uint64_t hash, const char *line)
{
	char other[EGI_LINE_SIZE];

	if (alike->hash != hash)
		return false;
	egi_line_make(alike->error, other);
	return strcmp(other, line) == 0;
}

static void report_add(struct report *report, const eg_error *error)
{
	char line[EGI_LINE_SIZE];
	size_t size = egi_line_make(error, line);
	uint64_t hash = hash_of(line, size);
	size_t at = (size_t)(hash ^ hash >> 32) & (report->table_size - 1);

	for (; report->table[at] != 0; at = (at + 1) & (report->table_size - 1)) {
		struct alike *alike = &report->alike[report->table[at] - 1];

		if (is_alike(alike, hash, line)) {
			alike->count++;
			return;
		}
	}
	report->alike[report->alike_count++] = (struct alike){error, hash, 1};
	report->table[at] = report->alike_count;
}

static bool print_one(FILE *stream, const eg_error *error, size_t count)
{
	char line[EGI_LINE_SIZE], before[32] = "";

	egi_line_make(error, line);
	if (count > 1)
		snprintf(before, sizeof(before), "%zu times: ", count);
	return egi_line_write(stream, before, line);
}

/* The errors, sorted out. False without memory for it, with nothing printed. */
static bool print_sorted(FILE *stream, eg_error **errors, size_t count, bool *ret_written)
{
	struct report report = {.table_size = 16};

	while (report.table_size / 2 < count)
		report.table_size *= 2;
	report.alike = calloc(count, sizeof(*report.alike));
	report.table = calloc(report.table_size, sizeof(*report.table));
	if (report.alike && report.table) {
		for (size_t i = 0; i < count; i++)
			report_add(&report, errors[i]);
		for (size_t i = 0; i < report.alike_count && *ret_written; i++)
			*ret_written = print_one(stream, report.alike[i].error, report.alike[i].count);
	}
	free(report.alike);
	free(report.table);
	return report.alike_count > 0;
}

static bool print_rest(FILE *stream, uint64_t rest)
{
	char line[64];

	if (rest == 0)
		return true;
	snprintf(line, sizeof(line), "%" PRIu64 " more error%s", rest, rest == 1 ? "" : "s");
	return egi_line_write(stream, "", line);
}

static bool report_print(struct egi_failures *failures, FILE *stream)
{
	uint64_t total = egi_failures_total(failures);
	eg_error *few[FEW];
	/* As many as there were by then: later ones are for the next report. */
	size_t max = total < failures->kept_max ? (size_t)total : (size_t)failures->kept_max, count;
	eg_error **errors = max > FEW ? reallocarray(NULL, max, sizeof(eg_error *)) : few;
	bool written = true;

	if (!errors) {
		errors = few;
		max = FEW;
	}
	count = egi_failures_list(failures, max, errors);
	if (count > 0 && !print_sorted(stream, errors, count, &written)) {
		count = count < FEW ? count : FEW;
		for (size_t i = 0; i < count && written; i++)
			written = print_one(stream, errors[i], 1);
	}
	if (errors != few)
		free(errors);
	return written && print_rest(stream, total - count);
}

int egi_report(struct egi_failures *failures, FILE *stream)
{
	bool written;
	int cancelable;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	flockfile(stream);
	written = report_print(failures, stream);
	funlockfile(stream);
	pthread_setcancelstate(cancelable, NULL);
	return written ? 0 : -EIO;
}
