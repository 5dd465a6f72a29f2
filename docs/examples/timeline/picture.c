/* SPDX-License-Identifier: MIT */
/*
 * The document from above to below. What is below depends on how much was above, so the document is written to memory, and its
 * height, which comes first, when that is done.
 */

#include "picture.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <errgroup.h>

#include "svg.h"
#include "times.h"

#define MARGIN 12.0
#define DOTS 5.0
#define LANE_GAP 5.0
#define LINE_HEIGHT 18.0
#define MARK_CELL 150.0 /* of the legend */
#define AXIS_MARK_WIDTH 70.0

/* What is written below the other, within the margins. */
struct flow {
	FILE *out;
	double y, width; /* of the next line */
};

static int flow_columns(const struct flow *flow)
{
	return (int)(flow->width / SVG_TEXT_WIDTH);
}

static void flow_line(struct flow *flow, const char *classes, const char *text)
{
	svg_text(flow->out, classes, MARGIN, flow->y, flow->width, text);
	flow->y += LINE_HEIGHT;
}

/* A text of several lines, broken at blanks. */
static void flow_words(struct flow *flow, const char *text)
{
	size_t columns = (size_t)flow_columns(flow);
	char line[512];

	if (columns >= sizeof(line))
		columns = sizeof(line) - 1;
	while (*text != '\0') {
		size_t length = strlen(text);

		if (length > columns)
			for (length = columns; length > 1 && text[length] != ' ';)
				length--;
		memcpy(line, text, length);
		line[length] = '\0';
		flow_line(flow, "note", line);
		text += length + (text[length] == ' ');
	}
}

/*
 * Heading
 */

/* Adds to a line of numbers; where that would be too long it is written, and another begun. */
static void add(struct flow *flow, char line[512], const char *format, ...) EG_PRINTF(3, 4);

static void add(struct flow *flow, char line[512], const char *format, ...)
{
	static const char between[] = "  \302\267  ";
	char text[128];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (line[0] != '\0' && svg_columns(line) + 5 + svg_columns(text) > flow_columns(flow)) {
		flow_line(flow, "note", line);
		line[0] = '\0';
	}
	/* Six short texts, each with what is between, are less than that. */
	if (line[0] != '\0')
		strcat(line, between);
	strcat(line, text);
}

static const char *plural(size_t count)
{
	return count == 1 ? "" : "s";
}

static void put_heading(const struct picture *picture, struct flow *flow, const char *title)
{
	const struct spans *spans = picture->spans;
	size_t count = spans->count - spans->moments;
	char line[512] = "", run[TIMES_SIZE], path[TIMES_SIZE];

	flow_line(flow, "title", title);
	flow->y += 2;
	times_duration(spans->end_ns - spans->begin_ns, run);
	times_duration(picture->path->busy_ns, path);
	add(flow, line, "%s", run);
	add(flow, line, "%zu lane%s", spans->lane_count, plural(spans->lane_count));
	add(flow, line, "%zu span%s", count, plural(count));
	if (spans->failed > 0)
		add(flow, line, "%zu failed", spans->failed);
	if (picture->path->count > 0)
		add(flow, line, "critical path: %zu span%s, %s", picture->path->count,
		    plural(picture->path->count), path);
	flow_line(flow, "note", line);
}

/*
 * Lanes
 */

/* What a lane is called; by its process, too, where there are several. */
static void label_lane(const struct spans *spans, size_t number, char *label, size_t size)
{
	const struct lane *lane = &spans->lanes[number];
	const char *name = texts_get(&spans->texts, lane->name != 0 ? lane->name : lane->thread);
	uint32_t process_name = spans_process_name(spans, lane->process);
	const char *process = texts_get(&spans->texts, process_name != 0 ? process_name : lane->process);
	bool are_several = spans->lanes[0].process != spans->lanes[spans->lane_count - 1].process;

	snprintf(label, size, "%s%s%s%s", are_several ? process : "", are_several ? ": " : "",
		 lane->name == 0 ? "thread " : "", name);
}

static int busy_percent(const struct spans *spans, const struct lane *lane)
{
	int64_t run_ns = spans->end_ns - spans->begin_ns;

	return run_ns > 0 ? (int)lround(100 * (double)lane->busy_ns / (double)run_ns) : 100;
}

static size_t lanes_drawn(const struct spans *spans)
{
	return spans->lane_count < LANES_DRAWN_MAX ? spans->lane_count : LANES_DRAWN_MAX;
}

/* The column of labels is as wide as these, but not more than a quarter of the picture. */
static double labels_width(const struct spans *spans, int width)
{
	double widest = 0;
	char label[256];

	for (size_t i = 0; i < lanes_drawn(spans); i++) {
		label_lane(spans, i, label, sizeof(label));
		widest = fmax(widest, (svg_columns(label) + 6) * SVG_TEXT_WIDTH);
	}
	return fmin(widest + 4, width / 4.0);
}

static void put_label(const struct picture *picture, size_t number)
{
	const struct lane *lane = &picture->spans->lanes[number];
	double y = picture->tops[number] + 13.5, percent_width = 5 * SVG_TEXT_WIDTH;
	char label[256], percent[16];

	label_lane(picture->spans, number, label, sizeof(label));
	svg_text(picture->out, "label", MARGIN, y, picture->left - MARGIN - percent_width - 6, label);
	snprintf(percent, sizeof(percent), "%d%%", busy_percent(picture->spans, lane));
	fprintf(picture->out, "<text class=\"mark\" text-anchor=\"end\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
		picture->left - 6, y, percent);
}

static int place_lanes(struct picture *picture, double top)
{
	size_t count = lanes_drawn(picture->spans);

	picture->tops = malloc((count + 1) * sizeof(*picture->tops));
	if (picture->tops == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		picture->tops[i] = top;
		top += picture->spans->lanes[i].rows * ROW_HEIGHT + LANE_GAP;
	}
	picture->tops[count] = top;
	return 0;
}

/*
 * Axis
 */

static void put_axis(const struct picture *picture, double y, double bottom)
{
	int64_t begin_ns = picture->from_ns - picture->spans->begin_ns;
	int64_t end_ns = picture->to_ns - picture->spans->begin_ns;
	double room = picture->right - picture->left;
	int64_t step_ns = times_step(end_ns - begin_ns, (unsigned)fmax(room / AXIS_MARK_WIDTH, 1));
	char mark[TIMES_SIZE];

	for (int64_t ns = (begin_ns + step_ns - 1) / step_ns * step_ns; ns <= end_ns; ns += step_ns) {
		double x = picture_x(picture, ns + picture->spans->begin_ns), half;

		times_mark(ns, step_ns, end_ns, mark);
		half = svg_columns(mark) * SVG_TEXT_WIDTH / 2;
		fprintf(picture->out,
			"<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>\n", x, y + 4,
			x, bottom);
		fprintf(picture->out,
			"<text class=\"mark\" text-anchor=\"middle\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
			fmin(x, picture->right + MARGIN / 2 - half), y, mark);
	}
}

/*
 * What the marks mean
 */

enum mark { MARK_PATH, MARK_WAIT, MARK_IDLE, MARK_MANY, MARK_FAILED, MARK_MOMENT, MARKS };

static const struct {
	const char *classes, *shape, *text; /* the shape begins at the left, in the middle of the line */
} marks[MARKS] = {
    [MARK_PATH] = {"path", "h22", "critical path"},
    [MARK_WAIT] = {"wait", "h22", "nothing on it ran"},
    [MARK_IDLE] = {"idle", "m0 -7h22v13h-22z", "idle"},
    [MARK_MANY] = {"many", "m0 6v-6h8v-6h6v9h8v3z", "many: how busy"},
    [MARK_FAILED] = {"cross", "m8 -2.5l5 5m0 -5l-5 5", "failed"},
    [MARK_MOMENT] = {"moment", "m11 -4l4 4l-4 4l-4 -4z", "event"},
};

static void put_marks(const struct picture *picture, struct flow *flow)
{
	const struct spans *spans = picture->spans;
	double x = MARGIN;

	for (unsigned i = 0; i < MARKS; i++) {
		if ((i == MARK_FAILED && spans->failed == 0) || (i == MARK_MOMENT && spans->moments == 0))
			continue;
		if (x + MARK_CELL > MARGIN + flow->width) {
			x = MARGIN;
			flow->y += LINE_HEIGHT;
		}
		fprintf(picture->out, "<path class=\"%s\" d=\"M%.1f %.1f%s\"/>\n", marks[i].classes, x,
			flow->y - 4, marks[i].shape);
		svg_text(picture->out, "note", x + 28, flow->y, MARK_CELL - 28, marks[i].text);
		x += MARK_CELL;
	}
	flow->y += LINE_HEIGHT;
}

static void put_legend(const struct picture *picture, struct flow *flow)
{
	put_marks(picture, flow);
	flow_words(flow,
		   "The critical path is found from the end of the run: before each span comes the one that "
		   "ended last before it began, in the same lane if that was just before, or else in any. A "
		   "trace does not say what waited for what.");
}

static int put_body(struct picture *picture, struct flow *flow, const struct picture_options *options)
{
	double axis, bottom;

	put_heading(picture, flow, options->title);
	if (picture->spans->count == 0) {
		flow_line(flow, "note", "Nothing ran.");
		return 0;
	}
	axis = flow->y + 4;
	/* The dots of what is idle are the page's, five pixels apart: the lanes keep to these. */
	if (place_lanes(picture, ceil((axis + 10) / DOTS) * DOTS - 2) != 0)
		return -ENOMEM;
	bottom = picture->tops[lanes_drawn(picture->spans)] - LANE_GAP;
	for (size_t i = 0; i < lanes_drawn(picture->spans); i++) {
		svg_rect(picture->out, "lane", picture->left, picture->tops[i],
			 picture->right - picture->left, picture->tops[i + 1] - picture->tops[i] - LANE_GAP);
		svg_rect_end(picture->out);
	}
	put_axis(picture, axis, bottom);
	for (size_t i = 0; i < lanes_drawn(picture->spans); i++) {
		put_label(picture, i);
		picture_lane(picture, i);
	}
	flow->y = bottom + LINE_HEIGHT + 4;
	if (picture->spans->lane_count > LANES_DRAWN_MAX)
		flow_words(flow, "There are more lanes, which are not drawn.");
	if (picture_path(picture) != 0)
		return -ENOMEM;
	put_legend(picture, flow);
	return 0;
}

int picture_write(FILE *out, const struct spans *spans, const struct path *path,
		  const struct picture_options *options)
{
	struct picture picture = {.spans = spans, .path = path};
	struct flow flow = {.y = 24, .width = options->width - 2 * MARGIN};
	char *body = NULL;
	size_t size = 0;
	int error;

	picture.out = flow.out = open_memstream(&body, &size);
	if (picture.out == NULL)
		return -ENOMEM;
	picture.from_ns = spans->begin_ns + options->from_ns;
	picture.to_ns = spans->begin_ns + options->to_ns;
	picture.left = MARGIN + labels_width(spans, options->width);
	picture.right = options->width - MARGIN;
	picture.scale = (picture.right - picture.left) / (double)(picture.to_ns - picture.from_ns);
	error = put_body(&picture, &flow, options);
	free(picture.tops);
	if (fclose(picture.out) != 0)
		error = -ENOMEM;
	if (error == 0) {
		svg_begin(out, options->width, (int)ceil(flow.y), options->title);
		fwrite(body, 1, size, out);
		svg_end(out);
	}
	free(body);
	return error;
}
