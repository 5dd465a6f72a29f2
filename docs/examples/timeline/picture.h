/* SPDX-License-Identifier: MIT */
#ifndef TIMELINE_PICTURE_H
#define TIMELINE_PICTURE_H

/*
 * The picture of a run: a heading, an axis, lanes, the critical path across them, and what the marks mean.
 *
 * What is narrower than BUCKET_WIDTH is drawn together with its neighbours, as one bar whose height is the share of the time
 * that is busy. So a picture has no more parts than its width gives room for, however many spans there are.
 */

#include <stdint.h>
#include <stdio.h>

#include "path.h"
#include "spans.h"

#define BUCKET_WIDTH 3.0
#define ROW_HEIGHT 20.0
#define SPAN_HEIGHT 15.0
#define LANES_DRAWN_MAX 1000

struct picture {
	FILE *out;
	const struct spans *spans;
	const struct path *path;
	int64_t from_ns, to_ns; /* what is shown, in the trace's time */
	double left, right;     /* of the lanes, as pixels */
	double scale;           /* pixels a nanosecond */
	double *tops;           /* of each lane; one more: the end of the last */
};

/* Where a moment is, within the lanes. */
double picture_x(const struct picture *picture, int64_t ns);

/* Writes a lane's spans and gaps. */
void picture_lane(const struct picture *picture, size_t lane);

/* Writes the critical path. Return: 0 or -ENOMEM. */
int picture_path(const struct picture *picture);

struct picture_options {
	int width;
	const char *title;
	int64_t from_ns, to_ns; /* since the begin of the run */
};

/* Writes the document. Return: 0 or -ENOMEM. */
int picture_write(FILE *out, const struct spans *spans, const struct path *path,
		  const struct picture_options *options);

#endif
