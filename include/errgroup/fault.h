/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_FAULT_H
#define ERRGROUP_FAULT_H

/*
 * Faults: a nil dereference, a division by zero or a failed assert in a task becomes the task's error, as
 * Go's run-time panics do, instead of the end of the process.
 *
 * Off unless asked for, for the process or for a group. Nothing is recovered that does not happen in a task,
 * on the thread that runs it: faults in main, in other threads, in malloc, free and stdio, inside this
 * library, in signals that somebody sent, and between eg_panic_forbid and eg_panic_allow, have the effect
 * that they have without the library; handlers that the program installed before are called.
 *
 * A recovered fault is for reporting and for a graceful end. After a wild pointer the process may be corrupt:
 * the same bug may have written elsewhere before. The functions between the fault and the worker do not
 * return; what they hold is given back by deferred calls (errgroup/task.h) or lost. A compiler may have left
 * out or delayed stores before the fault, so deferred calls see only what was stored through volatile, or
 * before a call that the compiler does not see into.
 */

#include <errgroup/base.h>

EG_BEGIN_DECLS

/*
 * Which faults become errors. EG_FAULT_STACK is added to one of the two modes before it. 0 stands for the
 * default: that of the process in a group's options, EG_FAULT_OFF for the process.
 */
enum eg_fault_mode {
	EG_FAULT_OFF = 1, /* none */
	EG_FAULT_GO =
	    2, /* as in Go: a nil pointer (an address below 4096), integer division, abort, assert */
	EG_FAULT_ALL = 3, /* and wild pointers, bus errors, illegal instructions, floating-point traps */
	EG_FAULT_STACK = 1 << 3 /* and stack overflow, in tasks on the library's own threads */
};

/*
 * Sets the mode of the process. It holds for tasks that a thread begins to run afterwards; set it before
 * tasks are submitted. The first mode but EG_FAULT_OFF installs handlers for SIGSEGV, SIGBUS, SIGFPE, SIGILL
 * and SIGABRT; they stay, and hand on what is not recovered.
 *
 * Threads: any. Return: 0; -EINVAL for an unknown mode; -ENOTSUP on machines other than x86-64 with glibc, in
 * programs without libc.so or unwind tables, and with shadow stacks; -EBUSY when somebody has replaced the
 * handlers since they were installed; -ENOMEM, for the calling thread's alternate stack among others. The
 * mode is unchanged on failure.
 */
EG_PUBLIC int eg_fault_set_mode(unsigned mode);

EG_END_DECLS

#endif
