/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_ERROR_H
#define ERRGROUP_ERROR_H

/*
 * An error: why a task failed, and where.
 *
 * An error is immutable and reference counted. It has a code, a message, possibly a cause, and, when it came
 * from a task, the task's index, the worker's slot, the call site that submitted the task and, after a panic,
 * the backtrace of the panicking stack. Every function accepts NULL and treats it as "no error": code 0.
 *
 * Creating an error never fails. Without memory the result is an error that carries the code and the kind and
 * nothing else.
 */

#include <stdio.h>

#include <errgroup/base.h>

EG_BEGIN_DECLS

enum eg_error_kind {
	EG_ERROR_NONE = 0, /* no error (the kind of NULL) */
	EG_ERROR_RETURNED, /* a task returned non-zero, or the program created the error */
	EG_ERROR_PANIC,    /* a task called eg_panic or eg_panic_with */
	EG_ERROR_EXITED,   /* a task ended its thread: pthread_exit or thread cancellation */
	EG_ERROR_SKIPPED,  /* the task was accepted but never started: its group was cancelled, or halted */
	EG_ERROR_FAULT     /* a task faulted: a nil dereference, say; see errgroup/fault.h */
};

/*
 * A call site: where a task was submitted. eg_group_go and its relatives make one for each call in the
 * source; id is the library's and starts as 0.
 */
struct eg_site {
	const char *file;
	const char *function;
	uint32_t line;
	uint32_t id;
};

/*
 * Creates an error with a code and a printf-style message, or with a cause as well.
 *
 * @code   any non-zero value; 0 is taken as -EINVAL, since an error that reports success would be lost
 * @cause  the error underneath, or NULL
 *
 * Ownership: the caller owns one reference to the result; the cause gains a reference of its own. The message
 * is copied, and cut at 64 KiB. Threads: any. Return: never NULL.
 */
EG_PUBLIC eg_error *eg_error_create(int code, const char *format, ...) EG_PRINTF(2, 3) EG_MUST_CHECK;
EG_PUBLIC eg_error *eg_error_create_from(eg_error *cause, int code, const char *format, ...)
    EG_PRINTF(3, 4) EG_MUST_CHECK;

/*
 * Takes or gives back a reference. eg_error_ref returns its argument; the last eg_error_unref frees the error
 * and gives back its cause.
 * Threads: any.
 */
EG_PUBLIC eg_error *eg_error_ref(eg_error *error);
EG_PUBLIC void eg_error_unref(eg_error *error);

/*
 * What the error says.
 *
 *   code     the task's own result, or EG_EPANIC (the given error's code after eg_panic_with), EG_EFAULTED,
 *            EG_EEXITED, -ECANCELED for a skipped task; 0 for NULL
 *   message  one line or more of text without a final newline; never NULL, "" for NULL
 *   cause    the error underneath, or NULL: what eg_error_create_from was given, what eg_panic_with was
 *            given, what eg_fail attached to a task that then returned another code, or why a skipped task did
 *            not start: why the context of its group ended, or the group's first error
 *   joined   a panic or fault that a deferred call of the same task added later, or NULL. An error that was
 *            passed on (eg_fail_with) has those of both tasks
 *   signal   the number of the signal that a recovered fault was, such as SIGSEGV, or that arrived, of a code
 *            EG_ESIGNAL(signal); 0 for other errors
 *
 * Ownership: strings and errors are borrowed, and live as long as the error. Threads: any.
 */
EG_PUBLIC int eg_error_code(const eg_error *error);
EG_PUBLIC enum eg_error_kind eg_error_kind(const eg_error *error);
EG_PUBLIC const char *eg_error_message(const eg_error *error);
EG_PUBLIC eg_error *eg_error_cause(const eg_error *error);
EG_PUBLIC eg_error *eg_error_joined(const eg_error *error);
EG_PUBLIC int eg_error_signal(const eg_error *error);

/*
 * Where the error comes from.
 *
 *   task_index   the task's position in the submission order of the thread that submitted it, from 0; -1 when
 *                the error did not come from a task. Threads beyond the 64th to submit to one group count
 *                together
 *   worker_slot  the slot that ran the task, from 0, below the group's limit; -1 if it never ran
 *   site         the call site that submitted the task, or NULL when it is not known
 *
 * Ownership: the site lives as long as the process. Threads: any.
 */
EG_PUBLIC int64_t eg_error_task_index(const eg_error *error);
EG_PUBLIC int eg_error_worker_slot(const eg_error *error);
EG_PUBLIC const struct eg_site *eg_error_site(const eg_error *error);

/*
 * Writes the error for a reader: message, worker and task, backtrace with functions and lines, the call site
 * that created the task, then joined panics and causes. Names are looked up the first time an error is
 * printed, which can take milliseconds; nothing is looked up when it is created. errgroup/frame.h gives a
 * backtrace to programs.
 *
 * What a terminal would act on rather than show appears as octal escapes of its bytes, as in \033: control
 * characters of both kinds, what reorders text, and bytes that are not UTF-8. Newlines and tabs of a message
 * stay; those of names are escaped.
 *
 * eg_error_print writes to a stream. eg_error_format writes to a buffer as snprintf does: at most size
 * bytes with the final NUL, and returns the length of the whole text, which is below 64 KiB: what is too long
 * is cut.
 *
 * Out of memory costs names, not the rest.
 *
 * Threads: any, but not in a signal handler. Blocking: reads the files of the modules the first time, and
 * waits for other threads that print. Return: eg_error_print 0, -EINVAL for a NULL stream, -EIO when the
 * stream failed.
 */
EG_PUBLIC int eg_error_print(const eg_error *error, FILE *stream);
EG_PUBLIC size_t eg_error_format(const eg_error *error, char *buffer, size_t size);

/*
 * Writes the error for whoever uses the program, as one line: its message, then those of its causes, as far as they add
 * something, and in the end the name of the last one's code, if that is an errno.
 *
 *     cannot load the settings: cannot open /etc/x: No such file or directory
 *
 * Nothing is looked up. Newlines and tabs of messages become spaces, and what a terminal would act on is escaped as
 * eg_error_print does. A line is shorter than 4 KiB: what is too long is cut, and ends with "...".
 *
 * eg_error_print_line writes to a stream, with a newline, and nothing for NULL. eg_error_format_line writes to a buffer as
 * snprintf does, without a newline, and returns the length of the whole line.
 *
 * Threads: any, but not in a signal handler. Return: eg_error_print_line 0, -EINVAL for a NULL stream, -EIO when the stream
 * failed.
 */
EG_PUBLIC int eg_error_print_line(const eg_error *error, FILE *stream);
EG_PUBLIC size_t eg_error_format_line(const eg_error *error, char *buffer, size_t size);

EG_END_DECLS

#endif
