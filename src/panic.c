/* SPDX-License-Identifier: MIT */
#include "panic.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backtrace.h"
#include "thread.h"
#include "verify.h"

#define MAGIC UINT64_C(0x7265636f76657279)

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

	while ((recovery = egi_thread_self.recovery) != NULL) {
		egi_thread_self.recovery = recovery->outer;
		recovery->exited(recovery);
	}
}

void egi_recovery_enter(struct egi_recovery *recovery, const void *frame)
{
	recovery->thread = egi_thread_id();
	recovery->fork_count = egi_thread_fork_count;
	recovery->frame = frame;
	recovery->stop = frame;
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
		return message;
	return egi_error_make_plain(EG_ERROR_RETURNED, code, message, NULL, NULL);
}

/* Last registered first; a call may register more. */
static void run_defers(struct egi_recovery *recovery)
{
	while (recovery->defers_count > 0) {
		struct egi_defer defer = recovery->defers[--recovery->defers_count];

		defer.fn(defer.arg);
	}
}

eg_error *egi_recovery_end_task(struct egi_recovery *recovery, int code)
{
	eg_error *failure;

	if (code) {
		eg_error *error = error_of_code(recovery, code);

		egi_recovery_add(recovery, error);
	}
	run_defers(recovery);
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

static struct egi_recovery *recovery_or_die(const char *text)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;

	EGI_VERIFY(recovery, text);
	EGI_VERIFY(recovery != egi_thread_self.no_panic, "panic in a function called when a context is over");
	return recovery;
}

static void __attribute__((noreturn)) unwind(struct egi_recovery *recovery, eg_error *error)
{
	if (recovery->abort_on_panic) {
		egi_error_set_origin(error, recovery->origin(recovery));
		eg_error_print(error, stderr);
		abort();
	}
	egi_recovery_add(recovery, error);
	if (++recovery->panics > PANICS_MAX)
		recovery->defers_count = 0;
	run_defers(recovery);
	EGI_VERIFY(recovery->magic == MAGIC && recovery == egi_thread_self.recovery,
		   "panic in a task that is over");
	EGI_VERIFY(recovery->fork_count == egi_thread_fork_count, "panic in a forked copy of a task");
	EGI_VERIFY(recovery->thread == egi_thread_id(), "panic on a thread that does not run the task");
	EGI_VERIFY((uintptr_t)recovery->frame > (uintptr_t)__builtin_frame_address(0),
		   "panic on a stack that is not the task's");
	longjmp(recovery->jump_to, 1);
}

EGI_NOINLINE void eg_panic(const char *format, ...)
{
	struct egi_recovery *recovery = recovery_or_die("eg_panic outside a task");
	struct egi_backtrace *trace = egi_backtrace_capture(1, recovery->stop);
	eg_error *error;
	va_list args;

	va_start(args, format);
	error = egi_error_make(EG_ERROR_PANIC, EG_EPANIC, NULL, trace, "panic: ", format, args);
	va_end(args);
	unwind(recovery, error);
}

static eg_error *make_wrapping(eg_error *cause, struct egi_backtrace *trace, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static eg_error *make_wrapping(eg_error *cause, struct egi_backtrace *trace, const char *format, ...)
{
	int code = cause ? eg_error_code(cause) : EG_EPANIC;
	eg_error *error;
	va_list args;

	va_start(args, format);
	error = egi_error_make(EG_ERROR_PANIC, code, cause, trace, "panic: ", format, args);
	va_end(args);
	return error;
}

EGI_NOINLINE void eg_panic_with(eg_error *cause)
{
	struct egi_recovery *recovery = recovery_or_die("eg_panic_with outside a task");
	struct egi_backtrace *trace = egi_backtrace_capture(1, recovery->stop);

	unwind(recovery, make_wrapping(cause, trace, "%s", cause ? eg_error_message(cause) : "(no error)"));
}

int eg_defer(void (*fn)(void *arg), void *arg)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;

	if (!fn)
		return -EINVAL;
	if (!recovery)
		return -EPERM;
	if (recovery->defers_count == recovery->defers_room) {
		size_t room = recovery->defers_room * 2;
		struct egi_defer *defers = malloc(room * sizeof(*defers));

		if (!defers)
			return -ENOMEM;
		memcpy(defers, recovery->defers, recovery->defers_count * sizeof(*defers));
		if (recovery->defers != recovery->defers_inline)
			free(recovery->defers);
		recovery->defers = defers;
		recovery->defers_room = room;
	}
	recovery->defers[recovery->defers_count++] = (struct egi_defer){fn, arg};
	recovery->dirty = true;
	return 0;
}

int eg_fail(int code, const char *format, ...)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;
	eg_error *before;
	va_list args;

	if (code == 0 || !recovery)
		return code;
	before = recovery->message;
	va_start(args, format);
	recovery->message = egi_error_make(EG_ERROR_RETURNED, code, NULL, NULL, "", format, args);
	va_end(args);
	recovery->dirty = true;
	eg_error_unref(before);
	return code;
}
