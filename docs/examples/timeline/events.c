/* SPDX-License-Identifier: MIT */
/*
 * An event's fields come in any order, so they are collected first; then it is seen what it was. Times have three digits
 * behind the point of a microsecond that count, and are read digit by digit, since those since 1970 are too long for a double.
 */

#include "events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* About 91 years in nanoseconds, so that no sum or difference of some is too large. */
#define TIME_MAX INT64_C(2900000000000000000)

struct event {
	char phase; /* 0: none */
	bool has_time, has_error;
	int64_t time_ns, duration_ns;
	int64_t order;
	uint32_t name, process, thread;
	uint32_t error, new_name, count; /* of the arguments */
};

struct reader {
	struct json *json;
	struct spans *spans;
	int error; /* -ENOMEM or -EFBIG */
};

static bool fail(struct reader *reader, int error)
{
	reader->error = error;
	return json_fail(reader->json, "%s", eg_strerror(error));
}

static bool keep_text(struct reader *reader, const char *text, uint32_t *ret_number)
{
	int error = texts_add(&reader->spans->texts, text, ret_number);

	return error == 0 || fail(reader, error);
}

/* A time in the notation with an exponent, which programs write for long ones, is as exact as it is written. */
static bool parse_exponent(const char *text, int64_t *ret_ns)
{
	char *end;
	double number = strtod(text, &end) * 1000;

	if (end == text || *end != '\0' || !(number >= -(double)TIME_MAX && number <= (double)TIME_MAX))
		return false;
	*ret_ns = (int64_t)number;
	return true;
}

static bool parse_time(const char *text, int64_t *ret_ns)
{
	bool is_negative = *text == '-';
	const char *next = text + is_negative;
	int64_t ns = 0;
	int decimals = -1; /* how many digits behind the point, if there was one */

	if (strpbrk(text, "eE") != NULL)
		return parse_exponent(text, ret_ns);
	if (*next == '\0')
		return false;
	for (; *next != '\0'; next++) {
		if (*next == '.' && decimals < 0) {
			decimals = 0;
			continue;
		}
		if (*next < '0' || *next > '9')
			return false;
		if (decimals < 3) {
			if (ns > TIME_MAX / 10)
				return false;
			ns = ns * 10 + (*next - '0');
		}
		decimals += decimals >= 0;
	}
	for (int i = decimals < 0 ? 0 : decimals; i < 3; i++) {
		if (ns > TIME_MAX / 10)
			return false;
		ns *= 10;
	}
	if (ns > TIME_MAX)
		return false;
	*ret_ns = is_negative ? -ns : ns;
	return true;
}

static bool read_time(struct reader *reader, const char *what, int64_t *ret_ns)
{
	if (!json_scalar(reader->json))
		return false;
	return parse_time(reader->json->text, ret_ns) ||
	       json_fail(reader->json, "\"%s\" is no time in microseconds: '%.30s'", what,
			 reader->json->text);
}

static bool read_text(struct reader *reader, uint32_t *ret_number)
{
	int next = json_peek(reader->json);

	if (next == '{' || next == '[')
		return json_skip(reader->json);
	return json_scalar(reader->json) && keep_text(reader, reader->json->text, ret_number);
}

/* An error may be anything: what is no text says at least that there was one. */
static bool read_error(struct reader *reader, struct event *event)
{
	bool is_text = json_peek(reader->json) == '"';

	if (!read_text(reader, &event->error))
		return false;
	if (!is_text && (strcmp(reader->json->text, "null") == 0 ||
			 strcmp(reader->json->text, "false") == 0 || strcmp(reader->json->text, "0") == 0))
		event->error = 0;
	else if (event->error == 0)
		return keep_text(reader, "failed", &event->error);
	return true;
}

static bool read_arguments(struct reader *reader, struct event *event)
{
	struct json *json = reader->json;
	bool is_first = true;

	if (!json_take(json, '{'))
		return json_skip(json);
	while (json_member(json, &is_first)) {
		if (strcmp(json->text, "error") == 0) {
			read_error(reader, event);
		} else if (strcmp(json->text, "name") == 0) {
			read_text(reader, &event->new_name);
		} else if (strcmp(json->text, "count") == 0) {
			read_text(reader, &event->count);
		} else if (strcmp(json->text, "sort_index") == 0) {
			if (json_scalar(json))
				event->order = strtoll(json->text, NULL, 10);
		} else {
			json_skip(json);
		}
	}
	return !json->has_failed;
}

static bool read_phase(struct reader *reader, struct event *event)
{
	if (!json_string(reader->json))
		return false;
	if (strlen(reader->json->text) != 1)
		return json_fail(reader->json, "\"ph\" is no letter: '%.30s'", reader->json->text);
	event->phase = reader->json->text[0];
	return true;
}

static bool read_fields(struct reader *reader, struct event *event)
{
	struct json *json = reader->json;
	bool is_first = true;

	while (json_member(json, &is_first)) {
		if (strcmp(json->text, "name") == 0)
			read_text(reader, &event->name);
		else if (strcmp(json->text, "ph") == 0)
			read_phase(reader, event);
		else if (strcmp(json->text, "ts") == 0)
			event->has_time = read_time(reader, "ts", &event->time_ns);
		else if (strcmp(json->text, "dur") == 0)
			read_time(reader, "dur", &event->duration_ns);
		else if (strcmp(json->text, "pid") == 0)
			read_text(reader, &event->process);
		else if (strcmp(json->text, "tid") == 0)
			read_text(reader, &event->thread);
		else if (strcmp(json->text, "args") == 0)
			read_arguments(reader, event);
		else
			json_skip(json);
	}
	return !json->has_failed;
}

static int apply_metadata(struct reader *reader, const struct event *event, const char *name)
{
	struct spans *spans = reader->spans;
	uint32_t lane;

	if (strcmp(name, "process_name") == 0)
		return spans_name_process(spans, event->process, event->new_name);
	if (strcmp(name, "thread_name") != 0 && strcmp(name, "thread_sort_index") != 0)
		return 0;
	if (spans_lane(spans, event->process, event->thread, &lane) != 0)
		return -ENOMEM;
	if (strcmp(name, "thread_name") == 0)
		spans->lanes[lane].name = event->new_name;
	else
		spans->lanes[lane].order = event->order;
	return 0;
}

/* How many of what: a moment's count is part of its name. */
static bool name_moment(struct reader *reader, struct event *event)
{
	const struct texts *texts = &reader->spans->texts;
	char name[2 * JSON_LENGTH_MAX + 32];

	if (event->count == 0)
		return true;
	snprintf(name, sizeof(name), "%s: %s", texts_get(texts, event->name), texts_get(texts, event->count));
	return keep_text(reader, name, &event->name);
}

static int apply_span(struct spans *spans, const struct event *event)
{
	int64_t duration_ns = event->phase == 'X' && event->duration_ns > 0 ? event->duration_ns : 0;
	struct span span = {.begin_ns = event->time_ns,
			    .end_ns = event->time_ns + duration_ns,
			    .name = event->name,
			    .error = event->error,
			    .is_instant = event->phase != 'X' && event->phase != 'B'};
	int error = spans_lane(spans, event->process, event->thread, &span.lane);

	if (error != 0)
		return error;
	if (event->phase == 'B')
		return spans_begin(spans, &span);
	if (event->phase != 'E')
		return spans_add(spans, &span);
	spans_end(spans, span.lane, event->time_ns, event->error);
	return 0;
}

static bool read_event(struct reader *reader)
{
	struct event event = {0};
	int error = 0;

	if (!json_expect(reader->json, '{') || !read_fields(reader, &event))
		return false;
	if (event.phase == 0)
		return json_fail(reader->json, "an event without \"ph\"");
	if (event.phase == 'M') {
		error = apply_metadata(reader, &event, texts_get(&reader->spans->texts, event.name));
	} else if (strchr("XBEiIR", event.phase) != NULL) {
		if (!event.has_time)
			return json_fail(reader->json, "an event of phase %c without \"ts\"", event.phase);
		if (strchr("iIR", event.phase) != NULL && !name_moment(reader, &event))
			return false;
		error = apply_span(reader->spans, &event);
	}
	return error == 0 || fail(reader, error);
}

/* With may_lack_end it may also end with the file, behind an event or the comma after one. */
static bool read_array(struct reader *reader, bool may_lack_end)
{
	struct json *json = reader->json;

	if (!json_expect(json, '['))
		return false;
	if (json_take(json, ']'))
		return true;
	do {
		if (may_lack_end && json_peek(json) < 0)
			return !json->has_failed;
		if (!read_event(reader))
			return false;
	} while (json_take(json, ','));
	if (may_lack_end && json_peek(json) < 0)
		return !json->has_failed;
	return json_expect(json, ']');
}

static bool read_object(struct reader *reader)
{
	struct json *json = reader->json;
	bool is_first = true, has_events = false;

	if (!json_expect(json, '{'))
		return false;
	while (json_member(json, &is_first)) {
		bool is_events = strcmp(json->text, "traceEvents") == 0;

		if (is_events ? !read_array(reader, false) : !json_skip(json))
			return false;
		has_events |= is_events;
	}
	if (json->has_failed)
		return false;
	return has_events || json_fail(json, "an object without \"traceEvents\"");
}

static bool read_all(struct reader *reader)
{
	struct json *json = reader->json;
	int first;

	/* The mark that some systems put before UTF-8. */
	if (json_peek(json) == 0xef && json->length - json->next >= 3 &&
	    memcmp(json->buffer + json->next, "\xef\xbb\xbf", 3) == 0)
		json->next += 3;
	first = json_peek(json);
	if (first != '[' && first != '{')
		return json_fail(json, first < 0 ? "the file is empty"
						 : "no trace: it begins with neither '[' nor '{'");
	if (first == '[' ? !read_array(reader, true) : !read_object(reader))
		return false;
	if (json_peek(json) >= 0)
		return json_fail(json, "something follows the end of the trace");
	return !json->has_failed;
}

int events_read(struct json *json, struct spans *spans)
{
	struct reader reader = {.json = json, .spans = spans};

	if (read_all(&reader))
		return 0;
	return reader.error != 0 ? reader.error : -EINVAL;
}
