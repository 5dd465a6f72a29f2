/* SPDX-License-Identifier: MIT */
/*
 * One lane. Its spans come in the order of their beginning, so each row has one bucket at a time that is being filled: what
 * is narrow and begins within the same few pixels.
 */

#include <math.h>

#include "picture.h"
#include "svg.h"
#include "times.h"

/* Gaps that are narrower are not marked. */
#define GAP_WIDTH_MIN 4.0

struct bucket {
	int64_t number; /* which of the row's, from the left */
	size_t count, failed;
	bool is_on_path, has_one_name;
	uint32_t name, error;
	int64_t begin_ns, end_ns, busy_ns;
	const struct span *first;
};

double picture_x(const struct picture *picture, int64_t ns)
{
	double x = picture->left + (double)(ns - picture->from_ns) * picture->scale;

	return fmin(fmax(x, picture->left), picture->right);
}

static const char *text_of(const struct picture *picture, uint32_t number)
{
	return texts_get(&picture->spans->texts, number);
}

static void put_cross(const struct picture *picture, double x, double y)
{
	fprintf(picture->out, "<path class=\"cross\" d=\"M%.1f %.1fl5 5m0 -5l-5 5\"/>\n", x, y);
}

static void put_times(const struct picture *picture, int64_t begin_ns, int64_t end_ns)
{
	char took[TIMES_SIZE], begin[TIMES_SIZE];

	times_duration(end_ns - begin_ns, took);
	times_duration(begin_ns - picture->spans->begin_ns, begin);
	fprintf(picture->out, "\n%s, from %s", took, begin);
}

static void put_error(const struct picture *picture, uint32_t error)
{
	if (error == 0)
		return;
	fputs("\nfailed: ", picture->out);
	svg_escape(picture->out, text_of(picture, error));
}

static void put_span_title(const struct picture *picture, const struct span *span)
{
	fputs("<title>", picture->out);
	svg_escape(picture->out, text_of(picture, span->name));
	put_times(picture, span->begin_ns, span->end_ns);
	if (span->has_no_end)
		fputs("\nits end is not in the trace", picture->out);
	put_error(picture, span->error);
	if (span->is_on_path)
		fputs("\non the critical path", picture->out);
	fputs("</title>", picture->out);
}

/* A span by itself, with its name if there is room. */
static void put_span(const struct picture *picture, const struct span *span, double y)
{
	double x = picture_x(picture, span->begin_ns);
	double width = fmax(picture_x(picture, span->end_ns) - x, 1), used = 4;
	const char *name = text_of(picture, span->name);
	char classes[32];

	snprintf(classes, sizeof(classes), "span%s%s", span->error != 0 ? " failed" : "",
		 span->is_on_path ? " on" : "");
	svg_rect(picture->out, classes, x, y, width, SPAN_HEIGHT);
	put_span_title(picture, span);
	svg_rect_end(picture->out);
	if (span->error != 0) {
		put_cross(picture, width > 12 ? x + 4 : x + width / 2 - 2.5, y + 5);
		used = 13;
	}
	if (width - used - 3 >= fmin(5, svg_columns(name)) * SVG_NAME_WIDTH)
		svg_text(picture->out, span->error != 0 ? "name halo" : "name", x + used, y + 11.5,
			 width - used - 3, name);
}

static void put_bucket_title(const struct picture *picture, const struct bucket *bucket)
{
	fprintf(picture->out, "<title>%zu spans", bucket->count);
	if (bucket->has_one_name) {
		fputs(", ", picture->out);
		svg_escape(picture->out, text_of(picture, bucket->name));
	}
	put_times(picture, bucket->begin_ns, bucket->end_ns);
	if (bucket->end_ns > bucket->begin_ns)
		fprintf(
		    picture->out, "\n%.0f%% of it busy",
		    fmin(100, 100 * (double)bucket->busy_ns / (double)(bucket->end_ns - bucket->begin_ns)));
	if (bucket->failed > 0)
		fprintf(picture->out, "\n%zu failed", bucket->failed);
	put_error(picture, bucket->error);
	fputs("</title>", picture->out);
}

static void put_bucket(const struct picture *picture, struct bucket *bucket, double y)
{
	double x = picture_x(picture, bucket->begin_ns), width, height, share = 1;

	if (bucket->count == 1)
		put_span(picture, bucket->first, y);
	if (bucket->count > 1) {
		width = fmax(picture_x(picture, bucket->end_ns) - x, 1);
		if (bucket->end_ns > bucket->begin_ns)
			share =
			    fmin(1, (double)bucket->busy_ns / (double)(bucket->end_ns - bucket->begin_ns));
		height = fmax(2, share * SPAN_HEIGHT);
		svg_rect(picture->out, "many", x, y + SPAN_HEIGHT - height, width, height);
		put_bucket_title(picture, bucket);
		svg_rect_end(picture->out);
		if (bucket->failed > 0)
			put_cross(picture, x + width / 2 - 2.5, y + 5);
	}
	bucket->count = 0;
}

static void bucket_add(struct bucket *bucket, const struct span *span)
{
	if (bucket->count == 0)
		*bucket = (struct bucket){.number = bucket->number,
					  .has_one_name = true,
					  .name = span->name,
					  .begin_ns = span->begin_ns,
					  .end_ns = span->end_ns,
					  .first = span};
	bucket->count++;
	bucket->busy_ns += span->end_ns - span->begin_ns;
	bucket->failed += span->error != 0;
	if (bucket->error == 0)
		bucket->error = span->error;
	if (span->name != bucket->name)
		bucket->has_one_name = false;
	if (span->end_ns > bucket->end_ns)
		bucket->end_ns = span->end_ns;
}

static bool is_shown(const struct picture *picture, const struct span *span)
{
	return span->end_ns >= picture->from_ns && span->begin_ns <= picture->to_ns;
}

static void put_spans(const struct picture *picture, const struct lane *lane, double top)
{
	struct bucket buckets[ROWS_MAX] = {{0}};

	for (size_t i = lane->first; i < lane->first + lane->count; i++) {
		const struct span *span = &picture->spans->items[i];
		struct bucket *bucket = &buckets[span->row];
		double y = top + span->row * ROW_HEIGHT + 2, x = picture_x(picture, span->begin_ns);
		bool is_wide = picture_x(picture, span->end_ns) - x >= BUCKET_WIDTH;
		int64_t number = (int64_t)(x / BUCKET_WIDTH);

		if (span->is_instant || !is_shown(picture, span))
			continue;
		if (is_wide || number != bucket->number)
			put_bucket(picture, bucket, y);
		bucket->number = number;
		if (is_wide)
			put_span(picture, span, y);
		else
			bucket_add(bucket, span);
	}
	for (unsigned row = 0; row < lane->rows; row++)
		put_bucket(picture, &buckets[row], top + row * ROW_HEIGHT + 2);
}

static void put_gap(const struct picture *picture, int64_t begin_ns, int64_t end_ns, double top)
{
	double x = picture_x(picture, begin_ns), width = picture_x(picture, end_ns) - x;

	if (end_ns <= begin_ns || width < GAP_WIDTH_MIN)
		return;
	svg_rect(picture->out, "idle", x, top + 2, width, SPAN_HEIGHT);
	fputs("<title>idle", picture->out);
	put_times(picture, begin_ns, end_ns);
	fputs("</title>", picture->out);
	svg_rect_end(picture->out);
}

static void put_gaps(const struct picture *picture, const struct lane *lane, double top)
{
	int64_t busy_until = picture->spans->begin_ns;

	for (size_t i = lane->first; i < lane->first + lane->count; i++) {
		const struct span *span = &picture->spans->items[i];

		if (span->is_instant)
			continue;
		put_gap(picture, busy_until, span->begin_ns, top);
		if (span->end_ns > busy_until)
			busy_until = span->end_ns;
	}
	put_gap(picture, busy_until, picture->spans->end_ns, top);
}

static void put_moments(const struct picture *picture, const struct lane *lane, double top)
{
	double last = -BUCKET_WIDTH;

	for (size_t i = lane->first; i < lane->first + lane->count; i++) {
		const struct span *moment = &picture->spans->items[i];
		double x = picture_x(picture, moment->begin_ns);

		if (!moment->is_instant || !is_shown(picture, moment) || x - last < BUCKET_WIDTH)
			continue;
		last = x;
		fprintf(picture->out, "<path class=\"moment\" d=\"M%.1f %.1fl4 4l-4 4l-4 -4z\"><title>", x,
			top - 1);
		svg_escape(picture->out, text_of(picture, moment->name));
		put_times(picture, moment->begin_ns, moment->begin_ns);
		put_error(picture, moment->error);
		fputs("</title></path>\n", picture->out);
	}
}

void picture_lane(const struct picture *picture, size_t number)
{
	const struct lane *lane = &picture->spans->lanes[number];
	double top = picture->tops[number];

	put_gaps(picture, lane, top);
	put_spans(picture, lane, top);
	put_moments(picture, lane, top);
}
