/* SPDX-License-Identifier: MIT */
#ifndef TIMELINE_EVENTS_H
#define TIMELINE_EVENTS_H

/*
 * The trace event format: an array of events, or an object with one as its traceEvents. Of events those are read that
 * say what ran when in a thread:
 *
 *   X          a span; args.error says that and how it failed
 *   B and E    the begin of a span, and the end of the last that began in that thread
 *   i, I, R    a moment; a count in args is told with it
 *   M          process_name, thread_name and thread_sort_index
 *
 * All others, and all fields that are not needed, are passed by. An array may lack its end, as one that is written by and by
 * does when the program is killed.
 */

#include "json.h"
#include "spans.h"

/* Return: 0; -EINVAL if the input is wrong or cannot be read, with json->message; -ENOMEM; -EFBIG. */
int events_read(struct json *json, struct spans *spans);

#endif
