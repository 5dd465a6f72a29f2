/* SPDX-License-Identifier: MIT */
/*
 * The critical path as a line below the spans it consists of, from lane to lane; dashed where nothing ran that it could
 * follow. It has a few points for each pixel, however many spans there are.
 */

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "picture.h"

/* Points in the same column; what more there is would be drawn over these. */
#define COLUMN_MAX 8

/* Shorter waits are not drawn dashed. */
#define WAIT_MIN 3.0

struct pen {
	const struct picture *picture;
	FILE *solid, *dashed;
	double x, y; /* where it is */
	bool is_down;
	int column, in_column;
};

static void pen_move(struct pen *pen, double x, double y)
{
	bool waits = pen->is_down && x - pen->x >= WAIT_MIN;

	if (waits)
		fprintf(pen->dashed, "M%.1f %.1fL%.1f %.1f", pen->x, pen->y, x, y);
	fprintf(pen->solid, "%c%.1f %.1f", pen->is_down && !waits ? 'L' : 'M', x, y);
	pen->is_down = true;
}

static void pen_span(struct pen *pen, const struct span *span)
{
	double x = picture_x(pen->picture, span->begin_ns), end = picture_x(pen->picture, span->end_ns);
	double y = pen->picture->tops[span->lane] + ROW_HEIGHT - 1.5;
	bool goes_on = pen->is_down && y == pen->y && x - pen->x < WAIT_MIN;

	if ((int)end != pen->column) {
		pen->column = (int)end;
		pen->in_column = 0;
	}
	if (++pen->in_column > COLUMN_MAX)
		return;
	if (!goes_on)
		pen_move(pen, x, y);
	fprintf(pen->solid, "L%.1f %.1f", end, y);
	pen->x = end;
	pen->y = y;
}

static void put_lines(const struct picture *picture, struct pen *pen)
{
	for (size_t i = 0; i < picture->path->count; i++) {
		const struct span *span = &picture->spans->items[picture->path->spans[i]];

		if (span->lane < LANES_DRAWN_MAX && span->end_ns >= picture->from_ns &&
		    span->begin_ns <= picture->to_ns)
			pen_span(pen, span);
	}
}

/* Closes a stream in memory, if it was there. */
static int finish(FILE *stream)
{
	return stream != NULL && fclose(stream) == 0 ? 0 : -ENOMEM;
}

int picture_path(const struct picture *picture)
{
	char *solid = NULL, *dashed = NULL;
	size_t solid_size, dashed_size;
	struct pen pen = {.picture = picture, .column = -1};
	int error;

	pen.solid = open_memstream(&solid, &solid_size);
	pen.dashed = open_memstream(&dashed, &dashed_size);
	if (pen.solid != NULL && pen.dashed != NULL)
		put_lines(picture, &pen);
	error = finish(pen.solid);
	if (finish(pen.dashed) != 0)
		error = -ENOMEM;
	if (error == 0 && dashed[0] != '\0')
		fprintf(picture->out, "<path class=\"wait\" d=\"%s\"/>\n", dashed);
	if (error == 0 && solid[0] != '\0')
		fprintf(picture->out, "<path class=\"case\" d=\"%s\"/>\n<path class=\"path\" d=\"%s\"/>\n",
			solid, solid);
	free(solid);
	free(dashed);
	return error;
}
