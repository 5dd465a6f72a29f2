/* SPDX-License-Identifier: MIT */
#ifndef EGI_ERROR_ERROR_H
#define EGI_ERROR_ERROR_H

/*
 * Error values from the inside. Without memory an error is not a pointer at all but its code and kind packed into
 * one, marked by the lowest bit, so that creating an error cannot fail and the code is always right.
 */

#include <errgroup/error.h>
#include <stdarg.h>

#include "os/compiler.h"

struct egi_trace;

/* What a task's error says of its task. */
struct egi_error_origin {
	int64_t task_index;
	int worker_slot;
	const struct eg_site *site;
};

#define EGI_ERROR_NO_ORIGIN ((struct egi_error_origin){-1, -1, NULL})

/*
 * Makes an error. `prefix` goes before the formatted message. Takes over `cause` and `trace`. Never NULL.
 */
eg_error *egi_error_make(enum eg_error_kind kind, int code, eg_error *cause, struct egi_trace *trace,
			 const char *prefix, const char *format, va_list args)
    __attribute__((format(printf, 6, 0)));

/* The same with the whole message given; NULL stands for the code's own description. */
eg_error *egi_error_make_plain(enum eg_error_kind kind, int code, eg_error *cause, struct egi_trace *trace,
			       const char *message);

/* An error of a code and a kind alone. Needs no memory and no reference. */
eg_error *egi_error_bare(enum eg_error_kind kind, int code);

/* The error of a context whose deadline has passed. Needs no memory; there is one for all. */
eg_error *egi_error_deadline(void);

/*
 * The error of a task that passes one on, which it takes over: the same, or one that repeats it and has an origin and
 * joined errors of its own. `_passed`: what an error repeats, borrowed, or NULL.
 */
eg_error *egi_error_pass(eg_error *error);
const eg_error *egi_error_passed(const eg_error *error);

/*
 * The error with another at the end of what has caused it, or of what is joined to it. Takes over both; the errors that are
 * there are repeated, not changed. Without memory `last` is lost.
 */
eg_error *egi_error_add_cause(eg_error *error, eg_error *last);
eg_error *egi_error_add_joined(eg_error *error, eg_error *last);

/* Before the error is shared: says where it comes from, or adds a later panic to it, which it takes over. */
void egi_error_set_origin(eg_error *error, struct egi_error_origin origin);
void egi_error_join(eg_error *error, eg_error *later);

/* Before the error is shared: the signal that a fault was. */
void egi_error_set_signal(eg_error *error, int signal);

/* The backtrace of a panic, or NULL. Borrowed. */
const struct egi_trace *egi_error_trace(const eg_error *error);

#endif
