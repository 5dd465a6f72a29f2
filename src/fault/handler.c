/* SPDX-License-Identifier: MIT */
/*
 * The handler, and where a thread lands whose task has faulted.
 *
 * The handler takes no lock, allocates nothing and jumps nowhere. What it asks is its own thread's (the recovery, the guarded
 * call, the alternate stack), or constant since before the handlers were there. Whatever it does not know for sure is a no:
 * a fault that is handed on for nothing ends the process as without the library, one that is recovered for nothing would
 * leave a lock held or a heap in pieces.
 *
 *   the task's stack                       the handler's stack
 *   task: faults
 *                                          egi_fault_handle: looks, writes down the trace,
 *                                          changes the context, returns
 *   fault_land: makes the error, tells the hook,
 *     makes the deferred calls, jumps
 *   worker: the next task
 */
#include "fault/handler.h"

#include "fault/altstack.h"

#if EGI_FAULT_HAS_MACHINE

#include <errgroup/fault.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fault/asan.h"
#include "fault/chain.h"
#include "fault/judge.h"
#include "fault/libc.h"
#include "os/verify.h"
#include "task/guarded_call.h"
#include "task/live.h"

/* What has to be left of a stack to land on it: making the error takes 4.4 KiB (gcc 12, x86-64), the rest is the program's. */
#define LANDING_ROOM ((uintptr_t)32 * 1024)
#define PAGE_LEAST 4096

/*
 * What the handler takes of its stack, with one that interrupts it: twice 6.6 KiB with the registers (gcc 12, x86-64 with
 * AVX-512), and nearly as much again for compilers and options that take more.
 */
#define LOOK_ROOM ((uintptr_t)24 * 1024)

static pid_t process;

void egi_fault_start_process(void)
{
	process = getpid();
}

/*
 * Landing
 */

#define PREFIX "fault: "
#define TEXT_SIZE 1024
#define ASSERT_SIZE (TEXT_SIZE - 32) /* room for the words around it */

/* What a failed assert says is "program: file:line: function: Assertion `expression' failed." */
static void assert_read(void *arg)
{
	const char *text = egi_libc_abort_message(), *begin, *end;
	const char *label = "Assertion `", *name = program_invocation_short_name;
	char line[ASSERT_SIZE], *message = arg;
	size_t length, size;

	if (!text)
		return;
	length = strnlen(text, sizeof(line) - 1);
	memcpy(line, text, length);
	line[length] = '\0';
	line[strcspn(line, "\n")] = '\0';
	text = line;
	size = strlen(name);
	if (strncmp(text, name, size) == 0 && strncmp(text + size, ": ", 2) == 0)
		text += size + 2;
	begin = strstr(text, label);
	end = begin ? strstr(begin, "' failed.") : NULL;
	if (end && begin - text >= 2) {
		int where = (int)(begin - text) - 2;

		begin += strlen(label);
		snprintf(message, TEXT_SIZE, PREFIX "assertion failed: %.*s (%.*s)", (int)(end - begin),
			 begin, where, text);
	} else {
		snprintf(message, TEXT_SIZE, PREFIX "assertion failed: %s", text);
	}
}

static const char *kind_text(enum egi_fault_kind kind)
{
	switch (kind) {
	case EGI_FAULT_NIL:
		return PREFIX "nil pointer dereference";
	case EGI_FAULT_NIL_CALL:
		return PREFIX "call of a nil pointer";
	case EGI_FAULT_DIVISION:
		return PREFIX "integer division by zero";
	case EGI_FAULT_ABORT:
		return PREFIX "abort() called";
	case EGI_FAULT_ASSERT:
		return PREFIX "assertion failed";
	case EGI_FAULT_WILD_CALL:
		return PREFIX "call of a wild pointer";
	case EGI_FAULT_BUS:
		return PREFIX "bus error";
	case EGI_FAULT_ILLEGAL:
		return PREFIX "illegal instruction";
	case EGI_FAULT_FLOAT:
		return PREFIX "floating-point exception";
	case EGI_FAULT_STACK_OVERFLOW:
		return PREFIX "stack overflow";
	default:
		return PREFIX "wild pointer";
	}
}

static eg_error *make_error(const struct egi_altstack *altstack)
{
	struct egi_trace *trace = egi_trace_create(&altstack->record);
	char text[TEXT_SIZE];
	eg_error *error;

	strcpy(text, kind_text(altstack->kind));
	/* Another thread's failing assert may take the message away at any moment. */
	if (altstack->kind == EGI_FAULT_ASSERT && !egi_guarded_call(assert_read, text))
		strcpy(text, kind_text(altstack->kind));
	error = egi_error_make_plain(EG_ERROR_FAULT, EG_EFAULTED, NULL, trace, text);
	egi_error_set_signal(error, altstack->signal);
	return error;
}

/* Ends the process as if the fault had not been recovered: the handler has it happen again. */
static void end_by_fault(void)
{
	struct egi_altstack *altstack = egi_thread_self.altstack;

	altstack->ending = altstack->signal;
	syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), altstack->signal);
	egi_die("internal: a fault did not end the process");
}

static EGI_LIVE_CALLER void fault_land(void *arg)
{
	struct egi_recovery *recovery = arg;

	egi_recovery_unwind(recovery, make_error(egi_thread_self.altstack), end_by_fault);
}

static void guarded_call_land(void *arg)
{
	egi_guarded_call_land(arg);
}

/*
 * Handling
 */

struct look {
	const ucontext_t *context;
	struct egi_recovery *recovery;
	struct egi_guarded_call
	    *guarded; /* that faulted, having been given the program's arguments; NULL: none */
	struct egi_altstack *altstack;
	enum egi_fault_kind kind;
	bool is_recoverable;
};

/* Leaves out frames of the C library that say nothing, unless where the trace is cut would move. */
static void record_skip(struct egi_trace_record *record, unsigned frames)
{
	if (record->elided > 0 || frames >= record->count)
		return;
	record->count -= frames;
	memmove(record->frames, record->frames + frames, record->count * sizeof(record->frames[0]));
}

static void look_closely(void *arg)
{
	struct look *look = arg;
	unsigned raising_frames;

	if (look->guarded) {
		look->is_recoverable = egi_fault_is_guarded(look->context, look->guarded);
		return;
	}
	if (!egi_fault_is_open(look->context, look->recovery, &look->kind, &raising_frames) ||
	    !egi_fault_is_wanted(look->kind, look->recovery->faults))
		return;
	egi_trace_record_interrupted(look->context, look->recovery->stop, &look->altstack->record);
	/* A call to nowhere is where it was made. */
	if (look->kind == EGI_FAULT_NIL_CALL || look->kind == EGI_FAULT_WILD_CALL)
		raising_frames = 1;
	record_skip(&look->altstack->record, raising_frames);
	look->is_recoverable = true;
}

/*
 * Touches what a landing takes, page by page, so that no guard page is passed over. What is not there yet of the main thread's
 * stack comes to be by that. In a guarded call: nobody can say where a stack ends that the library has not made (glibc reads
 * that of the main thread's in /proc), and all that matters is whether there is room.
 */
static __attribute__((no_sanitize_address)) void touch_room(void *arg)
{
	uintptr_t sp = *(const uintptr_t *)arg;

	for (uintptr_t room = 0; room < LANDING_ROOM; room += PAGE_LEAST)
		(void)*(const volatile char *)(sp - room);
	(void)*(const volatile char *)(sp - LANDING_ROOM);
}

/*
 * Finds where on the thread's stack there is room to land. After an overflow that is the zone, in which nobody has
 * anything, wherever the stack pointer is.
 */
static bool find_room(struct egi_altstack *altstack, const ucontext_t *context, bool is_overflow,
		      uintptr_t *ret_sp)
{
	uintptr_t sp = egi_machine_sp(context) - EGI_RED_ZONE;

	if (is_overflow) {
		*ret_sp = altstack->zone_high;
		return egi_altstack_open_zone(altstack);
	}
	/* A signal handler of the program's has faulted: its stack is not the task's. */
	if (egi_machine_is_on_alternate_stack(context))
		return false;
	*ret_sp = sp;
	if (egi_guarded_call_apart(touch_room, &sp))
		return true;
	return sp > altstack->zone_high && sp - altstack->zone_high < LANDING_ROOM &&
	       egi_altstack_open_zone(altstack) && egi_guarded_call_apart(touch_room, &sp);
}

/*
 * Whether the handler can look closely on the stack that it runs on: the task, or what it has called, may have put a smaller
 * one in place, as runtimes of other languages do.
 */
static bool has_room_to_look(const ucontext_t *context)
{
	uintptr_t room = (uintptr_t)__builtin_frame_address(0) - (uintptr_t)context->uc_stack.ss_sp;

	return room >= context->uc_stack.ss_size || room >= LOOK_ROOM;
}

/* Whether a task of this process runs on the calling thread, and its faults are to be recovered. */
static bool is_armed(const struct egi_recovery *recovery, const struct egi_altstack *altstack)
{
	return recovery && altstack && altstack->in_use && recovery->faults != 0 &&
	       recovery->panic_forbidden == 0 && recovery->thread == egi_thread_self.id &&
	       recovery->fork_count == egi_thread_fork_count && process == getpid() && !egi_is_dying;
}

/* The guarded call that the task's code is in, if the library is calling what the task gave it. */
static struct egi_guarded_call *guarded_call_of(const struct egi_recovery *recovery)
{
	struct egi_guarded_call *call = egi_thread_self.guarded_call;

	return call && (uintptr_t)call->frame < (uintptr_t)recovery->entry ? call : NULL;
}

/* Return: false, with the context as it was, when the fault is not ours. */
static bool recover(int signal, const siginfo_t *info, ucontext_t *context)
{
	struct egi_recovery *recovery = egi_thread_self.recovery;
	struct egi_altstack *altstack = egi_thread_self.altstack;
	struct look look = {context, recovery, NULL, altstack, EGI_FAULT_NONE, false};
	bool is_overflow = false;
	uintptr_t sp;

	if (!is_armed(recovery, altstack) || !has_room_to_look(context))
		return false;
	look.kind = egi_fault_classify(signal, info, context);
	if (look.kind == EGI_FAULT_NONE)
		return false;
	/* A fault while this handler looks at another: that look is given up. */
	if (egi_thread_self.guarded_call &&
	    egi_altstack_is_on_stack(altstack, (uintptr_t)egi_thread_self.guarded_call->frame)) {
		egi_machine_call(context, guarded_call_land, egi_thread_self.guarded_call,
				 egi_machine_sp(context) - EGI_RED_ZONE, NULL);
		return true;
	}
	if (signal == SIGSEGV && egi_fault_is_overflow(altstack, info, context)) {
		look.kind = EGI_FAULT_STACK_OVERFLOW;
		is_overflow = true;
	}
	look.guarded = is_overflow || look.kind == EGI_FAULT_ABORT ? NULL : guarded_call_of(recovery);
	if (!egi_guarded_call_apart(look_closely, &look) || !look.is_recoverable)
		return false;
	if (look.guarded) {
		egi_machine_call(context, guarded_call_land, look.guarded,
				 egi_machine_sp(context) - EGI_RED_ZONE, NULL);
		return true;
	}
	if (!find_room(altstack, context, is_overflow, &sp))
		return false;
	altstack->kind = look.kind;
	altstack->signal = signal;
	egi_fault_chain_take_all(context);
	egi_machine_save(context, &altstack->state);
	egi_machine_call(context, fault_land, recovery, sp, &recovery->fpenv);
	return true;
}

#ifdef EGI_FAULT_HAS_ASAN
static EGI_FAULT_NO_ASAN bool try_recover(int signal, const siginfo_t *info, ucontext_t *context)
{
	struct egi_fault_fiber fiber;
	bool is_recovered;

	egi_fault_fiber_begin(&fiber, &context->uc_stack);
	is_recovered = recover(signal, info, context);
	egi_fault_fiber_end(&fiber);
	return is_recovered;
}
#else
static bool try_recover(int signal, const siginfo_t *info, ucontext_t *context)
{
	return recover(signal, info, context);
}
#endif

void egi_fault_handle(int signal, siginfo_t *info, void *arg)
{
	struct egi_altstack *altstack = egi_thread_self.altstack;
	ucontext_t *context = arg;
	int saved = errno;

	if (altstack && altstack->ending == signal) {
		egi_machine_restore(context, &altstack->state);
		egi_fault_chain_end(signal, signal == SIGABRT ? info : NULL);
	} else if (!try_recover(signal, info, context) &&
		   !(altstack && egi_fault_chain_put_back(signal, info, context, altstack->unblocked,
							  !altstack->is_unblocking))) {
		egi_fault_chain_pass(signal, info, context);
	}
	errno = saved;
}

#else

void egi_fault_handle(int signal, siginfo_t *info, void *arg)
{
	(void)signal;
	(void)info;
	(void)arg;
}

void egi_fault_start_process(void)
{
}

#endif
