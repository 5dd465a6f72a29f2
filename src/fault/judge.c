/* SPDX-License-Identifier: MIT */
/*
 * What a fault is, from the signal and the registers; and a walk over all frames up to the one of this library that called
 * the program's code, each of which has to be one that may be given up. It runs in the handler, in a guarded call, with no lock;
 * a walk that does not arrive is a no.
 *
 * Of frames of the C library that call one another, the outermost is what the program called, and the one that counts:
 *
 *     strlen <- vfprintf <- printf <- task      printf: its stream is locked
 *     compare <- msort <- qsort <- task         qsort: nothing is lost but its memory
 *     raise <- abort <- __assert_fail <- task   __assert_fail
 *     raise <- abort <- ... <- free <- task     free: the heap is broken
 */
#include "fault/judge.h"

#if EGI_FAULT_HAS_MACHINE

#include <errgroup/fault.h>
#include <unistd.h>

#include "fault/libc.h"
#include "task/guarded_call.h"
#include "task/live.h"
#include "trace/unwind/step.h"

#define NIL_END 4096 /* addresses below are a nil pointer's, and of the members of what it should lead to */

/* A stack pointer further below the stack than this is no overflow but nonsense. */
#define OVERFLOW_MAX ((uintptr_t)256 * 1024 * 1024)

static enum egi_fault_kind classify_segv(const siginfo_t *info, const ucontext_t *context)
{
	uintptr_t address = (uintptr_t)info->si_addr, pc = egi_machine_pc(context);
	bool is_mapping = info->si_code == SEGV_MAPERR || info->si_code == SEGV_ACCERR;

	/* Others, such as addresses that no memory can have, come without the address. */
	if (!is_mapping)
		return EGI_FAULT_WILD;
	if (address < NIL_END)
		return pc == address ? EGI_FAULT_NIL_CALL : EGI_FAULT_NIL;
	return pc == address ? EGI_FAULT_WILD_CALL : EGI_FAULT_WILD;
}

enum egi_fault_kind egi_fault_classify(int signal, const siginfo_t *info, const ucontext_t *context)
{
	if (signal == SIGABRT)
		return info->si_code == SI_TKILL && info->si_pid == getpid() ? EGI_FAULT_ABORT
									     : EGI_FAULT_NONE;
	if (info->si_code <= 0)
		return EGI_FAULT_NONE;
	switch (signal) {
	case SIGSEGV:
		return classify_segv(info, context);
	case SIGFPE:
		return info->si_code == FPE_INTDIV ? EGI_FAULT_DIVISION : EGI_FAULT_FLOAT;
	case SIGBUS:
		return info->si_code == BUS_MCEERR_AO ? EGI_FAULT_NONE : EGI_FAULT_BUS;
	case SIGILL:
		return EGI_FAULT_ILLEGAL;
	default:
		return EGI_FAULT_NONE;
	}
}

bool egi_fault_is_overflow(const struct egi_altstack *altstack, const siginfo_t *info,
			   const ucontext_t *context)
{
	uintptr_t address = (uintptr_t)info->si_addr, sp = egi_machine_sp(context);

	if (!altstack->zone_high || altstack->zone_is_open)
		return false;
	return address - altstack->zone_low < altstack->zone_high - altstack->zone_low ||
	       (sp < altstack->zone_high && altstack->zone_high - sp < OVERFLOW_MAX);
}

bool egi_fault_is_wanted(enum egi_fault_kind kind, unsigned mode)
{
	switch (kind) {
	case EGI_FAULT_NONE:
		return false;
	case EGI_FAULT_NIL:
	case EGI_FAULT_NIL_CALL:
	case EGI_FAULT_DIVISION:
	case EGI_FAULT_ABORT:
	case EGI_FAULT_ASSERT:
		return true;
	case EGI_FAULT_STACK_OVERFLOW:
		return (mode & EG_FAULT_STACK) != 0;
	default:
		return (mode & ~(unsigned)EG_FAULT_STACK) == EG_FAULT_ALL;
	}
}

/*
 * Walks
 */

struct judgement {
	enum egi_fault_kind kind;
	enum egi_libc_function function; /* of the C library, that the frame before is of */
	bool in_libc;                    /* there is one */
	bool is_innermost;               /* no frame of the program has been seen */
	unsigned raising;                /* frames from abort() to the signal */
};

/* The program's frames begin: what they called of the C library decides. */
static bool judge_call(struct judgement *judgement)
{
	bool is_raised = judgement->kind == EGI_FAULT_ABORT && judgement->is_innermost;
	bool was_in_libc = judgement->in_libc;

	judgement->in_libc = false;
	judgement->is_innermost = false;
	if (!was_in_libc)
		return !is_raised;
	if (!is_raised)
		return judgement->function == EGI_LIBC_LEAF;
	if (judgement->function == EGI_LIBC_ASSERT)
		judgement->kind = EGI_FAULT_ASSERT;
	return judgement->function == EGI_LIBC_ASSERT || judgement->function == EGI_LIBC_ABORT;
}

/* Judges one frame. Return: false when it must not be given up. */
static bool judge_frame(struct judgement *judgement, struct egi_unwind *unwind)
{
	const struct egi_module_view *view = egi_unwind_view(unwind);

	/* Without a module: code that was made at run time. */
	switch (view ? egi_libc_code(view) : EGI_CODE_USER) {
	case EGI_CODE_OWN:
		return false;
	case EGI_CODE_LIBC:
		judgement->in_libc = true;
		if (judgement->kind == EGI_FAULT_ABORT && judgement->is_innermost)
			judgement->raising++;
		judgement->function = egi_libc_function(view, egi_unwind_lookup(unwind));
		return judgement->function != EGI_LIBC_HEAP;
	default:
		return judge_call(judgement);
	}
}

bool egi_fault_is_open(const ucontext_t *context, const struct egi_recovery *recovery,
		       enum egi_fault_kind *kind, unsigned *ret_raising)
{
	struct egi_unwind_registers registers = egi_unwind_interrupted(context);
	struct judgement judgement = {*kind, EGI_LIBC_OTHER, false, true, 0}, before;
	struct egi_unwind unwind;
	bool has_frames, is_fine;

	if (!egi_unwind_begin(&unwind, &registers, recovery->entry))
		return false;
	/* A call to nowhere has no frame, and is the caller's deed. */
	has_frames = egi_unwind_return(&unwind);
	for (;;) {
		/* Whether this frame is the one to stop at is known only by the step. */
		before = judgement;
		is_fine = judge_frame(&judgement, &unwind);
		switch (egi_unwind_step(&unwind)) {
		case EGI_UNWIND_STEPPED:
			break;
		case EGI_UNWIND_STOPPED:
			/* Ours, and it called what is before it. */
			if (!has_frames || (before.in_libc && !judge_call(&before)) ||
			    egi_live_walk(&unwind, recovery->stop) != EGI_LIVE)
				return false;
			*kind = before.kind;
			*ret_raising = before.raising;
			return true;
		default:
			return false;
		}
		if (!is_fine)
			return false;
		has_frames = true;
	}
}

bool egi_fault_is_guarded(const ucontext_t *context, const struct egi_guarded_call *call)
{
	struct egi_unwind_registers registers = egi_unwind_interrupted(context);
	struct egi_unwind unwind;

	if (!egi_unwind_begin(&unwind, &registers, call->frame))
		return false;
	egi_unwind_return(&unwind);
	for (;;) {
		const struct egi_module_view *view = egi_unwind_view(&unwind);

		if (view && egi_libc_code(view) == EGI_CODE_LIBC &&
		    egi_libc_function(view, egi_unwind_lookup(&unwind)) == EGI_LIBC_HEAP)
			return false;
		switch (egi_unwind_step(&unwind)) {
		case EGI_UNWIND_STEPPED:
			break;
		case EGI_UNWIND_STOPPED:
			return true;
		default:
			return false;
		}
	}
}

#endif
