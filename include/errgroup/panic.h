/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_PANIC_H
#define ERRGROUP_PANIC_H

/*
 * Panic: a task gives up from any depth and becomes its group's error, with the backtrace of its stack.
 *
 * A panic captures the stack, runs the task's deferred calls on top of it, and unwinds to the worker with
 * longjmp; the worker goes on with the next task. Locks held and memory owned by the functions in between are
 * the task's to give back, through eg_defer. A panic must not cross C++ frames with destructors or the frames
 * of a library that called back, and must not come from a signal handler.
 */

#include <errgroup/base.h>
#include <errgroup/error.h>

EG_BEGIN_DECLS

/*
 * Ends the running task with an error of kind EG_ERROR_PANIC, code EG_EPANIC and the message "panic: …".
 *
 * Threads: inside a task. Outside a task, or when the task's own frame is gone, one line goes to standard
 * error and the process aborts: there is nothing to unwind to.
 */
EG_PUBLIC void eg_panic(const char *format, ...) EG_PRINTF(1, 2) EG_NORETURN;

/*
 * The same with an error value, which keeps its identity: it is the cause of the task's error, and its code is
 * the task's code.
 *
 * Ownership: takes over the caller's reference. NULL panics with "panic: (no error)".
 */
EG_PUBLIC void eg_panic_with(eg_error *error) EG_NORETURN;

/*
 * Registers a call to make when the running task ends: by return, panic or pthread_exit. Calls are made last
 * registered first, on the task's thread. A panic inside one joins the task's error and the others still run.
 *
 * @fn   called once with arg
 * @arg  must not point into the stack of a function that has returned by the end of the task: the task's own
 *       locals are gone when it returns normally
 *
 * Threads: inside a task. Return: 0; -EINVAL for a NULL fn; -EPERM outside a task; -ENOMEM with nothing
 * registered (the first 8 of a task need no memory).
 */
EG_PUBLIC int eg_defer(void (*fn)(void *arg), void *arg) EG_MUST_CHECK;

EG_END_DECLS

#endif
