/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_COMMAND_H
#define ERRGROUP_COMMAND_H

/*
 * A command: a program that is started, waited for, and ended with a context.
 *
 *     err = eg_command_run(ctx, EG_COMMAND(EG_ARGV("gzip", "-9", path)), NULL);
 *
 * In a task that line is all: if the program fails, the task fails with the program's exit status and the last
 * lines of its standard error; if another task fails, the program is ended.
 *
 *     struct eg_command_result result = EG_COMMAND_RESULT_INIT;
 *
 *     err = eg_command_run(ctx, EG_COMMAND(EG_ARGV("git", "log", "-1"), .dir = path), &result);
 *     if (!err)
 *             fwrite(result.output, 1, result.output_size, stdout);
 *     eg_command_result_finish(&result);
 *
 * A program starts as the main thread would start it, whichever thread does: it blocks the signals that the
 * process blocks, and its signals have their default actions, but for a SIGHUP that is ignored (nohup). It has
 * a process group of its own, so that what it starts can be ended with it, and Ctrl-C at the terminal does not
 * reach it: give it a context that the signal cancels (eg_ctx_with_signals).
 */

#include <errgroup/base.h>
#include <errgroup/ctx.h>

EG_BEGIN_DECLS

/* What the program's standard input, output and error may be, instead of what they are if 0 is left there. */
#define EG_COMMAND_FD(fd) ((fd) + 1) /* a descriptor of the caller's: EG_COMMAND_FD(STDOUT_FILENO) */
#define EG_COMMAND_NULL (-1)         /* /dev/null */

enum eg_command_flags {
	EG_COMMAND_MERGE = 1 << 0, /* standard error goes where standard output goes */
	EG_COMMAND_KEEP_FDS =
	    1 << 1, /* the program inherits descriptors that are not close-on-exec; else none */
	EG_COMMAND_UNTIL_EXIT =
	    1 << 2 /* its output ends when it exits, even if what it has started has it open still */
};

/*
 * Takes what a program writes, as it comes, instead of a capture. It must return, and panics are forbidden
 * meanwhile as between eg_panic_forbid and eg_panic_allow.
 *
 * @arg     the command's output_arg
 * @stream  STDOUT_FILENO or STDERR_FILENO; the first with EG_COMMAND_MERGE
 * @bytes   these are gone when the call has returned
 * @size    at least 1
 *
 * Threads: the one that runs the command. Return: 0; or another value, that nothing more is taken of this
 * stream. It is closed then: a program that goes on to write there gets SIGPIPE, or EPIPE.
 */
typedef int eg_output_fn(void *arg, int stream, const char *bytes, size_t size);

/*
 * What to run. Zero means default everywhere; fields are only ever added at the end.
 */
struct eg_command {
	size_t size; /* sizeof(struct eg_command), set by EG_COMMAND_INIT */
	const char *const
	    *argv; /* the program and its arguments, then NULL; without a slash it is looked for in PATH */
	const char *const *envp; /* its environment, then NULL; NULL: the caller's */
	const char *
	    dir; /* its working folder, from which a program with a slash is looked for; NULL: the caller's */

	const void *input; /* what it reads from its standard input */
	size_t input_size;

	int in;  /* EG_COMMAND_FD or EG_COMMAND_NULL; 0: `input` if there is some, or else /dev/null */
	int out; /* the same; 0: given to `output`, or captured if there is a result, or else /dev/null */
	int err; /* the same; 0: given to `output`, or captured, if only for the message of an error */

	unsigned flags; /* of enum eg_command_flags */
	size_t
	    output_max; /* bytes captured of each stream; 0: 16 MiB. The program may write more, which is dropped */
	int64_t
	    grace_ns; /* from SIGTERM to SIGKILL at the context's end; 0: 5 s; negative: SIGKILL at once */

	eg_output_fn *output; /* called with what it writes, of which nothing is captured; NULL: none */
	void *output_arg;
};

/*
 * EG_COMMAND_INIT begins a variable. In C, EG_COMMAND is a pointer to a command with these arguments, of which
 * more fields may be named, and EG_ARGV makes arguments; both live as long as the block around them.
 */
/* clang-format off */
#define EG_COMMAND_INIT {sizeof(struct eg_command), NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0, NULL, NULL}
#ifndef __cplusplus
#define EG_ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})
#define EG_COMMAND(...) (&(struct eg_command){.size = sizeof(struct eg_command), .argv = __VA_ARGS__})
#endif
/* clang-format on */

/*
 * What became of it. Texts end with a NUL that is not counted, and are NULL for what is not captured.
 */
struct eg_command_result {
	size_t size; /* sizeof(struct eg_command_result), set by EG_COMMAND_RESULT_INIT; 0: what is here */
	int exit_status; /* what the program gave to exit; -1 if a signal ended it */
	int signal;      /* that signal, or 0 */

	char *output; /* what it wrote to standard output, the beginning */
	size_t output_size;
	size_t output_dropped; /* how much it wrote beyond output_max, or beyond what memory there was */
	char *errors;          /* the same of standard error */
	size_t errors_size;
	size_t errors_dropped;
	int is_open; /* 1: what it left running still has its output open; what that writes from now on is not here */

	int64_t elapsed_ns; /* how long it ran */
	int64_t user_ns;    /* CPU time, its children's that it waited for included */
	int64_t system_ns;
	int64_t memory_max; /* bytes of memory in use at most, by it or one of these */
};

/* clang-format off */
#define EG_COMMAND_RESULT_INIT \
	{sizeof(struct eg_command_result), 0, 0, NULL, 0, 0, NULL, 0, 0, 0, 0, 0, 0, 0}
/* clang-format on */

/*
 * Runs a program, and returns when it has ended. What it does not read of its input is no error.
 *
 * When the context ends first, the program's process group is sent SIGTERM, and SIGKILL after the time of
 * grace, or as soon as the program itself has ended and its output is at an end. A program that cannot be
 * signalled, as another user's, is waited for.
 *
 * When the program ends first, its output is read to the end, but for no longer than the time of grace, or, with
 * EG_COMMAND_UNTIL_EXIT, not beyond what is there: what it has left running in the background may have it open.
 * That is left alone, unless the context ends meanwhile.
 *
 * @ret_result  as EG_COMMAND_RESULT_INIT makes it, or all zero; or NULL. Set if the program was started,
 *              whatever this then returns, and untouched otherwise
 *
 * Of a failure in a task the message is attached as by eg_fail: "gzip: exit status 1" and the last lines of its
 * standard error, if captured.
 *
 * Ownership: the command is read until this returns; the result is given back by eg_command_result_finish.
 * Threads: any. Blocking: as said. No child, and no descriptor, is left.
 * Return: 0, the program has exited with status 0; EG_ESTATUS(status), it has exited with another, or by a signal;
 * the code of eg_ctx_err, the context ended before the program did, which may not have been started; what
 * `output` has returned, if that was not 0.
 * When nothing was started: -EINVAL for a NULL command or one without a program, a size that cannot be, an
 * unknown flag, input in two ways, an `err` beside EG_COMMAND_MERGE, an `output` that would get nothing, or one
 * beside an output_max; -ECHILD if the process ignores SIGCHLD, and exit statuses are lost; what posix_spawn
 * fails with, such as -ENOENT or -EACCES; -EMFILE, -ENFILE, -ENOMEM.
 * -ECHILD also if somebody else has waited for the program, whose status is not known then.
 */
EG_PUBLIC int eg_command_run(eg_ctx *ctx, const struct eg_command *command,
			     struct eg_command_result *ret_result) EG_MUST_CHECK;

/*
 * Gives back what a result holds, and makes it as EG_COMMAND_RESULT_INIT does. Threads: one. NULL, and a result that
 * was never set, is fine.
 */
EG_PUBLIC void eg_command_result_finish(struct eg_command_result *result);

EG_END_DECLS

#endif
