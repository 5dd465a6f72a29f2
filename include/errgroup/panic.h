/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_PANIC_H
#define ERRGROUP_PANIC_H

/*
 * Panic: a task gives up from any depth and becomes its group's error, with the backtrace of its stack.
 *
 * A panic captures the stack, runs the task's deferred calls on top of it, and unwinds to the worker with
 * longjmp; the worker goes on with the next task. Locks held and memory owned by the functions in between are
 * the task's to give back, through eg_defer (errgroup/task.h). A panic must not cross C++ frames with
 * destructors or the frames of a library that called back, and must not come from a signal handler. A C++
 * exception must not leave a task, a deferred call or the hook: it ends the process by std::terminate,
 * whoever would catch it.
 */

#include <errgroup/base.h>

EG_BEGIN_DECLS

/*
 * Ends the running task with an error of kind EG_ERROR_PANIC, code EG_EPANIC and the message "panic: …",
 * which is cut at 4 KiB. Where faults are recovered (errgroup/fault.h), a message with an argument that
 * cannot be read is its format, and says so.
 *
 * Threads: inside a task. Outside a task, when the task's own frame is gone, between eg_panic_forbid and
 * eg_panic_allow, or in a function called when a context ends (eg_ctx_on_end), one line goes to standard error
 * and the process aborts.
 */
EG_PUBLIC void eg_panic(const char *format, ...) EG_PRINTF(1, 2) EG_NORETURN;

/*
 * The same with an error value, which keeps its identity: it is the cause of the task's error, and its code
 * is the task's code.
 *
 * @error  NULL panics with "panic: (no error)"
 *
 * Ownership: takes over the caller's reference. Threads: as eg_panic.
 */
EG_PUBLIC void eg_panic_with(eg_error *error) EG_NORETURN;

/*
 * Between these two no panic can be survived, because the code in between holds what a deferred call could
 * not put right: eg_panic is misuse there (one line on standard error, and abort), and a fault is the
 * process's, as if it were not recovered. They nest: each eg_panic_forbid has its eg_panic_allow. The count
 * is the running task's, or the thread's outside tasks.
 *
 * Threads: any. Blocking: never. An eg_panic_allow without an eg_panic_forbid is misuse, and so is a task, or
 * a function called when a context ends, that returns between the two: one line on standard error, and abort.
 */
EG_PUBLIC void eg_panic_forbid(void);
EG_PUBLIC void eg_panic_allow(void);

/*
 * Sets the function that is told of every panic and every recovered fault of the process at the moment it
 * happens: on the thread of the task, before any deferred call and before the stack is unwound. Made for
 * loggers and crash reporters. NULL means none.
 *
 * @fn  gets the error, complete with its backtrace. The error is the task's: it may be printed, and a
 *      reference may be taken to be used after the group's wait. It runs as the task does; if it panics
 *      itself, or faults, that joins the task's error, and it is not told of it, nor of panics in groups that
 *      it makes
 *
 * Threads: any; the hook itself may set another. Ordering: what was written before is visible to the hook. A
 * panic that happens meanwhile may still call the hook before.
 */
typedef void eg_panic_hook_fn(eg_error *error, void *arg);
EG_PUBLIC void eg_panic_set_hook(eg_panic_hook_fn *fn, void *arg);

EG_END_DECLS

#endif
