/* SPDX-License-Identifier: MIT */
/*
 * A job is one call of eg_command_run, or, with --retries, some of these in eg_retry. Its descriptors are those that batch
 * was started with, as with xargs; but standard input is empty, and what it prints is taken, until it exits: what it has left
 * running cannot print any more.
 */

#include "job.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct job *job_create(uint64_t number, char **inputs, size_t count)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job == NULL)
		return NULL;
	job->number = number;
	job->inputs = inputs;
	job->count = count;
	job->exit_status = -1;
	output_init(&job->output);
	return job;
}

void job_destroy(struct job *job)
{
	for (size_t i = 0; i < job->count; i++)
		free(job->inputs[i]);
	free(job->inputs);
	output_finish(&job->output);
	free(job);
}

static double seconds_since_1970(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* What a job runs with. */
struct running {
	struct job *job;
	const struct job_options *options;
	char **words;
};

/*
 * Runs words, as execvp(3) and so xargs do: a program that is no binary, and does not say which interpreter it is for, is a
 * script for sh.
 */
static int run_words(eg_ctx *ctx, char *const *words, struct eg_command *command,
		     struct eg_command_result *ret_result)
{
	static const char *const shell[] = {"sh", "-c", "exec \"$0\" \"$@\""};
	size_t count = 0;
	const char **script;
	int error;

	command->argv = (const char *const *)words;
	error = eg_command_run(ctx, command, ret_result);
	if (error != -ENOEXEC)
		return error;
	while (words[count] != NULL)
		count++;
	script = malloc(sizeof(shell) + (count + 1) * sizeof(*script));
	if (script == NULL)
		return -ENOMEM;
	memcpy(script, shell, sizeof(shell));
	memcpy(script + sizeof(shell) / sizeof(shell[0]), words, (count + 1) * sizeof(*words));
	command->argv = script;
	error = eg_command_run(ctx, command, ret_result);
	free(script);
	return error;
}

/* What an earlier attempt has printed is of no interest any more. */
static int attempt(eg_ctx *ctx, void *arg)
{
	struct running *running = arg;
	struct job *job = running->job;
	struct eg_command command = EG_COMMAND_INIT;
	struct eg_command_result result = EG_COMMAND_RESULT_INIT;
	int error;

	output_finish(&job->output);
	job->was_started = false;
	command.output = output_take;
	command.output_arg = &job->output;
	command.flags = EG_COMMAND_KEEP_FDS | EG_COMMAND_UNTIL_EXIT;
	job->began = seconds_since_1970();
	result.elapsed_ns = -1;
	error = run_words(ctx, running->words, &command, &result);
	job->was_started = result.elapsed_ns >= 0;
	job->exit_status = job->was_started ? result.exit_status : -1;
	job->signal = result.signal;
	job->elapsed_ns = job->was_started ? result.elapsed_ns : 0;
	eg_command_result_finish(&result);
	/* Some output is lost, and the program may have been ended by that. */
	for (int i = 0; i < OUTPUT_STREAMS; i++)
		if (job->output.streams[i].error != 0)
			return job->output.streams[i].error;
	return error;
}

static int attempt_in_time(eg_ctx *ctx, void *arg)
{
	const struct running *running = arg;
	eg_ctx *limited;
	int error;

	if (running->options->timeout_ns == 0)
		return attempt(ctx, arg);
	error = eg_ctx_with_timeout(ctx, running->options->timeout_ns, &limited);
	if (error == 0) {
		error = attempt(limited, arg);
		eg_ctx_unref(limited);
	}
	return error;
}

/* What cannot be run now cannot be run later either. */
static bool is_worth_another(const eg_error *error, void *arg)
{
	const struct running *running = arg;

	return running->job->was_started && eg_error_code(error) != -ECANCELED;
}

static int attempts(struct running *running, eg_ctx *ctx)
{
	struct eg_retry_options retry = EG_RETRY_OPTIONS_INIT;
	eg_error *error;
	int code;

	if (running->options->retries == 0)
		return attempt_in_time(ctx, running);
	retry.attempts = (unsigned)running->options->retries + 1;
	retry.retry_if = is_worth_another;
	retry.retry_arg = running;
	code = eg_retry(ctx, attempt_in_time, running, &retry, &error);
	eg_error_unref(error);
	return code;
}

void job_run(struct job *job, eg_ctx *ctx, const struct job_options *options, int slot)
{
	struct template_values values = {job->inputs, job->count, job->number, slot};
	struct running running = {job, options, template_expand(&options->template, &values)};

	job->code = running.words != NULL ? attempts(&running, ctx) : -ENOMEM;
	template_free(running.words);
	if (job->code == 0)
		job->state = JOB_SUCCEEDED;
	else if (eg_ctx_err(ctx) != 0 && job->code == eg_ctx_err(ctx))
		job->state = job->was_started ? JOB_ENDED : JOB_NOT_STARTED;
	else
		job->state = JOB_FAILED;
	/* Whatever status it gave when it was told to end, it did not come to its end. */
	if (job->state != JOB_SUCCEEDED && job->code > EG_ESTATUS(0)) {
		job->exit_status = -1;
		if (job->signal == 0 && job->was_started &&
		    (job->state == JOB_ENDED || job->code == -ETIMEDOUT))
			job->signal = SIGTERM;
	}
}

char *job_line(const struct job *job, const struct job_options *options)
{
	struct template_values values = {job->inputs, job->count, job->number, 0};

	return template_line(&options->template, &values);
}

void job_describe(const struct job *job, const struct job_options *options, char *text, size_t size)
{
	const char *signal = job->signal != 0 ? sigabbrev_np(job->signal) : NULL;

	if (!job->was_started)
		snprintf(text, size, "cannot be run: %s", eg_strerror(job->code));
	else if (job->code == -ETIMEDOUT)
		snprintf(text, size, "ended after %g seconds", (double)options->timeout_ns / 1e9);
	else if (job->code > EG_ESTATUS(0))
		snprintf(text, size, "its output is lost from here on: %s", eg_strerror(job->code));
	else if (job->signal != 0)
		snprintf(text, size, "ended by signal %d (%s%s)", job->signal, signal != NULL ? "SIG" : "",
			 signal != NULL ? signal : "real-time");
	else
		snprintf(text, size, "exit status %d", job->exit_status);
}
