/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_BASE_H
#define ERRGROUP_BASE_H

/*
 * What every liberrgroup header shares: versions, result codes, the clock, the library's threads, and the
 * names of what other headers describe.
 *
 * Results are 0 for success or a negative code. A code above -4096 is a negated errno; the library's own
 * codes lie below, so that no errno can collide with one. Task results are the user's and travel unchanged,
 * except that no wait gives a task's result for what it has to say itself: see EG_EUNFINISHED.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define EG_BEGIN_DECLS extern "C" {
#define EG_END_DECLS }
#else
#define EG_BEGIN_DECLS
#define EG_END_DECLS
#endif

#if defined(__GNUC__)
#define EG_PUBLIC __attribute__((visibility("default")))
#define EG_MUST_CHECK __attribute__((warn_unused_result))
#define EG_NORETURN __attribute__((noreturn))
#define EG_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define EG_PUBLIC
#define EG_MUST_CHECK
#define EG_NORETURN
#define EG_PRINTF(text, first)
#endif

#define EG_VERSION_MAJOR 0
#define EG_VERSION_MINOR 1
#define EG_VERSION_PATCH 0
#define EG_VERSION_NUMBER (EG_VERSION_MAJOR * 10000 + EG_VERSION_MINOR * 100 + EG_VERSION_PATCH)

#define EG_EPANIC (-4097)   /* a task panicked */
#define EG_EEXITED (-4098)  /* a task ended its thread with pthread_exit or was cancelled */
#define EG_EFAULTED (-4099) /* a task faulted, where faults are recovered (errgroup/fault.h) */

/*
 * What a call on a group says of itself. No task's result looks like one of these: of a task that passes one
 * on, a wait returns -ETIMEDOUT, -EDEADLK or -EOWNERDEAD, in this order, and the error keeps the code.
 */
#define EG_EUNFINISHED (-4100) /* the time has come, and tasks of the group are unfinished */
#define EG_EINSIDE (-4101)     /* the caller runs a task of the group */
#define EG_EFORKED (-4102)     /* this is a forked child, and the group is its parent's */

#define EG_ESIGNAL(signal) (-4352 - (signal)) /* that signal arrived: the cause of eg_ctx_with_signals */

/*
 * A program failed: its exit status, from 1 to 255, or, as a shell has it, 128 and the number of the signal that
 * ended it (errgroup/command.h).
 */
#define EG_ESTATUS(status) (-4608 - (status))

/*
 * Durations, in nanoseconds as every duration that the library takes. What is too long to be told so becomes the longest
 * there is, of either sign.
 *
 * @n  a whole number, of any type of integer; EG_MILLISECONDS(500) is half a second, as EG_SECONDS(0.5) does not compile.
 *     It is evaluated more than once. Of a constant the result is a constant expression
 */
/* clang-format off */
#define EG_MICROSECONDS(n) EG_DURATION(n, INT64_C(1000))
#define EG_MILLISECONDS(n) EG_DURATION(n, INT64_C(1000000))
#define EG_SECONDS(n) EG_DURATION(n, INT64_C(1000000000))
/* What they are made of. Divided, a number of a small type is compared with nothing that its type cannot hold. */
#define EG_DURATION(n, unit_ns)                                   \
	((n) / (INT64_MAX / (unit_ns) + 1) > 0 ? INT64_MAX        \
	 : (int64_t)(n) / (INT64_MAX / (unit_ns) + 1) < 0 ? INT64_MIN \
	 : (int64_t)((n) | 0) * (unit_ns))
/* clang-format on */

EG_BEGIN_DECLS

typedef struct eg_error eg_error; /* errgroup/error.h */
typedef struct eg_ctx eg_ctx;     /* errgroup/ctx.h */
typedef struct eg_limit eg_limit; /* errgroup/limit.h */

/*
 * The version of the library in use, as EG_VERSION_NUMBER is of the headers, and as text ("0.1.0").
 * Threads: any. Never fails.
 */
EG_PUBLIC int eg_version_number(void);
EG_PUBLIC const char *eg_version_string(void);

/*
 * A short description of a result code: the library's own codes and negated errno values.
 *
 * Ownership: a constant string. Threads: any. Return: never NULL; "unknown code" for anything else.
 */
EG_PUBLIC const char *eg_strerror(int code);

/*
 * Now, in nanoseconds on CLOCK_MONOTONIC, the clock of every absolute time that the library takes.
 * Threads: any, async-signal-safe. Never fails.
 */
EG_PUBLIC int64_t eg_clock_now_ns(void);

/*
 * The time so many nanoseconds from now: a deadline. A sum beyond the clock's range is EG_CTX_NO_DEADLINE.
 *
 *     err = eg_ctx_sleep_until(ctx, eg_clock_after_ns(EG_MILLISECONDS(100)));
 *
 * Threads: any, async-signal-safe. Never fails.
 */
EG_PUBLIC int64_t eg_clock_after_ns(int64_t duration_ns);

/*
 * Ends the library's threads that are idle, and returns when they are gone: joined, and no more among the
 * process's threads. For what Linux allows to a process of one thread only, such as unshare(CLONE_NEWUSER),
 * and for whoever wants to know that nothing of the library's is left: before a plugin is closed whose
 * thread-specific values they hold, before leaks are counted, before a sandbox is entered.
 *
 * Threads that are at work go on, and end when they have nothing more to do. Groups, contexts and deadlines
 * that are used afterwards start threads anew.
 *
 * Threads: any, also several at once, in a task too, whose own thread is then at work. Not in a signal
 * handler. Blocking: until the idle threads are gone, and with them the destructors of their thread-specific
 * values.
 * Return: how many threads of the library are left, because they are at work or were started meanwhile: 0 if
 * none is; EG_EINSIDE, with nothing done, in such a destructor, on a thread that ends.
 */
EG_PUBLIC int eg_threads_end_idle(void);

EG_END_DECLS

#endif
