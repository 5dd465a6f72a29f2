/* SPDX-License-Identifier: MIT */
/*
 * eg_panic: the error is made on the panicking stack, with its message and the trace, and given to the unwinding
 * (recovery.c). That there is a task to end, here, is looked at before anything of it is used; and that panics are not
 * forbidden, by a count in the task's recovery that the handler of faults asks, too (fault/handler.c).
 */
#include "task/panic.h"

#include <errgroup/panic.h>

#include <stdlib.h>
#include <string.h>

#include "os/exception.h"
#include "os/thread.h"
#include "os/verify.h"
#include "task/guarded_call.h"
#include "task/live.h"
#include "task/recovery.h"
#include "trace/trace.h"

/* What a message is cut to: it takes so much of the panicking stack. */
#define MESSAGE_SIZE 4096

/* Looked at before anything of the task is used. Of a thread of ours nobody can have jumped past the worker. */
static struct egi_recovery *recovery_or_die(const void *frame, const char *text)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;

	EGI_VERIFY(recovery, text);
	EGI_VERIFY(egi_thread_self.is_crew || egi_live_look(frame, recovery->stop) != EGI_LIVE_GONE,
		   "panic on a stack that is not the task's, or after a jump out of the task");
	EGI_VERIFY(recovery->panic_forbidden == 0, "panic between eg_panic_forbid and eg_panic_allow, or in "
						   "a function called when a context ends");
	return recovery;
}

/*
 * Messages. They are formatted on the panicking stack, cut to a size that is there, and under a guard: a bad
 * argument is no second crash where faults are recovered. A panic while one is being formatted, by a conversion of the
 * program's own, is not formatted itself.
 */

#define PREFIX "panic: "
#define PREFIX_SIZE (sizeof(PREFIX) - 1)

struct message {
	char text[MESSAGE_SIZE]; /* the prefix, and what follows it */
	const char *format;
	va_list *args;
	int length; /* of what follows, if there had been room; negative: it could not be formatted */
};

static void message_print(void *arg)
{
	struct message *message = arg;

	EGI_CALL_PROGRAM(message->length =
			     vsnprintf(message->text + PREFIX_SIZE, sizeof(message->text) - PREFIX_SIZE,
				       message->format, *message->args));
}

/* Takes a text as it is, and another after it that is not cut. */
static void message_copy(struct message *message, const char *text, const char *end)
{
	size_t end_size = strlen(end) + 1;
	size_t size = strnlen(text, sizeof(message->text) - PREFIX_SIZE - end_size);

	memcpy(message->text + PREFIX_SIZE, text, size);
	memcpy(message->text + PREFIX_SIZE + size, end, end_size);
}

static void message_format(struct message *message, struct egi_recovery *recovery)
{
	memcpy(message->text, PREFIX, PREFIX_SIZE);
	message->length = 0;
	if (!message->format) {
		message_copy(message, "(no message)", "");
		return;
	}
	if (recovery->formatting > 0 || !strchr(message->format, '%')) {
		message_copy(message, message->format, "");
		return;
	}
	recovery->formatting++;
	if (recovery->faults == 0)
		message_print(message);
	else if (!egi_guarded_call(message_print, message))
		message_copy(message, message->format, " (an argument could not be read)");
	recovery->formatting--;
	if (message->length < 0)
		message_copy(message, message->format, " (could not be formatted)");
}

/*
 * The trace from a function of the library's that the task called, and which returns to an address in it. Part of that
 * function, whose frame is the one left out.
 */
static inline __attribute__((always_inline)) struct egi_trace *capture(const struct egi_recovery *recovery,
								       const void *caller)
{
	struct egi_trace *trace = egi_trace_capture(1, recovery->stop);

	if (trace && egi_trace_count(trace) == 0) {
		egi_trace_free(trace);
		trace = egi_trace_create_one(caller);
	}
	return trace;
}

EGI_NOINLINE void eg_panic(const char *format, ...)
{
	struct egi_recovery *recovery =
	    recovery_or_die(__builtin_frame_address(0), "eg_panic outside a task");
	struct egi_trace *trace;
	struct message message;
	va_list args;

	va_start(args, format);
	message.format = format;
	message.args = &args;
	message_format(&message, recovery);
	va_end(args);
	/* Now, since what was formatted may have panicked and not come back. */
	trace = capture(recovery, __builtin_return_address(0));
	egi_recovery_unwind(
	    recovery, egi_error_make_plain(EG_ERROR_PANIC, EG_EPANIC, NULL, trace, message.text), abort);
}

static eg_error *make_wrapping(eg_error *cause, struct egi_trace *trace, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static eg_error *make_wrapping(eg_error *cause, struct egi_trace *trace, const char *format, ...)
{
	int code = cause ? eg_error_code(cause) : EG_EPANIC;
	eg_error *error;
	va_list args;

	va_start(args, format);
	error = egi_error_make(EG_ERROR_PANIC, code, cause, trace, PREFIX, format, args);
	va_end(args);
	return error;
}

EGI_NOINLINE void eg_panic_with(eg_error *cause)
{
	struct egi_recovery *recovery =
	    recovery_or_die(__builtin_frame_address(0), "eg_panic_with outside a task");
	struct egi_trace *trace = capture(recovery, __builtin_return_address(0));

	egi_recovery_unwind(recovery,
			    make_wrapping(cause, trace, "%s", cause ? eg_error_message(cause) : "(no error)"),
			    abort);
}

void eg_panic_forbid(void)
{
	/* So that the end of the task looks whether they are allowed again. */
	if (egi_thread_self.recovery)
		egi_thread_self.recovery->dirty = true;
	++*egi_panic_forbidden();
}

void eg_panic_allow(void)
{
	unsigned *forbidden = egi_panic_forbidden();

	EGI_VERIFY(*forbidden > 0, "eg_panic_allow without eg_panic_forbid");
	--*forbidden;
}
