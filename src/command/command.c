/* SPDX-License-Identifier: MIT */
/*
 * Running a program: what is asked for is made into streams and a child, both are looked after until the end (tend.c), and
 * what became of it is reported.
 */
#include <errgroup/command.h>
#include <errgroup/error.h>
#include <errgroup/task.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command/capture.h"
#include "command/child.h"
#include "command/streams.h"
#include "command/tend.h"
#include "context/wait.h"
#include "os/clock.h"
#include "os/sized.h"
#include "os/thread.h"

#define KNOWN_FLAGS (EG_COMMAND_MERGE | EG_COMMAND_KEEP_FDS | EG_COMMAND_UNTIL_EXIT)
#define OUTPUT_MAX ((size_t)16 << 20)
#define GRACE (5 * EGI_SECOND)

struct run {
	const struct eg_command *command;
	const char *name;
	struct egi_streams streams;
	struct egi_child child;
	struct egi_tending tending;
	int status;
	int64_t begin_ns, end_ns;
	struct rusage usage;
};

/* Whether the function, if there is one, is called, and all that it implies is used. */
static bool output_is_valid(const struct eg_command *command)
{
	bool has_error = command->err == 0 && (command->flags & EG_COMMAND_MERGE) == 0;

	return !command->output || ((command->out == 0 || has_error) && command->output_max == 0);
}

static bool command_is_valid(const struct eg_command *command, const struct eg_command_result *result)
{
	return command && egi_sized_is_known(command, command->size, sizeof(*command)) &&
	       (!result || result->size == 0 || egi_sized_is_known(result, result->size, sizeof(*result))) &&
	       command->argv && command->argv[0] && (command->flags & ~(unsigned)KNOWN_FLAGS) == 0 &&
	       command->in >= EG_COMMAND_NULL && command->out >= EG_COMMAND_NULL &&
	       command->err >= EG_COMMAND_NULL && (command->input || command->input_size == 0) &&
	       (command->in == 0 || command->input_size == 0) &&
	       (command->err == 0 || (command->flags & EG_COMMAND_MERGE) == 0) && output_is_valid(command);
}

static enum egi_stream_kind kind_of(int field, bool is_piped)
{
	if (field == EG_COMMAND_NULL)
		return EGI_STREAM_NULL;
	if (field != 0)
		return EGI_STREAM_GIVEN;
	return is_piped ? EGI_STREAM_PIPE : EGI_STREAM_NULL;
}

/* Standard error is captured for the message, and standard output instead where the two are one. */
static int run_open_streams(struct run *run, bool has_result)
{
	const struct eg_command *command = run->command;
	bool is_merged = (command->flags & EG_COMMAND_MERGE) != 0;
	const int given[] = {command->in - 1, command->out - 1, command->err - 1};

	run->streams.kind[STDIN_FILENO] = kind_of(command->in, command->input_size > 0);
	run->streams.kind[STDOUT_FILENO] = kind_of(command->out, has_result || is_merged || command->output);
	run->streams.kind[STDERR_FILENO] = is_merged ? EGI_STREAM_MERGED : kind_of(command->err, true);
	return egi_streams_open(&run->streams, given);
}

/* Has the streams looked after by the loop, which owns them from now on. */
static int run_begin_captures(struct run *run, bool has_result)
{
	const struct eg_command *command = run->command;
	size_t max = command->output_max ? command->output_max : OUTPUT_MAX;
	int err = 0;

	for (int i = 0; i < EGI_TENDED; i++) {
		struct egi_capture *capture = &run->tending.captures[i];
		int stream = STDOUT_FILENO + i, fd = run->streams.ours[stream];

		run->streams.ours[stream] = -1;
		if (fd < 0)
			continue;
		if (command->output)
			egi_capture_begin_for(capture, fd, stream, command->output, command->output_arg);
		else if (egi_capture_begin(capture, fd, has_result, max) != 0)
			err = -ENOMEM;
	}
	run->tending.feed = (struct egi_feed){
	    .fd = run->streams.ours[STDIN_FILENO], .bytes = command->input, .left = command->input_size};
	run->streams.ours[STDIN_FILENO] = -1;
	if ((command->flags & EG_COMMAND_UNTIL_EXIT) != 0)
		run->tending.held = &run->streams;
	return err;
}

static bool ignores_children(void)
{
	struct sigaction action;

	return sigaction(SIGCHLD, NULL, &action) == 0 &&
	       (action.sa_handler == SIG_IGN || (action.sa_flags & SA_NOCLDWAIT) != 0);
}

static int run_start(struct run *run, eg_ctx *ctx, bool has_result)
{
	/* What the loop needs later must not be missing then. */
	int fd = ctx ? egi_ctx_end_fd(ctx) : 0, err;

	if (fd < 0)
		return eg_fail(fd, "%s: cannot watch the context", run->name);
	if (ignores_children())
		return eg_fail(-ECHILD, "%s: the process ignores SIGCHLD", run->name);
	err = run_open_streams(run, has_result);
	if (!err)
		err = run_begin_captures(run, has_result);
	if (err)
		return eg_fail(err, "%s: cannot make its streams", run->name);
	run->begin_ns = eg_clock_now_ns();
	err = egi_child_start(run->command, &run->streams, &run->child);
	if (err && run->command->dir)
		return eg_fail(err, "cannot run %s in %s", run->name, run->command->dir);
	return err ? eg_fail(err, "cannot run %s", run->name) : 0;
}

static int64_t nanoseconds(struct timeval time)
{
	return (int64_t)time.tv_sec * EGI_SECOND + (int64_t)time.tv_usec * EGI_MICROSECOND;
}

static void run_fill_result(struct run *run, struct eg_command_result *result)
{
	struct egi_capture *captures = run->tending.captures;

	result->signal = WIFSIGNALED(run->status) ? WTERMSIG(run->status) : 0;
	result->exit_status = WIFEXITED(run->status) ? WEXITSTATUS(run->status) : -1;
	result->output = egi_capture_take(&captures[0], &result->output_size, &result->output_dropped);
	result->errors = egi_capture_take(&captures[1], &result->errors_size, &result->errors_dropped);
	result->is_open = run->tending.is_open;
	result->elapsed_ns = run->end_ns - run->begin_ns;
	result->user_ns = nanoseconds(run->usage.ru_utime);
	result->system_ns = nanoseconds(run->usage.ru_stime);
	result->memory_max = (int64_t)run->usage.ru_maxrss * 1024;
}

/* One line of the program's follows on the same line, more of them below. */
static int run_fail(const struct run *run, int status, const char *what)
{
	bool is_merged = (run->command->flags & EG_COMMAND_MERGE) != 0;
	int length;
	const char *lines = egi_capture_last_lines(&run->tending.captures[is_merged ? 0 : 1], &length);
	const char *between = memchr(lines, '\n', (size_t)length) ? "\n" : ": ";

	return eg_fail(EG_ESTATUS(status), "%s: %s%s%.*s", run->name, what, length > 0 ? between : "", length,
		       lines);
}

/* The program has ended by itself. */
static int run_report_status(const struct run *run)
{
	char what[64];
	int number;

	if (WIFSIGNALED(run->status)) {
		const char *text = sigdescr_np(number = WTERMSIG(run->status));

		snprintf(what, sizeof(what), "ended by signal %d (%s)", number, text ? text : "unknown");
		return run_fail(run, 128 + number, what);
	}
	number = WEXITSTATUS(run->status);
	snprintf(what, sizeof(what), "exit status %d", number);
	return number ? run_fail(run, number, what) : 0;
}

static int report_over(eg_ctx *ctx, const char *name, const char *what)
{
	return eg_fail_with(eg_error_create_from(eg_ctx_cause(ctx), eg_ctx_err(ctx), "%s: %s", name, what));
}

static int run_report(const struct run *run, eg_ctx *ctx, int reaped)
{
	if (run->tending.is_ended)
		return report_over(ctx, run->name, "ended with its context");
	for (int i = 0; i < EGI_TENDED; i++)
		if (run->tending.captures[i].code)
			return run->tending.captures[i].code;
	if (run->tending.failure)
		return eg_fail(run->tending.failure, "%s: killed, since it could not be watched", run->name);
	if (reaped)
		return eg_fail(reaped, "%s: somebody else has its exit status", run->name);
	return run_report_status(run);
}

static int command_run(eg_ctx *ctx, const struct eg_command *command, struct eg_command_result *ret_result)
{
	struct run run = {
	    .command = command,
	    .name = command->argv[0],
	    .streams = {.ours = {-1, -1, -1}},
	    .tending = {.child = &run.child, .feed.fd = -1, .captures = {{.fd = -1}, {.fd = -1}}}};
	int reaped, err = run_start(&run, ctx, ret_result != NULL);

	if (!run.tending.held)
		egi_streams_close_theirs(&run.streams);
	if (!err) {
		egi_tend_run(&run.tending, ctx, command->grace_ns ? command->grace_ns : GRACE);
		reaped = egi_child_reap(&run.child, &run.status, &run.usage);
		run.end_ns = eg_clock_now_ns();
		if (ret_result)
			run_fill_result(&run, ret_result);
		err = run_report(&run, ctx, reaped);
	}
	egi_streams_close_theirs(&run.streams);
	egi_streams_close_ours(&run.streams);
	egi_tend_free(&run.tending);
	return err;
}

int eg_command_run(eg_ctx *ctx, const struct eg_command *command, struct eg_command_result *ret_result)
{
	int saved = errno, cancelable, err;

	if (!command_is_valid(command, ret_result))
		return -EINVAL;
	if (eg_ctx_err(ctx))
		return report_over(ctx, command->argv[0], "not started, since its context is over");
	(void)egi_thread_id(); /* the library may begin here */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	err = command_run(ctx, command, ret_result);
	pthread_setcancelstate(cancelable, NULL);
	errno = saved;
	return err;
}

void eg_command_result_finish(struct eg_command_result *result)
{
	if (!result)
		return;
	free(result->output);
	free(result->errors);
	*result = (struct eg_command_result)EG_COMMAND_RESULT_INIT;
}
