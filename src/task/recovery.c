/* SPDX-License-Identifier: MIT */
/*
 * How a task ends: by returning, by being unwound, or with its thread. The path of a panic or a fault is
 *
 *     eg_panic (panic.c), or where a thread lands that has faulted (fault/handler.c)
 *       egi_recovery_unwind                       on the panicking stack, on top of all of the task's frames
 *         egi_recovery_add                        the error is the task's, or joins what it is failing with already
 *         tell_hook                               the program sees the stack as it is
 *         the process ends, if the group wants that
 *         egi_recovery_run_defers                 they may panic: this begins anew, on top of itself
 *         longjmp
 *     worker (runtime/group/worker.c), at its setjmp: all frames above are gone
 *       egi_recovery_end_task(recovery, 0)        finishes the work, and says what the task failed with
 *
 * Nothing is looked at after the task's code has run that it could have broken without a sign: before the jump, the recovery
 * has to be the thread's innermost, of this thread and process, and its frame deeper in the stack than the caller's.
 *
 * A recovery is its thread's alone; no lock protects it. The handler of faults reads it on the same thread, at any
 * instruction, and decides by `faults`, `panic_forbidden`, `entry` and `stop`: each is as it should be while the task's code runs.
 */
#include "task/recovery.h"

#include <stdlib.h>
#include <string.h>

#include "os/exception.h"
#include "os/thread.h"
#include "os/verify.h"
#include "task/guarded_call.h"
#include "task/hook.h"

#define MAGIC UINT64_C(0x7265636f76657279)

/*
 * A task whose deferred calls go on panicking loses the remaining ones after so many. Each panic runs on top of the frames of
 * the one before, and takes 4.5 KiB of the stack (gcc 12, x86-64), so that a hundred have room in a third of the least stack
 * (EGI_THREAD_STACK_LEAST).
 */
#define PANICS_MAX 100

void egi_recovery_init(struct egi_recovery *recovery)
{
	memset(recovery, 0, offsetof(struct egi_recovery, jump_to));
	recovery->defers = recovery->defers_inline;
	recovery->defers_room = EGI_DEFERS_INLINE;
	recovery->part = -1;
}

/* Memory for deferred calls, which a task that has left none of its own leaves to the next. */
void egi_recovery_finish(struct egi_recovery *recovery)
{
	if (recovery->defers == recovery->defers_inline)
		return;
	free(recovery->defers);
	recovery->defers = recovery->defers_inline;
	recovery->defers_room = EGI_DEFERS_INLINE;
}

void egi_recovery_exit_inside(const struct egi_recovery *outer)
{
	struct egi_recovery *recovery;

	egi_thread_self.guarded_call = NULL;
	egi_thread_self.told_of = NULL;
	while ((recovery = egi_thread_self.recovery) != outer) {
		egi_thread_self.recovery = recovery->outer;
		/* What open scopes were to clean up may have been on the stack, and is lost with it. */
		if (recovery->scope) {
			recovery->defers_count = recovery->scopes_begin;
			recovery->scope = NULL;
		}
		recovery->panic_forbidden = recovery->formatting = 0;
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

	return recovery && (recovery->is_hooks || egi_thread_self.told_of);
}

void egi_recovery_mark_all(void)
{
	for (struct egi_recovery *recovery = egi_thread_self.recovery; recovery; recovery = recovery->outer)
		recovery->dirty = true;
}

/* The first failure is the task's error; later ones are joined to it. */
void egi_recovery_add(struct egi_recovery *recovery, eg_error *error)
{
	struct egi_error_origin origin = recovery->origin(recovery);

	if (recovery->part >= 0)
		origin.task_index = recovery->part;
	egi_error_set_origin(error, origin);
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

/* Those of the program. */
static EGI_COLD void forget_defers(struct egi_recovery *recovery)
{
	size_t kept = recovery->defers_base;

	for (size_t i = kept; i < recovery->defers_count; i++)
		if (recovery->defers[i].is_ours)
			recovery->defers[kept++] = recovery->defers[i];
	recovery->defers_count = kept;
}

void egi_recovery_end_call(struct egi_recovery *recovery, int code, size_t down_to)
{
	if (code) {
		eg_error *error = error_of_code(recovery, code);

		egi_recovery_add(recovery, error);
	}
	EGI_VERIFY(!recovery->scope, "a task returned from inside a scope");
	EGI_VERIFY(recovery->panic_forbidden == 0,
		   "a task returned between eg_panic_forbid and eg_panic_allow");
	egi_recovery_run_defers(recovery, down_to);
	egi_thread_end_spawns(recovery->spawns);
	recovery->spawns = 0;
	eg_error_unref(recovery->message);
	recovery->message = NULL;
	recovery->dirty = recovery->failure != NULL;
}

eg_error *egi_recovery_end_task(struct egi_recovery *recovery, int code)
{
	eg_error *failure;

	egi_recovery_end_call(recovery, code, 0);
	failure = recovery->failure;
	egi_recovery_finish(recovery);
	recovery->failure = NULL;
	recovery->panics = 0;
	recovery->part = -1;
	recovery->dirty = false;
	return failure;
}

void egi_recovery_begin_inner(struct egi_recovery *recovery, struct egi_recovery_aside *aside,
			      const void *frame)
{
	*aside = (struct egi_recovery_aside){.is_dirty = recovery->dirty,
					     .panics = recovery->panics,
					     .part = recovery->part,
					     .failure = recovery->failure,
					     .message = recovery->message,
					     .defers_base = recovery->defers_base,
					     .scope = recovery->scope,
					     .scopes_begin = recovery->scopes_begin,
					     .panic_forbidden = recovery->panic_forbidden,
					     .spawns = recovery->spawns,
					     .formatting = recovery->formatting,
					     .frame = recovery->frame,
					     .stop = recovery->stop,
					     .entry = recovery->entry};
	memcpy(&aside->jump_to, &recovery->jump_to, sizeof(aside->jump_to));
	egi_fpenv_save(&aside->fpenv);
	egi_fpenv_restore(&recovery->fpenv);
	recovery->dirty = false;
	recovery->panics = 0;
	recovery->part = -1;
	recovery->failure = recovery->message = NULL;
	recovery->defers_base = recovery->defers_count;
	recovery->scope = NULL;
	recovery->panic_forbidden = recovery->spawns = recovery->formatting = 0;
	recovery->frame = frame;
}

eg_error *egi_recovery_end_inner(struct egi_recovery *recovery, int code)
{
	eg_error *failure;

	egi_recovery_end_call(recovery, code, recovery->defers_base);
	failure = recovery->failure;
	recovery->failure = NULL;
	return failure;
}

void egi_recovery_leave_inner(struct egi_recovery *recovery, const struct egi_recovery_aside *aside)
{
	recovery->dirty = aside->is_dirty;
	recovery->panics = aside->panics;
	recovery->part = aside->part;
	recovery->failure = aside->failure;
	recovery->message = aside->message;
	recovery->defers_base = aside->defers_base;
	recovery->scope = aside->scope;
	recovery->scopes_begin = aside->scopes_begin;
	recovery->panic_forbidden = aside->panic_forbidden;
	recovery->spawns = aside->spawns;
	recovery->formatting = aside->formatting;
	recovery->frame = aside->frame;
	recovery->stop = aside->stop;
	recovery->entry = aside->entry;
	memcpy(&recovery->jump_to, &aside->jump_to, sizeof(aside->jump_to));
	egi_fpenv_restore(&aside->fpenv);
}

/*
 * Tells the hook, unless it is the hook that failed. What it does counts as the task's: it may panic, and then unwinds
 * from here as from anywhere else.
 */
static EGI_NOINLINE void tell_hook(struct egi_recovery *recovery, eg_error *error)
{
	const void *entry = recovery->entry;
	eg_panic_hook_fn *fn;
	void *arg;

	if (egi_recovery_is_hooks() || !egi_hook_find(&fn, &arg))
		return;
	egi_thread_self.told_of = recovery;
	recovery->entry = __builtin_frame_address(0);
	EGI_CALL_PROGRAM(fn(error, arg));
	recovery->entry = entry;
	egi_thread_self.told_of = NULL;
}

EGI_NOINLINE void egi_recovery_unwind(struct egi_recovery *recovery, eg_error *error,
				      void (*end_process)(void))
{
	/* The program may have forbidden it while it formatted the message. */
	EGI_VERIFY(recovery->panic_forbidden == 0, "panic between eg_panic_forbid and eg_panic_allow");
	egi_recovery_add(recovery, error);
	tell_hook(recovery, error);
	if (recovery->abort_on_panic) {
		recovery->faults = 0;
		eg_error_print(error, stderr);
		end_process();
	}
	if (++recovery->panics > PANICS_MAX)
		forget_defers(recovery);
	egi_recovery_run_defers(recovery, recovery->defers_base);
	EGI_VERIFY(recovery->magic == MAGIC && recovery == egi_thread_self.recovery,
		   "panic in a task that is over");
	EGI_VERIFY(recovery->fork_count == egi_thread_fork_count, "panic in a forked copy of a task");
	EGI_VERIFY(recovery->thread == egi_thread_id(), "panic on a thread that does not run the task");
	EGI_VERIFY((uintptr_t)recovery->frame > (uintptr_t)__builtin_frame_address(0),
		   "panic on a stack that is not the task's");
	recovery->scope = NULL;
	recovery->panic_forbidden = recovery->formatting = 0;
	recovery->entry = recovery->stop;
	if (egi_thread_self.told_of == recovery)
		egi_thread_self.told_of = NULL;
	egi_guarded_call_unwind(recovery->frame);
	egi_fpenv_restore(&recovery->fpenv);
	longjmp(recovery->jump_to, 1);
}
