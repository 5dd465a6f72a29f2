/* SPDX-License-Identifier: MIT */
/*
 * A trace is a buffer in front of a file, and the lanes that its events are in.
 *
 * An event is put together on the stack of the thread that it comes from, and appended under the trace's lock, which is all
 * that threads have in common here. The lock is also held while the buffer is written: others wait that long. What goes wrong
 * then is kept for trace_close, and nothing more is written.
 */

#include "trace.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "file.h"
#include "json_text.h"
#include "lanes.h"
#include "outfile.h"

#define BUFFER_SIZE ((size_t)64 * 1024)

struct trace {
	struct outfile file;
	char *path;
	int64_t begin_ns; /* the file's times count from here */
	pid_t process;

	/* What follows is under the lock. */
	pthread_mutex_t lock;
	int error; /* the first */
	struct lanes lanes;
	size_t length;
	char buffer[BUFFER_SIZE];
};

/*
 * Events as text
 */

/* In microseconds. */
static void put_time(struct json_text *text, const char *name, int64_t ns)
{
	const char *sign = ns < 0 ? "-" : "";

	if (ns < 0)
		ns = -ns;
	json_text_put(text, ",\"%s\":%s%" PRId64 ".%03d", name, sign, ns / 1000, (int)(ns % 1000));
}

/* All of an event but its end. Each follows another one. */
static void put_event(struct json_text *text, const struct trace *trace, const char *phase, int lane,
		      const char *name)
{
	text->length = 0;
	json_text_put(text, ",\n{\"ph\":\"%s\",\"pid\":%d,\"tid\":%d,\"name\":", phase, (int)trace->process,
		      lane + 1);
	json_text_put_string(text, name);
}

static void put_span(struct json_text *text, const struct trace *trace, int lane, const char *name,
		     int64_t begin_ns, int64_t end_ns)
{
	put_event(text, trace, "X", lane, name);
	put_time(text, "ts", begin_ns - trace->begin_ns);
	put_time(text, "dur", end_ns > begin_ns ? end_ns - begin_ns : 0);
}

/*
 * The file
 */

static void trace_flush(struct trace *trace)
{
	if (trace->error == 0)
		trace->error = file_write(trace->file.fd, trace->buffer, trace->length);
	trace->length = 0;
}

/* With the lock held, or before and after there are threads. */
static void trace_append(struct trace *trace, const char *bytes, size_t length)
{
	if (length > BUFFER_SIZE - trace->length)
		trace_flush(trace);
	memcpy(trace->buffer + trace->length, bytes, length);
	trace->length += length;
}

static void trace_add(struct trace *trace, const struct json_text *event, int lane)
{
	pthread_mutex_lock(&trace->lock);
	lanes_use(&trace->lanes, lane);
	trace_append(trace, event->bytes, event->length);
	pthread_mutex_unlock(&trace->lock);
}

int trace_open(const char *path, struct trace **ret_trace)
{
	struct trace *trace = calloc(1, sizeof(*trace));
	struct json_text text = {0};
	int error = -ENOMEM;

	if (trace == NULL)
		return -ENOMEM;
	trace->path = strdup(path);
	if (trace->path != NULL)
		error = outfile_open_any(&trace->file, trace->path, 0666);
	if (error != 0) {
		free(trace->path);
		free(trace);
		return error;
	}
	pthread_mutex_init(&trace->lock, NULL);
	trace->begin_ns = eg_clock_now_ns();
	trace->process = getpid();
	json_text_put(&text,
		      "{\"displayTimeUnit\":\"ms\",\"traceEvents\":[\n"
		      "{\"ph\":\"M\",\"pid\":%d,\"tid\":1,\"name\":\"process_name\",\"args\":{\"name\":",
		      (int)trace->process);
	json_text_put_string(&text, program_invocation_short_name);
	json_text_put(&text, "}}");
	trace_append(trace, text.bytes, text.length);
	*ret_trace = trace;
	return 0;
}

static void trace_name_lanes(struct trace *trace)
{
	struct json_text text;

	for (int i = 0; i < trace->lanes.end; i++) {
		if (!trace->lanes.lanes[i].is_used)
			continue;
		put_event(&text, trace, "M", i, "thread_name");
		json_text_put(&text, ",\"args\":{\"name\":\"%s %d\"}}",
			      i != LANES_BEYOND ? "slot" : "slots from", i);
		trace_append(trace, text.bytes, text.length);
		put_event(&text, trace, "M", i, "thread_sort_index");
		json_text_put(&text, ",\"args\":{\"sort_index\":%d}}", i);
		trace_append(trace, text.bytes, text.length);
	}
}

int trace_close(struct trace *trace)
{
	static const char end[] = "\n]}\n";
	int error;

	trace_name_lanes(trace);
	trace_append(trace, end, sizeof(end) - 1);
	trace_flush(trace);
	error = trace->error;
	if (error == 0)
		error = outfile_commit(&trace->file, true);
	else
		outfile_abandon(&trace->file);
	pthread_mutex_destroy(&trace->lock);
	free(trace->path);
	free(trace);
	return error;
}

/*
 * What happens
 */

int trace_lane(struct trace *trace)
{
	int lane;

	pthread_mutex_lock(&trace->lock);
	lane = lanes_held(&trace->lanes);
	pthread_mutex_unlock(&trace->lock);
	return lane;
}

void trace_span(struct trace *trace, int lane, const char *name, int64_t begin_ns, int64_t end_ns,
		const char *error)
{
	struct json_text text;

	if (lane < 0 || lane > LANES_BEYOND)
		lane = LANES_BEYOND;
	put_span(&text, trace, lane, name, begin_ns, end_ns);
	if (error != NULL) {
		json_text_put(&text, ",\"cname\":\"terrible\",\"args\":{\"error\":");
		json_text_put_string(&text, error);
		json_text_put(&text, "}");
	}
	json_text_put(&text, "}");
	trace_add(trace, &text, lane);
}

static void name_task(const struct eg_event *event, char *name, size_t size)
{
	const char *file = event->site != NULL ? event->site->file : "task";
	const char *slash = strrchr(file, '/');
	char line[16] = "", index[24] = "";

	if (event->site != NULL)
		snprintf(line, sizeof(line), ":%u", (unsigned)event->site->line);
	if (event->task_index >= 0)
		snprintf(index, sizeof(index), " #%" PRId64, event->task_index);
	snprintf(name, size, "%.160s%s%s", slash != NULL ? slash + 1 : file, line, index);
}

/* A task without an error that can be told still failed with its code. */
static void put_error(struct json_text *text, const eg_error *error, int code)
{
	char line[JSON_STRING_MAX] = "";

	if (error != NULL)
		eg_error_format_line(error, line, sizeof(line));
	json_text_put_string(text, line[0] != '\0' ? line : eg_strerror(code));
}

static void task_begun(struct trace *trace, const struct eg_event *event)
{
	pthread_mutex_lock(&trace->lock);
	lanes_enter(&trace->lanes, event->slot, event->began_ns);
	pthread_mutex_unlock(&trace->lock);
}

static void task_failed(struct trace *trace, const struct eg_event *event)
{
	pthread_mutex_lock(&trace->lock);
	lanes_fail(&trace->lanes, event->error);
	pthread_mutex_unlock(&trace->lock);
}

static void task_ended(struct trace *trace, const struct eg_event *event)
{
	struct json_text text;
	eg_error *error;
	char name[256];
	int lane;

	pthread_mutex_lock(&trace->lock);
	lane = lanes_leave(&trace->lanes, event->time_ns, &error);
	pthread_mutex_unlock(&trace->lock);
	name_task(event, name, sizeof(name));
	put_span(&text, trace, lane, name, event->began_ns, event->time_ns);
	json_text_put(&text, ",\"cat\":\"task\"%s,\"args\":{\"slot\":%d,\"thread\":%d",
		      event->code != 0 ? ",\"cname\":\"terrible\"" : "", event->slot, (int)lanes_thread());
	if (event->count > 1)
		json_text_put(&text, ",\"count\":%" PRIu64, event->count);
	if (event->code != 0) {
		json_text_put(&text, ",\"code\":%d,\"error\":", event->code);
		put_error(&text, error, event->code);
	}
	json_text_put(&text, "}}");
	trace_add(trace, &text, lane);
	eg_error_unref(error);
}

/* Something that takes no time: in the lane that the thread holds, or else the slot's. */
static void put_instant(struct json_text *text, struct trace *trace, const struct eg_event *event,
			const char *name, int *ret_lane)
{
	int lane = trace_lane(trace);

	if (lane < 0)
		lane = event->slot < 0 ? 0 : event->slot < LANES_MAX ? event->slot : LANES_BEYOND;
	put_event(text, trace, "i", lane, name);
	put_time(text, "ts", event->time_ns - trace->begin_ns);
	json_text_put(text, ",\"s\":\"t\",\"cat\":\"group\"");
	*ret_lane = lane;
}

static void group_failed(struct trace *trace, const struct eg_event *event)
{
	struct json_text text;
	int lane;

	put_instant(&text, trace, event, "failed", &lane);
	json_text_put(&text, ",\"cname\":\"terrible\",\"args\":{\"code\":%d,\"error\":", event->code);
	put_error(&text, event->error, event->code);
	json_text_put(&text, "}}");
	trace_add(trace, &text, lane);
}

static void tasks_skipped(struct trace *trace, const struct eg_event *event)
{
	struct json_text text;
	int lane;

	put_instant(&text, trace, event, "skipped", &lane);
	json_text_put(&text, ",\"args\":{\"count\":%" PRIu64 "}}", event->count);
	trace_add(trace, &text, lane);
}

void trace_observe(const struct eg_event *event, void *trace)
{
	switch (event->kind) {
	case EG_EVENT_BEGIN:
		task_begun(trace, event);
		break;
	case EG_EVENT_FAIL:
		if (event->slot >= 0)
			task_failed(trace, event);
		else
			group_failed(trace, event);
		break;
	case EG_EVENT_END:
		task_ended(trace, event);
		break;
	case EG_EVENT_SKIP:
		tasks_skipped(trace, event);
		break;
	default:
		break;
	}
}
