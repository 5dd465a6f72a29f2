/* SPDX-License-Identifier: MIT */
#ifndef EGI_FAULT_JUDGE_H
#define EGI_FAULT_JUDGE_H

/*
 * What a fault is, and whether the task can be ended where it happened. In the signal handler; whatever is not known is
 * answered with no.
 */

#include <signal.h>

#include "fault/altstack.h"
#include "task/recovery.h"

#if EGI_FAULT_HAS_MACHINE

/*
 * What kind of fault a signal is, by itself; EGI_FAULT_NONE for one that somebody sent. A stack overflow looks like a
 * wild pointer here.
 */
enum egi_fault_kind egi_fault_classify(int signal, const siginfo_t *info, const ucontext_t *context);

/* Whether the stack ran over, where there is a zone that shows it. */
bool egi_fault_is_overflow(const struct egi_altstack *altstack, const siginfo_t *info,
			   const ucontext_t *context);

/* Whether a mode of enum eg_fault_mode has faults of that kind recovered. */
bool egi_fault_is_wanted(enum egi_fault_kind kind, unsigned mode);

/*
 * Whether all frames from where it happened up to the one that called the user's code may be given up: none of them is
 * this library's, and none the C library's but of functions that are known to hold no lock. An abort() that turns out
 * to be a failed assert is told by *kind. May fault itself: in a guarded call.
 *
 * @ret_raising  how many frames from abort() to the signal there are
 */
bool egi_fault_is_open(const ucontext_t *context, const struct egi_recovery *recovery,
		       enum egi_fault_kind *kind, unsigned *ret_raising);

/* The same for code in a guarded call, which calls into the C library as it likes, but must not be in the allocator. */
bool egi_fault_is_guarded(const ucontext_t *context, const struct egi_guarded_call *call);

#endif

#endif
