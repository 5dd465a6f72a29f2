/* SPDX-License-Identifier: MIT */
/*
 * One task reads inputs and submits jobs to a group; that is held open until there are no more. It is no task of the
 * group itself, so that it takes no job's place while it waits for input. The group's backlog and the window of the order
 * are what keeps it from reading on.
 *
 *     reads --> order_let_in --> group: run_job --> order_arrive --> pass: prints, says what failed, counts
 *
 * What the first failure does: "now" is the group's EG_HALT_CANCEL; jobs that run are ended by their context. "soon" is
 * the flag is_halted. Either way jobs that were submitted but have not started are called all the same, see that they are
 * not to start, and are passed on as such: each is owned by its task, and has its turn.
 */

#include "runner.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/bar.h"
#include "../shared/console.h"
#include "../shared/interrupt.h"
#include "order.h"
#include "printer.h"
#include "show.h"

/* Jobs between being read and being passed on; in order, those that wait for a slow one. */
#define WINDOW_LEAST 64
#define WINDOW_ORDERED 512

/* What users of xargs know. Of several jobs that failed the highest counts. */
enum {
	STATUS_ERROR = 1,
	STATUS_FAILED = 123,
	STATUS_255 = 124,
	STATUS_SIGNAL = 125,
	STATUS_NOT_RUN = 126,
	STATUS_NOT_FOUND = 127
};

struct runner {
	const struct runner_options *options;
	struct inputs *inputs;
	eg_ctx *stop;
	eg_group jobs;
	struct order order;
	struct printer printer;
	struct show show;

	_Atomic bool is_halted; /* nothing new starts */
	int read_error;         /* why reading ended early, or 0 */
	bool has_left;          /* it ended before the last input */

	/* Of who passes on. */
	uint64_t succeeded, failed, ended, not_started;
	int status;
	int log_error;
};

static int status_of(const struct job *job)
{
	if (!job->was_started)
		return job->code == -ENOENT ? STATUS_NOT_FOUND : STATUS_NOT_RUN;
	if (job->signal != 0)
		return STATUS_SIGNAL;
	if (job->exit_status < 0) /* what it printed is lost */
		return STATUS_ERROR;
	return job->exit_status == 255 ? STATUS_255 : STATUS_FAILED;
}

static void note_failure(struct runner *runner, const struct job *job, const char *line)
{
	int status = status_of(job);
	char reason[128];

	runner->status = status > runner->status ? status : runner->status;
	job_describe(job, &runner->options->job, reason, sizeof(reason));
	console_report("job %" PRIu64 ": %.200s: %s", job->number, line, reason);
}

/* A run whose log has gaps could not be resumed, so nothing new starts. */
static void log_job(struct runner *runner, const struct job *job, const char *line)
{
	int error = runner->log_error == 0 ? joblog_append(runner->options->joblog, job, line) : 0;

	if (error == 0)
		return;
	runner->log_error = error;
	atomic_store(&runner->is_halted, true);
	console_report("the log of jobs: %s", joblog_strerror(error));
}

/* The order's: prints what a job has printed, and keeps the books. */
static void pass(struct job *job, void *arg)
{
	struct runner *runner = arg;
	char *line = job->state != JOB_NOT_STARTED ? job_line(job, &runner->options->job) : NULL;
	int error = runner->printer.error;

	printer_print(&runner->printer, &job->output);
	/* What is still to come could not be printed; main says why. */
	if (error == 0 && runner->printer.error != 0)
		eg_ctx_cancel(runner->stop, NULL);
	if (job->state == JOB_FAILED)
		note_failure(runner, job, line != NULL ? line : "?");
	/* What was not printed is to be run again. */
	if (job->state != JOB_NOT_STARTED && runner->printer.error == 0)
		log_job(runner, job, line != NULL ? line : "?");
	free(line);
	runner->succeeded += job->state == JOB_SUCCEEDED;
	runner->failed += job->state == JOB_FAILED;
	runner->ended += job->state == JOB_ENDED;
	runner->not_started += job->state == JOB_NOT_STARTED;
	job_destroy(job);
}

/* A job's task. */
struct task {
	struct runner *runner;
	struct job *job;
};

/* Runs it, and writes down when. A trace has jobs in the lanes of their slots. */
static void run_seen(struct runner *runner, struct job *job, eg_ctx *ctx, int slot)
{
	const struct runner_options *options = runner->options;
	char *line = options->trace != NULL || runner->show.is_shown ? job_line(job, &options->job) : NULL;
	int64_t begin_ns = eg_clock_now_ns();
	char reason[128] = "ended with the run";

	show_begin(&runner->show, slot, job->number, line != NULL ? line : "?");
	job_run(job, ctx, &options->job, slot + 1);
	show_end(&runner->show, slot, job->state == JOB_FAILED);
	if (options->trace != NULL && job->state != JOB_NOT_STARTED) {
		if (job->state == JOB_FAILED)
			job_describe(job, &options->job, reason, sizeof(reason));
		trace_span(options->trace, slot, line != NULL ? line : "?", begin_ns, eg_clock_now_ns(),
			   job->state == JOB_SUCCEEDED ? NULL : reason);
	}
	free(line);
}

static int run_job(eg_ctx *ctx, void *arg)
{
	const struct task *task = arg;
	struct runner *runner = task->runner;
	struct job *job = task->job;
	int code = 0;

	throttle_wait(runner->options->throttle, ctx, &runner->is_halted);
	if (!atomic_load(&runner->is_halted) && eg_ctx_err(ctx) == 0)
		run_seen(runner, job, ctx, eg_task_slot());
	if (job->state == JOB_FAILED) {
		code = job->code;
		if (runner->options->halt != EG_HALT_NEVER)
			atomic_store(&runner->is_halted, true);
	}
	order_arrive(&runner->order, job);
	return code;
}

/* Reads the inputs of the next job. Return: 1 with the job; 0, there are no more; or why there is none. */
static int read_job(struct runner *runner, eg_ctx *ctx, uint64_t number, struct job **ret_job)
{
	size_t most = (size_t)runner->options->inputs_max, count = 0;
	char **inputs = calloc(most, sizeof(*inputs));
	int result = inputs != NULL ? 1 : -ENOMEM;

	while (result > 0 && count < most) {
		result = inputs_next(runner->inputs, ctx, &inputs[count]);
		count += result > 0;
	}
	if (result >= 0 && count > 0) {
		char **shrunk = realloc(inputs, count * sizeof(*inputs));

		inputs = shrunk != NULL ? shrunk : inputs;
		*ret_job = job_create(number, inputs, count);
		if (*ret_job != NULL)
			return 1;
		result = -ENOMEM;
	}
	while (count > 0)
		free(inputs[--count]);
	free(inputs);
	return result;
}

/* Whether an earlier run has done it. Without memory it is done again. */
static bool was_done(const struct runner *runner, const struct job *job)
{
	char *line = runner->options->joblog->count > 0 ? job_line(job, &runner->options->job) : NULL;
	bool result = line != NULL && joblog_has(runner->options->joblog, job->number, line);

	free(line);
	return result;
}

/* Return: 0, or why there was no memory or no way to print. */
static int print_command(struct runner *runner, struct job *job)
{
	struct template_values values = {job->inputs, job->count, job->number, 1};
	char *line = template_line(&runner->options->job.template, &values);

	if (line == NULL)
		return -ENOMEM;
	runner->printer.error = console_print(line);
	free(line);
	return runner->printer.error;
}

/* Takes the job over, whatever it returns. */
static int submit(struct runner *runner, struct job *job)
{
	struct task task = {runner, job};
	int error;

	order_let_in(&runner->order, job);
	error = eg_group_go_copy(&runner->jobs, run_job, &task, sizeof(task));
	if (error != 0)
		order_arrive(&runner->order, job);
	return error;
}

/* The task that reads. */
static int read_all(eg_ctx *ctx, void *arg)
{
	struct runner *runner = arg;
	struct job *job = NULL;
	bool is_done;
	int result = 1;

	for (uint64_t number = 1; result > 0 && !atomic_load(&runner->is_halted); number++) {
		result = read_job(runner, ctx, number, &job);
		if (result <= 0)
			break;
		is_done = was_done(runner, job);
		show_read(&runner->show, is_done);
		if (is_done) {
			result = 0;
			job_destroy(job);
		} else if (runner->options->is_dry) {
			result = print_command(runner, job);
			job_destroy(job);
		} else {
			result = submit(runner, job);
		}
		result = result == 0 ? 1 : result;
	}
	runner->has_left = result != 0;
	if (result == 0)
		show_all_read(&runner->show);
	/* That the run is over is no failure of reading; that the output is closed is the printer's. */
	if (result < 0 && result != -ECANCELED && runner->printer.error == 0)
		runner->read_error = result;
	eg_group_release(&runner->jobs);
	return 0;
}

/* Reads in a group of its own, whose context is that of the jobs: what ends them ends it. */
static int run_group(struct runner *runner)
{
	eg_group reading;
	int ignored, error = eg_group_init(&reading, eg_group_ctx(&runner->jobs), NULL);

	if (error != 0)
		return error;
	error = eg_group_hold(&runner->jobs);
	if (error == 0) {
		error = eg_group_go(&reading, read_all, runner);
		if (error != 0)
			eg_group_release(&runner->jobs);
	}
	/* What jobs return has been said when they were passed on. */
	ignored = eg_group_wait(&runner->jobs);
	ignored = eg_group_wait(&reading);
	(void)ignored;
	eg_group_destroy(&reading);
	return error;
}

/* How many jobs there are, as far as that is known before inputs are read; or 0. */
static uint64_t jobs_known(const struct runner *runner)
{
	uint64_t inputs = 0, most = (uint64_t)runner->options->inputs_max;

	while (runner->inputs->words != NULL && runner->inputs->words[inputs] != NULL)
		inputs++;
	return (inputs + most - 1) / most;
}

static int runner_start(struct runner *runner)
{
	const struct runner_options *options = runner->options;
	struct eg_group_options group = EG_GROUP_OPTIONS_INIT;
	uint64_t window = options->keeps_order ? WINDOW_ORDERED : WINDOW_LEAST;
	int slots, error;
	bool has_bar;

	group.limit = options->limits->jobs;
	group.shared_limit = options->limits->shared;
	group.halt = options->halt == EG_HALT_NOW ? EG_HALT_CANCEL : EG_HALT_NEVER;
	group.backlog = WINDOW_LEAST;
	has_bar = options->has_bar && bar_is_wanted();
	group.progress = has_bar ? show_draw : NULL;
	group.progress_arg = &runner->show;
	group.progress_every_ns = EG_MILLISECONDS(100);
	error = eg_group_init(&runner->jobs, runner->stop, &group);
	if (error != 0)
		return error;
	slots = eg_group_slots(&runner->jobs);
	if (window < 4 * (uint64_t)slots)
		window = 4 * (uint64_t)slots;
	show_init(&runner->show, has_bar, (size_t)slots, jobs_known(runner));
	error = order_init(&runner->order, options->keeps_order, window, pass, runner);
	if (error == 0) {
		error = run_group(runner);
		order_finish(&runner->order);
	}
	show_finish(&runner->show);
	eg_group_destroy(&runner->jobs);
	return error;
}

static const char *read_strerror(int error)
{
	if (error == -E2BIG)
		return "longer than an argument can be";
	return error == -EILSEQ ? "has a NUL, which no argument can have; inputs that end by NUL take -0"
				: eg_strerror(error);
}

/* Says what has not been said, and returns the exit status. */
static int runner_report(struct runner *runner, int error)
{
	int signal = interrupt_signal(runner->stop);
	bool has_rest = runner->has_left || runner->not_started > 0;
	char what[64] = "";

	if (error != 0)
		console_report("cannot start: %s", eg_strerror(error));
	if (runner->read_error != 0)
		console_report("input %zu: %s", runner->inputs->count + 1, read_strerror(runner->read_error));
	if (runner->printer.error != 0 && runner->printer.error != -ECANCELED)
		console_report("standard output: %s", eg_strerror(runner->printer.error));
	if (signal != 0)
		snprintf(what, sizeof(what), "stopped by SIG%s: ", sigabbrev_np(signal));
	if (error == 0 && (has_rest || runner->ended > 0))
		console_report("%s%" PRIu64 " jobs done, %" PRIu64 " failed, %" PRIu64 " ended%s", what,
			       runner->succeeded, runner->failed, runner->ended,
			       has_rest ? ", the rest not started" : "");
	if (signal != 0)
		return 128 + signal;
	if (error != 0 || runner->read_error != 0 || runner->log_error != 0 || runner->printer.error != 0)
		return STATUS_ERROR;
	return runner->status;
}

int runner_run(const struct runner_options *options, struct inputs *inputs, eg_ctx *stop)
{
	struct runner runner = {.options = options, .inputs = inputs, .stop = stop};
	int error;

	printer_init(&runner.printer, stop);
	error = runner_start(&runner);
	if (runner.printer.error == 0)
		runner.printer.error = console_close();
	interrupt_end_by_pipe(runner.printer.error);
	return runner_report(&runner, error);
}
