/* SPDX-License-Identifier: MIT */
/*
 * An error as text for a reader, written piece by piece to a stream or a buffer.
 *
 * What is printed is a list: the error, what caused it, and what its deferred calls added, each followed by
 * its own causes. All of it together is at most TEXT_MAX bytes. An error takes what it needs of what is left,
 * but leaves a part for those that come after it; a message that is too long is cut, and a backtrace loses
 * frames of its middle. What could do something to a terminal is shown, not sent (os/text.h); a message may have
 * more lines than one.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>

#include "error/error.h"
#include "os/exception.h"
#include "os/text.h"
#include "trace/text.h"

#define TEXT_MAX 65535
#define ERRORS_MAX 64    /* shown; the rest is a line that says so */
#define ERROR_LEAST 4096 /* with less than this left, no error is begun */
#define REST_MAX 64      /* that line */
#define LINE_SIZE 256
#define SITE_NAME_MAX 512

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
		size_t written;

		/* The stream may be one of the program's own, by fopencookie. */
		EGI_CALL_PROGRAM(written = fwrite(text, 1, size, sink->stream));
		if (written != size)
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

/* Text from elsewhere, in at most `max` bytes as it is shown; "..." at its end where more was there. */
static void sink_shown(struct sink *sink, const char *text, bool has_lines, size_t max)
{
	size_t size = strlen(text), left = max - 3, length, taken;
	char piece[LINE_SIZE];

	do {
		length = egi_text_show(text, size, has_lines, piece,
				       left < sizeof(piece) ? left : sizeof(piece), &taken);
		sink_write(sink, piece, length);
		left -= length;
		text += taken;
		size -= taken;
	} while (taken > 0);
	length = egi_text_show(text, size, has_lines, piece, left + 3, &taken);
	if (taken == size)
		sink_write(sink, piece, length);
	else
		sink_text(sink, "...");
}

static void __attribute__((format(printf, 2, 3))) sink_line(struct sink *sink, const char *format, ...)
{
	char line[LINE_SIZE];
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (length > 0)
		sink_write(sink, line, (size_t)length < sizeof(line) ? (size_t)length : sizeof(line) - 1);
}

/*
 * The list of errors
 */

struct item {
	const eg_error *error;
	const char *lead;
	bool again; /* shown before: an error that is the cause of two */
};

struct list {
	unsigned count;
	bool more;
	struct item items[ERRORS_MAX];
};

static bool list_has(const struct list *list, const eg_error *error)
{
	for (unsigned i = 0; i < list->count; i++)
		if (list->items[i].error == error)
			return true;
	return false;
}

/* Errors form no circle, since each was there before what refers to it, but two may share a cause. */
static void list_fill(struct list *list, const eg_error *error)
{
	struct item pending[ERRORS_MAX + 1];
	unsigned depth = 0;

	list->count = 0;
	list->more = false;
	if (error)
		pending[depth++] = (struct item){error, "", false};
	while (depth > 0) {
		struct item item = pending[--depth];
		const eg_error *cause = eg_error_cause(item.error), *joined = eg_error_joined(item.error);

		if (list->count == ERRORS_MAX) {
			list->more = true;
			return;
		}
		/* Without memory, different errors may be the same value; such a one has nothing below it. */
		item.again = (cause || joined || egi_error_trace(item.error)) && list_has(list, item.error);
		list->items[list->count++] = item;
		/* Each round takes one off and is counted: there is room for all that ERRORS_MAX can add. */
		if (joined && !item.again)
			pending[depth++] = (struct item){joined, "and then ", false};
		if (cause && !item.again)
			pending[depth++] = (struct item){cause, "caused by ", false};
	}
}

/*
 * One error
 */

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

static void report_message(struct sink *sink, const struct item *item, size_t max)
{
	sink_text(sink, item->lead);
	sink_text(sink, kind_prefix(item->error));
	sink_shown(sink, eg_error_message(item->error), true, max);
	if (eg_error_kind(item->error) == EG_ERROR_RETURNED)
		sink_line(sink, " (%d)", eg_error_code(item->error));
	sink_text(sink, item->again ? ", shown above\n" : "\n");
}

static void report_origin(struct sink *sink, const eg_error *error)
{
	int64_t index = eg_error_task_index(error);
	int slot = eg_error_worker_slot(error);

	if (index >= 0 && slot >= 0)
		sink_line(sink, "worker %d, task %" PRId64 "%s\n", slot, index,
			  egi_error_trace(error) ? " [running]:" : "");
	else if (index >= 0)
		sink_line(sink, "task %" PRId64 ", not started\n", index);
}

static void report_site(struct sink *sink, const struct eg_site *site)
{
	if (!site)
		return;
	sink_text(sink, "created by ");
	sink_shown(sink, site->function, false, SITE_NAME_MAX);
	sink_text(sink, "\n\t");
	sink_shown(sink, site->file, false, SITE_NAME_MAX);
	sink_line(sink, ":%" PRIu32 "\n", site->line);
}

/* What an error takes besides its message and its backtrace, for each task that it comes from. */
#define AROUND_MAX (2 * SITE_NAME_MAX + LINE_SIZE)
_Static_assert(AROUND_MAX < ERROR_LEAST / 2, "an error that is begun has room for what is around it");

/* The error of which this is a repetition, so many tasks ago. */
static const eg_error *passed_before(const eg_error *error, unsigned times)
{
	while (times-- > 0)
		error = egi_error_passed(error);
	return error;
}

static unsigned passed_times(const eg_error *error)
{
	unsigned times = 0;

	while ((error = egi_error_passed(error)) != NULL)
		times++;
	return times;
}

/* The tasks that have passed an error on, `shown` of them: the first ones, after the one where it happened. */
static void report_passing(struct sink *sink, const eg_error *error, unsigned times, unsigned shown)
{
	for (unsigned i = 1; i <= shown; i++) {
		const eg_error *passed = passed_before(error, times - i);

		sink_line(sink, "passed on by worker %d, task %" PRId64 "\n", eg_error_worker_slot(passed),
			  eg_error_task_index(passed));
		report_site(sink, eg_error_site(passed));
	}
	if (shown < times)
		sink_line(sink, "passed on %u times more\n", times - shown);
}

/* An error in at most `budget` bytes, of which half is the backtrace's if there is one. */
static void report_one(struct sink *sink, const struct item *item, size_t budget)
{
	struct egi_frames frames = egi_frames_find(egi_error_trace(item->error), false);
	size_t count = item->again ? 0 : egi_frames_count(frames), begin = sink->length;
	unsigned times = passed_times(item->error);
	unsigned shown = times < budget / 4 / AROUND_MAX ? times : (unsigned)(budget / 4 / AROUND_MAX);
	const eg_error *origin = passed_before(item->error, times);

	budget -= AROUND_MAX * (shown + 1);
	report_message(sink, item, count > 0 ? budget / 2 : budget);
	if (item->again)
		return;
	report_origin(sink, origin);
	budget = begin + budget > sink->length ? begin + budget - sink->length : 0;
	egi_frames_format(frames, budget, sink_write, sink);
	report_site(sink, eg_error_site(origin));
	report_passing(sink, item->error, times, shown);
}

static void report(struct sink *sink, const struct list *list)
{
	for (unsigned i = 0; i < list->count; i++) {
		bool is_last = i + 1 == list->count && !list->more;
		size_t left = TEXT_MAX - REST_MAX - sink->length;

		if (left < ERROR_LEAST) {
			sink_text(sink, "...more errors not shown...\n");
			return;
		}
		report_one(sink, &list->items[i], is_last ? left : left / 4 * 3);
	}
	if (list->more)
		sink_text(sink, "...more errors not shown...\n");
}

/* Names are looked up before the stream is locked: others can write to it meanwhile. */
static void list_find_names(const struct list *list)
{
	for (unsigned i = 0; i < list->count; i++)
		if (!list->items[i].again)
			egi_frames_find(egi_error_trace(list->items[i].error), false);
}

int eg_error_print(const eg_error *error, FILE *stream)
{
	struct sink sink = {stream, NULL, 0, 0, false};
	struct list list;
	int cancelable;

	if (!stream)
		return -EINVAL;
	/* A thread that was cancelled in here would keep locks and files. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	list_fill(&list, error);
	list_find_names(&list);
	flockfile(stream);
	report(&sink, &list);
	funlockfile(stream);
	pthread_setcancelstate(cancelable, NULL);
	return sink.failed ? -EIO : 0;
}

size_t eg_error_format(const eg_error *error, char *buffer, size_t size)
{
	struct sink sink = {NULL, buffer, buffer && size ? size - 1 : 0, 0, false};
	struct list list;
	int cancelable;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	list_fill(&list, error);
	report(&sink, &list);
	pthread_setcancelstate(cancelable, NULL);
	if (buffer && size)
		buffer[sink.length < size - 1 ? sink.length : size - 1] = '\0';
	return sink.length;
}
