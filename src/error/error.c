/* SPDX-License-Identifier: MIT */
/*
 * Errors: see error.h.
 *
 * An error is one block with its message behind it, counted by references, and does not change once it is shared. It
 * leads to others: what caused it, what its deferred calls added, and, where a task has passed it on, the error that it
 * repeats:
 *
 *     error -- cause --> error -- cause --> ...
 *       |-- joined --> error -- joined --> ...
 *       |-- passed --> error                     whose message and backtrace it shows
 *       `-- whole --> error                      the same, of one that says more than the other, and was no other task's
 *
 * Each has a reference to what it leads to and was there after it, so there are no circles. Those chains may be long, so
 * nothing here goes down them by recursion.
 */
#include "error/error.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/annotate.h"
#include "os/atomic.h"
#include "os/verify.h"
#include "trace/trace.h"

#define MESSAGE_MAX 65536
#define MESSAGE_USUAL 256 /* longer ones are printed twice: for their length, and to memory of that size */

struct eg_error {
	uint32_t refs;
	int code;
	enum eg_error_kind kind;
	int signal; /* of a fault */
	struct egi_error_origin origin;
	eg_error *cause;
	eg_error *joined;
	eg_error *passed; /* the error that this one repeats, whose message and trace it shows; or NULL */
	eg_error *whole;  /* the same, when it is repeated to lead to others */
	union {
		struct egi_trace *trace;
		eg_error *next_dead; /* once nobody refers to it: the next one to be freed */
	};
	const char *message; /* `text`, that of `passed`, or a constant */
	char text[];
};

/*
 * An error without memory: code << 32 | kind << 1 | 1. Real errors are aligned, so their lowest bit is clear.
 */
eg_error *egi_error_bare(enum eg_error_kind kind, int code)
{
	return (eg_error *)(uintptr_t)((uint64_t)(uint32_t)code << 32 | (uint64_t)kind << 1 | 1);
}

static bool error_is_bare(const eg_error *error)
{
	return ((uintptr_t)error & 1) != 0;
}

_Static_assert(sizeof(uintptr_t) == 8, "a bare error needs the code and the kind in one pointer");

eg_error *egi_error_deadline(void)
{
	/* With a reference that nobody has to give back. */
	static eg_error deadline_exceeded = {
	    .refs = 1,
	    .code = -ETIMEDOUT,
	    .kind = EG_ERROR_RETURNED,
	    .origin = {-1, -1, NULL},
	    .message = "deadline exceeded",
	};

	return &deadline_exceeded;
}

static eg_error *error_make(enum eg_error_kind kind, int code, eg_error *cause, struct egi_trace *trace,
			    size_t text_size)
{
	eg_error *error = malloc(sizeof(*error) + text_size);

	if (code == 0)
		code = -EINVAL;
	if (!error) {
		eg_error_unref(cause);
		egi_trace_free(trace);
		return egi_error_bare(kind, code);
	}
	*error = (eg_error){.refs = 1,
			    .code = code,
			    .kind = kind,
			    .origin = EGI_ERROR_NO_ORIGIN,
			    .cause = cause,
			    .trace = trace,
			    .message = error->text};
	return error;
}

eg_error *egi_error_make_plain(enum eg_error_kind kind, int code, eg_error *cause, struct egi_trace *trace,
			       const char *message)
{
	size_t size = message ? strlen(message) : 0;
	eg_error *error;

	if (size >= MESSAGE_MAX)
		size = MESSAGE_MAX - 1;
	error = error_make(kind, code, cause, trace, message ? size + 1 : 0);
	if (error_is_bare(error))
		return error;
	if (message) {
		memcpy(error->text, message, size);
		error->text[size] = '\0';
	} else {
		error->message = eg_strerror(error->code);
	}
	return error;
}

/*
 * Prints the message into a buffer.
 * Return: its length, which may be more than fits; negative when the format, or an argument, was not to be
 * printed.
 */
static int message_print(char *buffer, size_t size, const char *format, va_list args)
{
	size_t length = strnlen(format, size);

	/* Text without conversions needs no printf, which takes ten times as long. */
	if (length < size && memchr(format, '%', length) == NULL) {
		memcpy(buffer, format, length + 1);
		return (int)length;
	}
	return vsnprintf(buffer, size, format, args);
}

eg_error *egi_error_make(enum eg_error_kind kind, int code, eg_error *cause, struct egi_trace *trace,
			 const char *prefix, const char *format, va_list args)
{
	size_t prefix_size = strlen(prefix), size;
	char buffer[MESSAGE_USUAL];
	eg_error *error;
	va_list again;
	int length;

	va_copy(again, args);
	length = format ? message_print(buffer, sizeof(buffer), format, again) : -1;
	va_end(again);
	if (length < 0) {
		/* The format, or an argument, was not to be printed: the code still is. */
		return egi_error_make_plain(kind, code, cause, trace, NULL);
	}
	size = prefix_size + (size_t)length + 1;
	if (size > MESSAGE_MAX)
		size = MESSAGE_MAX;
	error = error_make(kind, code, cause, trace, size);
	if (error_is_bare(error))
		return error;
	memcpy(error->text, prefix, prefix_size);
	if ((size_t)length < sizeof(buffer))
		memcpy(error->text + prefix_size, buffer, (size_t)length + 1);
	else
		vsnprintf(error->text + prefix_size, size - prefix_size, format, args);
	return error;
}

eg_error *eg_error_create(int code, const char *format, ...)
{
	eg_error *error;
	va_list args;

	va_start(args, format);
	error = egi_error_make(EG_ERROR_RETURNED, code, NULL, NULL, "", format, args);
	va_end(args);
	return error;
}

eg_error *eg_error_create_from(eg_error *cause, int code, const char *format, ...)
{
	eg_error *error;
	va_list args;

	va_start(args, format);
	error = egi_error_make(EG_ERROR_RETURNED, code, eg_error_ref(cause), NULL, "", format, args);
	va_end(args);
	return error;
}

eg_error *egi_error_pass(eg_error *error)
{
	eg_error *passed;

	if (error_is_bare(error))
		return error;
	/*
	 * Nobody else has it, and it comes from no task yet. [Z3] acquire: it is changed after what others did
	 * with it; pairs with [Z4].
	 */
	if (egi_load_acquire_u32(&error->refs) == 1 && error->origin.task_index < 0)
		return error;
	passed = malloc(sizeof(*passed));
	if (!passed) {
		passed = egi_error_bare(error->kind, error->code);
		eg_error_unref(error);
		return passed;
	}
	*passed = (eg_error){.refs = 1,
			     .code = error->code,
			     .kind = error->kind,
			     .signal = error->signal,
			     .origin = EGI_ERROR_NO_ORIGIN,
			     .cause = eg_error_ref(error->cause),
			     .joined = eg_error_ref(error->joined),
			     .passed = error,
			     .trace = error->trace,
			     .message = error->message};
	return passed;
}

/* An error that says what another does, so that it can be given other causes. NULL without memory, or of a bare one. */
static eg_error *error_repeat(eg_error *error)
{
	eg_error *again = error_is_bare(error) ? NULL : malloc(sizeof(*again));

	if (!again)
		return NULL;
	*again = (eg_error){.refs = 1,
			    .code = error->code,
			    .kind = error->kind,
			    .signal = error->signal,
			    .origin = error->origin,
			    .cause = eg_error_ref(error->cause),
			    .joined = eg_error_ref(error->joined),
			    .passed = eg_error_ref(error->passed),
			    .whole = eg_error_ref(error),
			    .trace = error->trace,
			    .message = error->message};
	return again;
}

static eg_error **error_link(eg_error *error, bool is_cause)
{
	return is_cause ? &error->cause : &error->joined;
}

/* What is there is shared, so each up to the end is repeated. */
static eg_error *error_append(eg_error *error, eg_error *last, bool is_cause)
{
	eg_error *first = NULL, **end = &first;

	for (eg_error *next = error; next; next = *error_link(next, is_cause)) {
		eg_error *again = error_repeat(next);

		if (!again) {
			eg_error_unref(first);
			eg_error_unref(last);
			return error;
		}
		/* The one before has a reference to what is repeated here; that is, the list `error` has another. */
		eg_error_unref(*end);
		*end = again;
		end = error_link(again, is_cause);
	}
	*end = last;
	eg_error_unref(error);
	return first;
}

eg_error *egi_error_add_cause(eg_error *error, eg_error *last)
{
	return error_append(error, last, true);
}

eg_error *egi_error_add_joined(eg_error *error, eg_error *last)
{
	return error_append(error, last, false);
}

const eg_error *egi_error_passed(const eg_error *error)
{
	return error && !error_is_bare(error) ? error->passed : NULL;
}

void egi_error_set_origin(eg_error *error, struct egi_error_origin origin)
{
	if (!error_is_bare(error))
		error->origin = origin;
}

void egi_error_set_signal(eg_error *error, int signal)
{
	if (!error_is_bare(error))
		error->signal = signal;
}

/*
 * What is joined to an error that has been passed on is shared with the one that it repeats, and is not to be changed: the
 * later one comes before it then. That is new, and nothing is joined to it yet.
 */
static void join_before(eg_error *error, eg_error *later)
{
	if (error_is_bare(later))
		return;
	later->joined = error->joined;
	error->joined = later;
}

void egi_error_join(eg_error *error, eg_error *later)
{
	if (!error_is_bare(error) && error->passed) {
		join_before(error, later);
		return;
	}
	while (!error_is_bare(error) && error->joined)
		error = error->joined;
	if (error_is_bare(error))
		eg_error_unref(later);
	else
		error->joined = later;
}

eg_error *eg_error_ref(eg_error *error)
{
	if (error && !error_is_bare(error))
		egi_add_u32(&error->refs, 1); /* [Z1] nothing is ordered */
	return error;
}

/*
 * Gives back one reference. An error of which it was the last is put on the list of those to be freed: not at once,
 * because what it leads to may be as deep and as wide as memory allows, and the stack is not.
 */
static void error_drop(eg_error *error, eg_error **dead)
{
	uint32_t refs;

	if (!error || error_is_bare(error))
		return;
	egi_annotate_release(error);
	/* [Z4] full: before it what this thread did, after it what the last one does; pairs with [Z3]. */
	refs = egi_add_u32(&error->refs, UINT32_MAX);
	EGI_VERIFY(refs != 0, "eg_error_unref of an error that is gone");
	if (refs != 1)
		return;
	egi_annotate_acquire(error);
	if (!error->passed && !error->whole)
		egi_trace_free(error->trace);
	error->next_dead = *dead;
	*dead = error;
}

void eg_error_unref(eg_error *error)
{
	eg_error *dead = NULL;

	error_drop(error, &dead);
	while (dead) {
		error = dead;
		dead = error->next_dead;
		error_drop(error->cause, &dead);
		error_drop(error->joined, &dead);
		error_drop(error->passed, &dead);
		error_drop(error->whole, &dead);
		free(error);
	}
}

int eg_error_code(const eg_error *error)
{
	if (!error)
		return 0;
	return error_is_bare(error) ? (int)(uint32_t)((uintptr_t)error >> 32) : error->code;
}

enum eg_error_kind eg_error_kind(const eg_error *error)
{
	if (!error)
		return EG_ERROR_NONE;
	return error_is_bare(error) ? (enum eg_error_kind)((uintptr_t)error >> 1 & 0xff) : error->kind;
}

const char *eg_error_message(const eg_error *error)
{
	if (!error)
		return "";
	return error_is_bare(error) ? eg_strerror(eg_error_code(error)) : error->message;
}

eg_error *eg_error_cause(const eg_error *error)
{
	return error && !error_is_bare(error) ? error->cause : NULL;
}

eg_error *eg_error_joined(const eg_error *error)
{
	return error && !error_is_bare(error) ? error->joined : NULL;
}

int64_t eg_error_task_index(const eg_error *error)
{
	return error && !error_is_bare(error) ? error->origin.task_index : -1;
}

int eg_error_worker_slot(const eg_error *error)
{
	return error && !error_is_bare(error) ? error->origin.worker_slot : -1;
}

const struct eg_site *eg_error_site(const eg_error *error)
{
	return error && !error_is_bare(error) ? error->origin.site : NULL;
}

static bool is_signal_code(int code)
{
	return code <= EG_ESIGNAL(1) && code >= EG_ESIGNAL(64);
}

static bool is_status_code(int code)
{
	return code <= EG_ESTATUS(1) && code >= EG_ESTATUS(255);
}

/* A signal that arrived is said by the code, which errors without memory have, too. */
int eg_error_signal(const eg_error *error)
{
	int code = eg_error_code(error);

	if (is_signal_code(code))
		return EG_ESIGNAL(0) - code;
	return error && !error_is_bare(error) ? error->signal : 0;
}

const struct egi_trace *egi_error_trace(const eg_error *error)
{
	return error && !error_is_bare(error) ? error->trace : NULL;
}

const char *eg_strerror(int code)
{
	const char *text = NULL;

	switch (code) {
	case 0:
		return "success";
	case -ECANCELED:
		return "canceled";
	case EG_EPANIC:
		return "task panicked";
	case EG_EFAULTED:
		return "task faulted";
	case EG_EEXITED:
		return "task ended its thread";
	case EG_EUNFINISHED:
		return "tasks are unfinished";
	case EG_EINSIDE:
		return "called inside a task of the group";
	case EG_EFORKED:
		return "the group is the parent process's";
	default:
		if (is_signal_code(code))
			return "signal arrived";
		if (is_status_code(code))
			return "program failed";
		if (code < 0 && code > -4096)
			text = strerrordesc_np(-code);
		return text ? text : "unknown code";
	}
}
