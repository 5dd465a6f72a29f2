/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_TASK_H
#define ERRGROUP_TASK_H

/*
 * A task: a function that a group runs (errgroup/group.h), and what it may call meanwhile: to fail in one
 * line, to have calls made at its end, to know its slot. To give up from any depth there is errgroup/panic.h.
 */

#include <errgroup/base.h>

EG_BEGIN_DECLS

/*
 * A task: 0 is success; any other value is the task's error and reaches eg_group_wait unchanged. A C++
 * exception that leaves it ends the process by std::terminate, on every thread.
 */
typedef int eg_task_fn(eg_ctx *ctx, void *arg);

/*
 * One of many tasks that are alike: it gets its index (eg_group_go_each). And a piece of them, with the indices
 * from begin to below end (eg_group_go_pieces).
 */
typedef int eg_each_fn(eg_ctx *ctx, void *arg, size_t index);
typedef int eg_piece_fn(eg_ctx *ctx, void *arg, size_t begin, size_t end);

/*
 * Attaches a message to the running task's result and returns the code, so that a task fails in one line:
 *
 *     return eg_fail(-errno, "read %s", path);
 *
 * The message is used if the task returns that same code; if it returns another non-zero code, the message
 * becomes that error's cause; if it returns 0, the message is dropped. Outside a task nothing is attached.
 *
 * Threads: any. Return: code as it was given, also when memory ran out.
 */
EG_PUBLIC int eg_fail(int code, const char *format, ...) EG_PRINTF(2, 3);

/*
 * The same with an error value: the running task fails with its kind, code, message, backtrace and cause, if
 * it returns the code. An error that comes from another task is repeated with the running task's index, slot
 * and call site, and printed with the other's as well.
 *
 *     return eg_fail_with(error);
 *
 * eg_group_pass does it with the error of a group that a task waits for. Without memory the code and the kind
 * are kept.
 *
 * Ownership: takes over the caller's reference, also outside a task. Threads: any. Return: the error's code;
 * 0 for NULL, which attaches nothing.
 */
EG_PUBLIC int eg_fail_with(eg_error *error);

/*
 * Registers a call to make when the running task ends: by return, panic, fault or pthread_exit; inside a
 * scope (see below), when the scope ends. Calls are made last registered first, on the task's thread. A panic
 * inside one joins the task's error and the others still run.
 *
 * @fn   called once with arg
 * @arg  must not point into the stack of a function that has returned by the end of the task: the task's own
 *       locals are gone when it returns normally. A scope's calls may be given locals of its function
 *
 * Ownership: arg stays the caller's. Threads: inside a task. Return: 0; -EINVAL for a NULL fn; -EPERM outside
 * a task; -ENOMEM with nothing registered (the first 8 of a task need no memory).
 */
EG_PUBLIC int eg_defer(void (*fn)(void *arg), void *arg) EG_MUST_CHECK;

/*
 * Takes back the latest registration of fn with arg: that call is not made.
 *
 * Threads: inside a task. Return: 0; -EINVAL for a NULL fn; -EPERM outside a task; -ENOENT if there is none.
 */
EG_PUBLIC int eg_undefer(void (*fn)(void *arg), void *arg);

/*
 * A scope: the calls deferred since eg_scope_begin are made by eg_scope_end, or when the task ends before
 * that by a panic or a fault. Scopes nest. With gcc and clang
 *
 *     EG_SCOPE(scope);
 *
 * opens one that ends with the block around it, however the block is left.
 *
 * @scope  the caller's, on the stack; its contents are private, and set by eg_scope_begin
 *
 * When the task's thread ends inside a scope (pthread_exit, cancellation), the calls of open scopes are not
 * made, since their arguments may have been on the stack; only a function compiled with -fexceptions ends its
 * EG_SCOPE then.
 *
 * Threads: inside a task; outside one, a scope is empty and does nothing. A scope that is ended in another
 * task or out of order, or that is open when its task returns, is misuse: one line on standard error, and
 * abort. Blocking: eg_scope_end for what the calls do.
 */
typedef struct eg_scope {
	struct eg_scope *eg_outer;
	void *eg_task;
	size_t eg_mark;
	uint64_t eg_reserved[3];
} eg_scope;

EG_PUBLIC void eg_scope_begin(eg_scope *scope);
EG_PUBLIC void eg_scope_end(eg_scope *scope);

#if defined(__GNUC__)
#define EG_SCOPE(name)                                            \
	eg_scope name __attribute__((__cleanup__(eg_scope_end))); \
	eg_scope_begin(&(name))
#endif

/*
 * The slot of the worker that runs the calling task: the number of one of the group's places, from 0 to below
 * the limit. No two tasks of the group that run at once have the same, so it is an index into whatever tasks
 * are to reuse and not to share: a buffer, a compressor, a connection, as many as the limit.
 *
 *     struct scratch *scratch = &scratches[eg_task_slot()];
 *
 * A task keeps its slot to its end, deferred calls included. Which slot it gets says nothing: one worker may
 * run all tasks. After the limit was lowered, slots below the former one may still be in use; without a
 * limit, slots are as many as there ever were workers at once.
 *
 * Threads: any. Ordering: what a task wrote is visible to later tasks of the same slot.
 * Return: the slot; inside nested groups that of the innermost group's task; -1 outside tasks.
 */
EG_PUBLIC int eg_task_slot(void);

/*
 * What is dear to make and good for one task at a time, a connection, a compressor: made once for each slot
 * that is used, by the options slot_init and slot_finish of a group (errgroup/group.h).
 *
 *     static int connect_slot(eg_ctx *ctx, void *arg, void **ret_data)
 *     {
 *             *ret_data = connection_open(arg);
 *             return *ret_data ? 0 : eg_fail(-errno, "connect");
 *     }
 *
 * slot_init is called as the beginning of the first task that runs in a slot, on that task's thread, and may
 * do what a task does: what it returns, if that is not 0, or panics with, is the task's error, the task is not
 * called, and the slot's next task tries anew. What it has deferred is done when the task ends. Tasks that are
 * skipped make nothing. A NULL slot_init is one that stores NULL.
 *
 * slot_finish is called once for each slot whose slot_init has succeeded, with what that has stored, when the
 * group is destroyed and all its tasks have ended: on the destroying thread, one after the other. It must
 * return, and must not use the group; panics are forbidden meanwhile as between eg_panic_forbid and
 * eg_panic_allow. A forked child, in which the group is dead, calls none.
 *
 * The data is used by one task at a time, on whichever thread has the slot, and stays for later tasks and
 * rounds, after eg_group_reset too.
 *
 * @ctx       what the task gets
 * @arg       the option slot_arg
 * @ret_data  where to store the data; NULL is stored there
 *
 * Return: 0, or the task's error, with nothing left to finish.
 */
typedef int eg_slot_init_fn(eg_ctx *ctx, void *arg, void **ret_data);
typedef void eg_slot_finish_fn(void *arg, void *data);

/*
 * The data of the calling task's slot.
 *
 * Ownership: the slot's. Threads: any. Ordering: as of the slot, see eg_task_slot.
 * Return: what slot_init has stored; inside nested groups that of the innermost group's task; NULL outside
 * tasks, in slot_init itself, and in groups that have none.
 */
EG_PUBLIC void *eg_task_slot_data(void);

EG_END_DECLS

#endif
