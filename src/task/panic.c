/* SPDX-License-Identifier: MIT */
#include "task/panic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/exception.h"
#include "os/thread.h"
#include "os/verify.h"
#include "task/guarded_call.h"
#include "task/hook.h"
#include "task/live.h"
#include "trace/trace.h"

#define MAGIC UINT64_C(0x7265636f76657279)

/* What a panic's message is cut to: it takes so much of the panicking stack. */
#define MESSAGE_SIZE 4096

/* A task whose deferred calls go on panicking loses the remaining ones after so many. */
#define PANICS_MAX 100

void egi_recovery_init(struct egi_recovery *recovery)
{
	memset(recovery, 0, offsetof(struct egi_recovery, jump_to));
	recovery->defers = recovery->defers_inline;
	recovery->defers_room = EGI_DEFERS_INLINE;
}

void egi_recovery_exit_thread(void)
{
	struct egi_recovery *recovery;

	egi_thread_self.guard = NULL;
	egi_thread_self.announces = NULL;
	while ((recovery = egi_thread_self.recovery) != NULL) {
		egi_thread_self.recovery = recovery->outer;
		/* What open scopes were to clean up may have been on the stack, and is lost with it. */
		if (recovery->scope) {
			recovery->defers_count = recovery->scopes_begin;
			recovery->scope = NULL;
		}
		recovery->nopanic = recovery->formatting = 0;
		recovery->exited(recovery);
	}
}

void egi_recovery_enter(struct egi_recovery *recovery, const void *frame)
{
	recovery->thread = egi_thread_id();
	recovery->fork_count = egi_thread_fork_count;
	recovery->frame = frame;
	egi_fpenv_save(&recovery->fpenv);
	recovery->magic = MAGIC;
	recovery->outer = egi_thread_self.recovery;
	egi_thread_self.recovery = recovery;
}

void egi_recovery_leave(struct egi_recovery *recovery)
{
	EGI_ASSERT(egi_thread_self.recovery == recovery);
	egi_thread_self.recovery = recovery->outer;
	recovery->magic = 0;
}

bool egi_recovery_is_inside(const void *group)
{
	for (const struct egi_recovery *recovery = egi_thread_self.recovery; recovery;
	     recovery = recovery->outer)
		if (recovery->group == group)
			return true;
	return false;
}

bool egi_recovery_is_hooks(void)
{
	const struct egi_recovery *recovery = egi_thread_self.recovery;

	return recovery && (recovery->is_hooks || egi_thread_self.announces);
}

void egi_recovery_mark_all(void)
{
	for (struct egi_recovery *recovery = egi_thread_self.recovery; recovery; recovery = recovery->outer)
		recovery->dirty = true;
}

/* The first failure is the task's error; later ones are joined to it. */
void egi_recovery_add(struct egi_recovery *recovery, eg_error *error)
{
	egi_error_set_origin(error, recovery->origin(recovery));
	recovery->dirty = true;
	if (recovery->failure)
		egi_error_join(recovery->failure, error);
	else
		recovery->failure = error;
}

static eg_error *error_of_code(struct egi_recovery *recovery, int code)
{
	eg_error *message = recovery->message;

	recovery->message = NULL;
	if (message && eg_error_code(message) == code)
		return egi_error_pass(message);
	return egi_error_make_plain(EG_ERROR_RETURNED, code, message, NULL, NULL);
}

/* A call may register more. */
EGI_NOINLINE void egi_recovery_run_defers(struct egi_recovery *recovery, size_t down_to)
{
	const void *entry = recovery->entry;

	recovery->entry = __builtin_frame_address(0);
	while (recovery->defers_count > down_to) {
		struct egi_defer defer = recovery->defers[--recovery->defers_count];

		EGI_CALL_PROGRAM(defer.fn(defer.arg));
	}
	recovery->entry = entry;
}

eg_error *egi_recovery_end_task(struct egi_recovery *recovery, int code)
{
	eg_error *failure;

	if (code) {
		eg_error *error = error_of_code(recovery, code);

		egi_recovery_add(recovery, error);
	}
	EGI_VERIFY(!recovery->scope, "a task returned from inside a scope");
	EGI_VERIFY(recovery->nopanic == 0, "a task returned from a section without panics");
	egi_recovery_run_defers(recovery, 0);
	egi_thread_end_spawns(recovery->spawns);
	recovery->spawns = 0;
	failure = recovery->failure;
	eg_error_unref(recovery->message);
	if (recovery->defers != recovery->defers_inline) {
		free(recovery->defers);
		recovery->defers = recovery->defers_inline;
		recovery->defers_room = EGI_DEFERS_INLINE;
	}
	recovery->failure = recovery->message = NULL;
	recovery->panics = 0;
	recovery->dirty = false;
	return failure;
}

/* Looked at before anything of the task is used. Of a thread of ours nobody can have jumped past the worker. */
static struct egi_recovery *recovery_or_die(const void *frame, const char *text)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;

	EGI_VERIFY(recovery, text);
	EGI_VERIFY(recovery != egi_thread_self.no_panic, "panic in a function called when a context is over");
	EGI_VERIFY(egi_thread_self.is_crew || egi_live_look(frame, recovery->stop) != EGI_LIVE_GONE,
		   "panic on a stack that is not the task's, or after a jump out of the task");
	return recovery;
}

/*
 * Tells the hook, unless it is the hook that failed. What it does counts as the task's: it may panic, and then unwinds
 * from here as from anywhere else.
 */
static EGI_NOINLINE void announce(struct egi_recovery *recovery, eg_error *error)
{
	const void *entry = recovery->entry;
	eg_panic_hook_fn *fn;
	void *arg;

	if (egi_recovery_is_hooks() || !egi_hook_find(&fn, &arg))
		return;
	egi_thread_self.announces = recovery;
	recovery->entry = __builtin_frame_address(0);
	EGI_CALL_PROGRAM(fn(error, arg));
	recovery->entry = entry;
	egi_thread_self.announces = NULL;
}

EGI_NOINLINE void egi_recovery_unwind(struct egi_recovery *recovery, eg_error *error,
				      void (*end_process)(void))
{
	EGI_VERIFY(recovery->nopanic == 0, "panic in a section without panics");
	egi_recovery_add(recovery, error);
	announce(recovery, error);
	if (recovery->abort_on_panic) {
		recovery->faults = 0;
		eg_error_print(error, stderr);
		end_process();
	}
	if (++recovery->panics > PANICS_MAX)
		recovery->defers_count = 0;
	egi_recovery_run_defers(recovery, 0);
	EGI_VERIFY(recovery->magic == MAGIC && recovery == egi_thread_self.recovery,
		   "panic in a task that is over");
	EGI_VERIFY(recovery->fork_count == egi_thread_fork_count, "panic in a forked copy of a task");
	EGI_VERIFY(recovery->thread == egi_thread_id(), "panic on a thread that does not run the task");
	EGI_VERIFY((uintptr_t)recovery->frame > (uintptr_t)__builtin_frame_address(0),
		   "panic on a stack that is not the task's");
	recovery->scope = NULL;
	recovery->nopanic = recovery->formatting = 0;
	recovery->entry = recovery->stop;
	if (egi_thread_self.announces == recovery)
		egi_thread_self.announces = NULL;
	egi_guard_unwind(recovery->frame);
	egi_fpenv_restore(&recovery->fpenv);
	longjmp(recovery->jump_to, 1);
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
	else if (!egi_guard_run(message_print, message))
		message_copy(message, message->format, " (an argument could not be read)");
	recovery->formatting--;
	if (message->length < 0)
		message_copy(message, message->format, " (could not be formatted)");
}

/*
 * The trace from a function of the library's that the task called, and which returns to an address in it. Part of that
 * function, whose frame is the one left out.
 */
static inline __attribute__((always_inline)) struct egi_trace *
capture(const struct egi_recovery *recovery, const void *caller)
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

	EGI_VERIFY(recovery->nopanic == 0, "eg_panic in a section without panics");
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

	EGI_VERIFY(recovery->nopanic == 0, "eg_panic_with in a section without panics");
	egi_recovery_unwind(recovery,
			    make_wrapping(cause, trace, "%s", cause ? eg_error_message(cause) : "(no error)"),
			    abort);
}

/* What the running task is going to fail with if it returns the error's code. */
static void attach(struct egi_recovery *recovery, eg_error *error)
{
	eg_error *before = recovery->message;

	recovery->message = error;
	recovery->dirty = true;
	eg_error_unref(before);
}

int eg_fail(int code, const char *format, ...)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;
	va_list args;

	if (code == 0 || !recovery)
		return code;
	va_start(args, format);
	attach(recovery, egi_error_make(EG_ERROR_RETURNED, code, NULL, NULL, "", format, args));
	va_end(args);
	return code;
}

int eg_fail_with(eg_error *error)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;
	int code = eg_error_code(error);

	if (error && recovery)
		attach(recovery, error);
	else
		eg_error_unref(error);
	return code;
}
