/* SPDX-License-Identifier: MIT */
#ifndef EGI_FAULT_ALTSTACK_H
#define EGI_FAULT_ALTSTACK_H

/*
 * What a thread has so that its faults can be handled: a stack for the signal handler, and room to write down what
 * happened.
 *
 *   | glibc's guard | zone |              the thread's stack                        |      crew threads
 *
 *   | guard | the handler's stack | struct egi_altstack |                                 one mapping
 *
 * The zone is 256 KiB at the low end of the stack that nobody may touch. A stack overflow hits it while there is still
 * room below: the zone is opened for what has to run on that stack until the task has ended, and closed again.
 *
 * A crew thread keeps its altstack in use until it ends. A thread of the program, which helps while it waits, has its own
 * alternate stack back when it has helped.
 *
 * All altstacks are listed, for a forked child: glibc gives its new threads the stacks of those that it does not have, zones
 * and all.
 */

#include <signal.h>

#include "fault/machine.h"
#include "os/thread.h"
#include "trace/trace.h"

#if EGI_FAULT_HAS_MACHINE

enum egi_fault_kind {
	EGI_FAULT_NONE, /* not one that is recovered */
	EGI_FAULT_NIL,
	EGI_FAULT_NIL_CALL,
	EGI_FAULT_DIVISION,
	EGI_FAULT_ABORT,
	EGI_FAULT_ASSERT,
	EGI_FAULT_WILD,
	EGI_FAULT_WILD_CALL,
	EGI_FAULT_BUS,
	EGI_FAULT_ILLEGAL,
	EGI_FAULT_FLOAT,
	EGI_FAULT_STACK_OVERFLOW
};

struct egi_altstack {
	void *mapping;
	size_t mapping_size;
	stack_t stack;  /* the handler's */
	stack_t before; /* the thread's, while `stack` is in use */
	unsigned users; /* worker runs, one within another */
	bool in_use;
	unsigned unblocked; /* signals that the thread had blocked before it ran tasks (chain.h) */
	bool is_unblocking;

	uintptr_t zone_low, zone_high; /* the zone is [zone_low, zone_high); 0: there is none */
	bool zone_is_open;
	struct egi_altstack *next, **link; /* in the list of all altstacks */

	/* the fault that is being handled, from the handler to where the thread lands */
	enum egi_fault_kind kind;
	int signal;
	int ending; /* this signal is raised in order to end the process by the fault itself */
	struct egi_machine_state state;
	struct egi_trace_record record;
};

/* Makes the calling thread's altstack, if it has none. Return: false without memory. */
bool egi_altstack_prepare(void);

/*
 * Has the calling thread's faults handled, on top of what it does already; and with a zone, if it is wanted and the
 * thread is the library's own. Return: false, with nothing done, without memory.
 */
bool egi_altstack_enter(bool with_zone);
void egi_altstack_leave(void);

/* Whether an address lies on the handler's stack. */
bool egi_altstack_is_on_stack(const struct egi_altstack *altstack, uintptr_t address);

/* Opens the zone, in the signal handler; and closes it, once the task that overflowed has ended. */
bool egi_altstack_open_zone(struct egi_altstack *altstack);
void egi_altstack_close_zone(struct egi_altstack *altstack);

/* The calling thread ends. */
void egi_altstack_exit_thread(void);

/* Around fork; and in the child, which opens the zones of the threads that it does not have. */
void egi_altstack_lock(void);
void egi_altstack_unlock(void);
void egi_altstack_start_child(void);

#endif

#endif
