/* SPDX-License-Identifier: MIT */
/*
 * batch: runs a command for each of many inputs, several at a time.
 *
 * Here is the command line. What it says goes to the runner, which makes jobs of inputs:
 *
 *     inputs     words or standard input, one after the other
 *     template   the command, and what of an input goes where
 *     limits     how many jobs at once
 *     job        runs a command, tries it again, ends it in time
 *     output     collects what jobs print
 *     order      whose turn it is to be passed on
 *     printer    writes what they have printed
 *     joblog     what was done, to be resumed
 *     throttle   what keeps jobs from starting for now
 *     show       the bar
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../shared/arguments.h"
#include "../shared/console.h"
#include "../shared/interrupt.h"
#include "runner.h"

/* More words than a program can be started with. */
#define INPUTS_MAX 1000000

static const char batch_help[] =
    "Usage: batch [OPTION]... COMMAND [ARGUMENT]... [::: INPUT...]\n"
    "Run COMMAND once for each INPUT, several at a time. Without ::: inputs are the lines of standard "
    "input.\n"
    "\n"
    "In COMMAND and its arguments {} is the input, {.} the input without extension, {/} its base name, {//} "
    "its\n"
    "folder, {/.} its base name without extension, {#} the job's number and {%} its slot. Without any of "
    "these\n"
    "inputs are added at the end. COMMAND alone, if it has blanks or other characters of a shell's, is run "
    "by\n"
    "\"sh -c\", and inputs are quoted for it.\n"
    "\n"
    "  -0, --null            inputs on standard input end by NUL, not by a newline\n"
    "  -n, --max-args N      N inputs a job (default: 1)\n"
    "  -j, --jobs N          N jobs at a time; 0: as many as there can be; auto: as many as do best\n"
    "                        (default: what make -j allows in a recipe that begins with +, or else as many "
    "as CPUs)\n"
    "  -k, --keep-order      print what jobs print in the order of the inputs\n"
    "      --halt WHEN       after the first failure: end the jobs that run (now, the default), start no "
    "further\n"
    "                        job (soon), or run them all (never)\n"
    "      --joblog FILE     write a line for each job that has ended to FILE, which begins anew\n"
    "      --resume          go on with that FILE: jobs that it has with status 0 are not run again\n"
    "      --retries N       run a job that fails up to N times more\n"
    "      --timeout SECONDS end a job that takes longer, which is a failure\n"
    "      --load MAX        start no job while the load average is MAX or more\n"
    "      --memfree SIZE    start no job while less than SIZE of memory is available, as 512M or 2G\n"
    "      --bar             show on a terminal how far it is\n"
    "      --trace FILE      write down when each job ran, for timeline(1), Perfetto or chrome://tracing\n"
    "      --dry-run         print the commands and run none\n"
    "      --help            print this\n"
    "      --version         print the version\n"
    "\n"
    "What a job prints is printed in one piece when it has ended. Its standard input is empty. SIGINT, "
    "SIGTERM,\n"
    "SIGHUP and SIGQUIT end the jobs that run, and what they have started; a second one ends batch at once.\n"
    "\n"
    "Exit status: 0; 123 a job has failed, 124 with status 255, 125 by a signal or --timeout; 126 a command "
    "cannot\n"
    "be run, 127 it is not found; of several the highest; 1 something else went wrong; 2 for a wrong "
    "command\n"
    "line; 128 + N when stopped by signal N.\n";

/* Ends the words of the command at the `:::`. Return: those behind it, or NULL. */
static char *const *inputs_split(char **words)
{
	char *const *inputs = NULL;

	for (size_t i = 0; words[i] != NULL; i++) {
		if (strcmp(words[i], "::::") == 0 || strcmp(words[i], ":::+") == 0 ||
		    strcmp(words[i], "::::+") == 0)
			arguments_refuse("%s is not known here; inputs of a file are read with <FILE",
					 words[i]);
		if (strcmp(words[i], ":::") != 0)
			continue;
		if (inputs != NULL)
			arguments_refuse("::: may be there once");
		words[i] = NULL;
		inputs = words + i + 1;
		words = words + i + 1;
		i = (size_t)-1;
	}
	return inputs;
}

/* A dry run begins no log anew; with --resume it shows what is left to do. Ends the program if there is none to be had. */
static void open_joblog(struct joblog *joblog, const char *path, bool resumes, bool is_dry)
{
	int error;

	joblog_init(joblog);
	if (resumes && path == NULL)
		arguments_refuse("--resume needs --joblog");
	if (path == NULL || (is_dry && !resumes))
		return;
	error = joblog_open(joblog, path, resumes);
	if (error == 0)
		return;
	console_report("%s: %s", path, joblog_strerror(error));
	exit(error == JOBLOG_NO_LOG ? 2 : EXIT_FAILURE);
}

static void open_trace(struct trace **ret_trace, const char *path)
{
	int error = path != NULL ? trace_open(path, ret_trace) : 0;

	if (error == 0)
		return;
	console_report("%s: %s", path, eg_strerror(error));
	exit(EXIT_FAILURE);
}

static int close_trace(struct trace *trace, const char *path)
{
	int error = trace != NULL ? trace_close(trace) : 0;

	if (error != 0)
		console_report("%s: %s", path, eg_strerror(error));
	return error;
}

/* What the command line says besides. */
struct command_line {
	struct runner_options options;
	const char *jobs, *log_path, *memory, *trace_path;
	bool ends_by_nul, resumes;
	double timeout, load;
	uint64_t memory_least;
	char *const *inputs; /* or NULL */
};

static void command_line_parse(struct command_line *line, int argc, char **argv)
{
	struct runner_options *options = &line->options;
	const struct argument known[] = {
	    {"null", '0', .ret_flag = &line->ends_by_nul},
	    {"max-args", 'n', .ret_integer = &options->inputs_max, .least = 1, .most = INPUTS_MAX},
	    {"jobs", 'j', .ret_text = &line->jobs},
	    {"keep-order", 'k', .ret_flag = &options->keeps_order},
	    {"halt", 0, .ret_choice = &options->halt,
	     .choices = {[EG_HALT_NOW] = "now", [EG_HALT_SOON] = "soon", [EG_HALT_NEVER] = "never"}},
	    {"joblog", 0, .ret_text = &line->log_path},
	    {"resume", 0, .ret_flag = &line->resumes},
	    {"retries", 0, .ret_integer = &options->job.retries, .least = 0, .most = 1000000},
	    {"timeout", 0, .ret_number = &line->timeout, .least = 0.001, .most = 1e9},
	    {"load", 0, .ret_number = &line->load, .least = 0.001, .most = 1e6},
	    {"memfree", 0, .ret_text = &line->memory},
	    {"bar", 0, .ret_flag = &options->has_bar},
	    {"trace", 0, .ret_text = &line->trace_path},
	    {"dry-run", 0, .ret_flag = &options->is_dry},
	};
	char *const *words;

	*line = (struct command_line){.options = {.halt = EG_HALT_NOW, .inputs_max = 1}};
	words = arguments_parse_leading(argc, argv, known, sizeof(known) / sizeof(known[0]), batch_help);
	line->inputs = inputs_split(argv + (words - argv));
	if (words[0] == NULL)
		arguments_refuse("no command");
	if (line->memory != NULL && !throttle_parse_size(line->memory, &line->memory_least))
		arguments_refuse("--memfree takes a size, as 512M, not '%s'", line->memory);
	template_init(&options->job.template, words);
	options->job.timeout_ns = (int64_t)(line->timeout * 1e9);
}

int main(int argc, char **argv)
{
	struct command_line line;
	struct inputs inputs;
	struct joblog joblog;
	struct throttle throttle;
	struct limits limits;
	eg_ctx *stop;
	int error, status;

	console_init();
	command_line_parse(&line, argc, argv);
	interrupt_hold_pipe();
	error = limits_init(&limits, line.jobs);
	if (error == 0)
		error = interrupt_derive_all(NULL, &stop);
	if (error != 0) {
		console_report("cannot start: %s", eg_strerror(error));
		return EXIT_FAILURE;
	}
	throttle = (struct throttle){line.load, line.memory_least};
	open_joblog(&joblog, line.log_path, line.resumes, line.options.is_dry);
	open_trace(&line.options.trace, line.options.is_dry ? NULL : line.trace_path);
	inputs_init(&inputs, line.inputs, line.ends_by_nul);
	line.options.limits = &limits;
	line.options.throttle = &throttle;
	line.options.joblog = &joblog;
	status = runner_run(&line.options, &inputs, stop);

	if (close_trace(line.options.trace, line.trace_path) != 0 && status == 0)
		status = EXIT_FAILURE;
	inputs_finish(&inputs);
	joblog_finish(&joblog);
	eg_ctx_unref(stop);
	limits_finish(&limits);
	return status;
}
