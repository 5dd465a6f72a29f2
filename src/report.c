/* SPDX-License-Identifier: MIT */
/*
 * An error as text for a reader, written piece by piece to a stream or a buffer.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "error.h"
#include "symbolize.h"

/* Causes shown; a longer chain ends in a line that says so. */
#define CAUSES_MAX 64

struct sink {
	FILE *stream; /* or, if NULL: */
	char *buffer;
	size_t size;
	size_t length; /* of everything, kept or not */
	bool failed;
};

static void sink_write(void *arg, const char *text, size_t size)
{
	struct sink *sink = arg;

	if (sink->stream) {
		if (fwrite(text, 1, size, sink->stream) != size)
			sink->failed = true;
	} else if (sink->length < sink->size) {
		size_t room = sink->size - sink->length;

		memcpy(sink->buffer + sink->length, text, size < room ? size : room);
	}
	sink->length += size;
}

static void sink_text(struct sink *sink, const char *text)
{
	sink_write(sink, text, strlen(text));
}

static void __attribute__((format(printf, 2, 3))) sink_line(struct sink *sink, const char *format, ...)
{
	char line[256];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (length > 0)
		sink_write(sink, line, (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
}

static const char *kind_prefix(const eg_error *error)
{
	switch (eg_error_kind(error)) {
	case EG_ERROR_PANIC: /* the message says so itself */
	case EG_ERROR_FAULT:
		return "";
	case EG_ERROR_EXITED:
		return "exited: ";
	case EG_ERROR_SKIPPED:
		return "skipped: ";
	default:
		return "error: ";
	}
}

static void report_origin(struct sink *sink, const eg_error *error)
{
	const struct egi_backtrace *trace = egi_error_trace(error);
	int64_t index = eg_error_task_index(error);
	int slot = eg_error_worker_slot(error);

	if (index >= 0 && slot >= 0)
		sink_line(sink, "worker %d, task %" PRId64 "%s\n", slot, index, trace ? " [running]:" : "");
	else if (index >= 0)
		sink_line(sink, "task %" PRId64 ", not started\n", index);
	egi_symbolize_format(trace, sink_write, sink);
}

static void report_site(struct sink *sink, const struct eg_site *site)
{
	if (!site)
		return;
	sink_text(sink, "created by ");
	sink_text(sink, site->function);
	sink_text(sink, "\n\t");
	sink_text(sink, site->file);
	sink_line(sink, ":%" PRIu32 "\n", site->line);
}

static void report_one(struct sink *sink, const char *lead, const eg_error *error)
{
	sink_text(sink, lead);
	sink_text(sink, kind_prefix(error));
	sink_text(sink, eg_error_message(error));
	if (eg_error_kind(error) == EG_ERROR_RETURNED)
		sink_line(sink, " (%d)", eg_error_code(error));
	sink_text(sink, "\n");
	report_origin(sink, error);
	report_site(sink, eg_error_site(error));
}

static void report(struct sink *sink, const eg_error *error)
{
	const eg_error *cause = eg_error_cause(error);

	if (!error)
		return;
	report_one(sink, "", error);
	for (const eg_error *joined = eg_error_joined(error); joined; joined = eg_error_joined(joined))
		report_one(sink, "and then ", joined);
	for (int i = 0; cause && i < CAUSES_MAX; i++, cause = eg_error_cause(cause))
		report_one(sink, "caused by ", cause);
	if (cause)
		sink_text(sink, "caused by more errors\n");
}

int eg_error_print(const eg_error *error, FILE *stream)
{
	struct sink sink = {stream, NULL, 0, 0, false};

	if (!stream)
		return -EINVAL;
	flockfile(stream);
	report(&sink, error);
	funlockfile(stream);
	return sink.failed ? -EIO : 0;
}

size_t eg_error_format(const eg_error *error, char *buffer, size_t size)
{
	struct sink sink = {NULL, buffer, buffer && size ? size - 1 : 0, 0, false};

	report(&sink, error);
	if (buffer && size)
		buffer[sink.length < size - 1 ? sink.length : size - 1] = '\0';
	return sink.length;
}
