/* SPDX-License-Identifier: MIT */
/*
 * timeline: draws a trace, as shared/trace.c and many other programs write them, as a picture.
 *
 *     timeline.c   this file: the command line, from the trace to the picture, and the program's end
 *     json.c       JSON, piece by piece
 *     events.c     the trace event format: which events say what
 *     texts.c      names, each kept once
 *     spans.c      what ran, in lanes, in order
 *     path.c       the critical path
 *     times.c      times as text, and the marks of an axis
 *     svg.c        what a document consists of, and how it looks
 *     picture.c    the document: heading, axis, lanes, legend
 *     lane.c       one lane
 *     line.c       the critical path, drawn
 *
 * The trace is read once, in pieces. A span takes 32 bytes, and 8 to find the critical path; the picture is put together in
 * memory and written when it is complete, so a trace that is wrong makes no part of one.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <errgroup.h>

#include "../shared/arguments.h"
#include "../shared/console.h"
#include "../shared/file.h"
#include "../shared/outfile.h"
#include "events.h"
#include "path.h"
#include "picture.h"
#include "spans.h"

#define SECONDS_MAX 1e9

struct job {
	const char *input; /* or NULL: standard input */
	const char *output;
	const char *title;
	int width;
	double from, to; /* seconds; to 0: the end */
};

static int fail(const char *what, int error)
{
	console_report("%s: %s", what, eg_strerror(error));
	return EXIT_FAILURE;
}

/* Reads the trace. Returns the exit status, having said what was wrong. */
static int job_read(const struct job *job, struct spans *spans)
{
	const char *name = job->input != NULL ? job->input : "standard input";
	int fd = job->input != NULL ? file_open(job->input, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
	struct json *json;
	int error;

	if (fd < 0)
		return fail(name, fd);
	json = malloc(sizeof(*json));
	error = -ENOMEM;
	if (json != NULL) {
		json_init(json, fd, name);
		error = events_read(json, spans);
	}
	if (fd != STDIN_FILENO)
		close(fd);
	if (error == -EINVAL)
		console_report("%s", json->message);
	else if (error != 0)
		fail(name, error);
	free(json);
	return error == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* What the picture shows, of a run that has been read. */
static int choose_view(const struct job *job, const struct spans *spans, struct picture_options *ret_options)
{
	int64_t run_ns = spans->end_ns - spans->begin_ns;
	struct picture_options options = {.width = job->width, .title = job->title};

	options.from_ns = (int64_t)(job->from * 1e9);
	options.to_ns = job->to > 0 ? (int64_t)(job->to * 1e9) : run_ns;
	if (job->from > 0 && options.from_ns >= run_ns) {
		console_report("the run is over by then: it took %.9g seconds", (double)run_ns / 1e9);
		return EXIT_FAILURE;
	}
	if (options.to_ns <= options.from_ns)
		options.to_ns = options.from_ns + 1;
	if (options.title == NULL && spans->lane_count > 0)
		options.title = texts_get(&spans->texts, spans_process_name(spans, spans->lanes[0].process));
	if (options.title == NULL || options.title[0] == '\0')
		options.title = job->input != NULL ? job->input : "timeline";
	*ret_options = options;
	return EXIT_SUCCESS;
}

/* Writes the picture where it is to go. */
static int job_write(const struct job *job, const char *picture, size_t size)
{
	struct outfile out;
	int error;

	if (job->output == NULL) {
		error = file_write(STDOUT_FILENO, picture, size);
		if (error == 0)
			error = console_close();
		return error == 0 ? EXIT_SUCCESS : fail("standard output", error);
	}
	error = outfile_open_any(&out, job->output, 0666);
	if (error != 0)
		return fail(job->output, error);
	error = file_write(out.fd, picture, size);
	if (error != 0)
		outfile_abandon(&out);
	else
		error = outfile_commit(&out, true);
	return error == 0 ? EXIT_SUCCESS : fail(job->output, error);
}

static int job_draw(const struct job *job, struct spans *spans)
{
	struct picture_options options;
	struct path path = {0};
	char *picture = NULL;
	size_t size = 0;
	FILE *out;
	int error, status;

	error = spans_finish(spans);
	if (error == 0)
		error = path_find(spans, &path);
	if (error != 0)
		return fail("the picture", error);
	status = choose_view(job, spans, &options);
	if (status == EXIT_SUCCESS) {
		out = open_memstream(&picture, &size);
		error = out != NULL ? picture_write(out, spans, &path, &options) : -ENOMEM;
		if (out != NULL && fclose(out) != 0)
			error = -ENOMEM;
		status = error == 0 ? job_write(job, picture, size) : fail("the picture", error);
	}
	free(picture);
	path_free(&path);
	return status;
}

static const char timeline_help[] =
    "Usage: timeline [OPTION]... [TRACE]\n"
    "Draw a run from its trace, or from standard input, as a picture in SVG: what ran when, in which lane, "
    "what\n"
    "failed, where nothing ran, and what the length of the run followed from.\n"
    "\n"
    "  -o, --output FILE     write the picture there; the file appears when it is complete (default: "
    "standard\n"
    "                        output)\n"
    "  -w, --width PIXELS    how wide it is (default: 1200)\n"
    "      --from SECONDS    show what ran from there on, counted from the begin of the run\n"
    "      --to SECONDS      show what ran until then\n"
    "  -t, --title TEXT      its heading (default: the program's name)\n"
    "      --help            print this\n"
    "      --version         print the version\n"
    "\n"
    "A trace is JSON in the trace event format, which zstdtree --trace writes, and Chrome, Perfetto and "
    "others\n"
    "read and write.\n"
    "\n"
    "Exit status: 0; 1 when the trace is none or the picture could not be written; 2 for a wrong command "
    "line.\n";

static void job_parse(struct job *job, int argc, char **argv)
{
	const struct argument known[] = {
	    {"output", 'o', .ret_text = &job->output},
	    {"width", 'w', .ret_integer = &job->width, .least = 300, .most = 20000},
	    {"from", 0, .ret_number = &job->from, .least = 0, .most = SECONDS_MAX},
	    {"to", 0, .ret_number = &job->to, .least = 1e-9, .most = SECONDS_MAX},
	    {"title", 't', .ret_text = &job->title},
	};
	char *const *operands;

	*job = (struct job){.width = 1200};
	operands = arguments_parse(argc, argv, known, sizeof(known) / sizeof(known[0]), timeline_help);
	if (operands[0] != NULL && operands[1] != NULL)
		arguments_refuse("more than one trace");
	if (operands[0] != NULL && strcmp(operands[0], "-") != 0)
		job->input = operands[0];
	if (job->to > 0 && job->to <= job->from)
		arguments_refuse("--to is not behind --from");
}

int main(int argc, char **argv)
{
	struct spans spans = {0};
	struct job job;
	int status;

	console_init();
	job_parse(&job, argc, argv);
	status = job_read(&job, &spans);
	if (status == EXIT_SUCCESS)
		status = job_draw(&job, &spans);
	spans_free(&spans);
	return status;
}
