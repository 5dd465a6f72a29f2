/* SPDX-License-Identifier: MIT */

/*
 * Frames as text: see text.h.
 *
 * Where not all frames have room, those at both ends are chosen first, by what they take, and the rest is counted. The
 * text of each frame is made twice when it has to be cut, once for its length: no memory is taken.
 */

#include "trace/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "os/text.h"
#include "trace/unwind/build_id.h"

#define BUILD_ID_BYTES 4 /* that are shown */
#define FUNCTION_MAX 1000
#define FILE_MAX 480
#define MODULE_MAX 255
#define PLACE_SIZE (MODULE_MAX + 64) /* with the offset and the build id */
#define ELIDED_MAX 48 /* the line for frames left out, and the one for frames that are not known */
#define LIMIT_LEAST (5 * ELIDED_MAX + 4)

static const char cut_line[] = "...more frames, not known...\n";

_Static_assert(sizeof(cut_line) <= ELIDED_MAX, "there is room for the line");
_Static_assert(FUNCTION_MAX + FILE_MAX + PLACE_SIZE + 64 <= EGI_FRAMES_TEXT_MAX, "and for the longest frame");

/* A name as it may be shown, cut to fit, in `max` bytes and a NUL. */
static const char *name_show(const char *name, char *ret_shown, size_t max)
{
	size_t taken;

	ret_shown[egi_text_show(name, strlen(name), false, ret_shown, max, &taken)] = '\0';
	return ret_shown;
}

/* Where the code lies, of a frame without a source file in a form of its own. */
static void place_format(const struct egi_frame *frame, char *ret_place)
{
	char name[MODULE_MAX + 1], id[2 * BUILD_ID_BYTES + 1];
	const struct egi_module_file *module = frame->module;
	const char *slash;

	if (module == NULL) {
		strcpy(ret_place, "??");
		return;
	}
	slash = strrchr(module->path, '/');
	slash = slash != NULL ? slash + 1 : module->path;
	ret_place += sprintf(ret_place, "%s+0x%" PRIx64,
			     name_show(slash[0] != '\0' ? slash : "??", name, MODULE_MAX), frame->offset);
	if (module->build_id_size == 0)
		return;
	egi_build_id_format(module->build_id,
			    module->build_id_size < BUILD_ID_BYTES ? module->build_id_size : BUILD_ID_BYTES,
			    id);
	sprintf(ret_place, frame->file != NULL ? ", build-id %s" : " (build-id %s)", id);
}

/* The bounds of the parts add up to less than the text's, so nothing is cut here. */
static size_t frame_format(const struct egi_frame *frame, char *ret_text)
{
	char place[PLACE_SIZE], shown[FUNCTION_MAX + 1];
	char *line = ret_text;

	if (frame->function != NULL)
		line += sprintf(line, "%s(...)\n", name_show(frame->function, shown, FUNCTION_MAX));
	else
		line += sprintf(line, "??\n");
	place_format(frame, place);
	if (frame->file == NULL)
		line += sprintf(line, "\t%s\n", place);
	else
		/* The end of a path says more than its beginning. */
		line += sprintf(line, "\t%s:%" PRIu32 " (%s)\n",
				name_show(egi_text_tail(frame->file, FILE_MAX), shown, FILE_MAX), frame->line,
				place);
	return (size_t)(line - ret_text);
}

static void elided_format(uint64_t count, egi_text_fn *fn, void *arg)
{
	char line[ELIDED_MAX];

	int length =
	    snprintf(line, sizeof(line), "...%" PRIu64 " frame%s elided...\n", count, count == 1 ? "" : "s");

	fn(arg, line, (size_t)length);
}

static size_t frame_measure(struct egi_frames frames, size_t index)
{
	char text[EGI_FRAMES_TEXT_MAX];
	struct egi_frame frame = egi_frames_read(frames, index);

	return frame_format(&frame, text) + (frame.elided > 0 ? ELIDED_MAX : 0);
}

/* How many of the first and of the last frames are shown. The first, where it went wrong, get more. */
static void frames_choose(struct egi_frames frames, size_t limit, size_t *ret_head, size_t *ret_tail)
{
	size_t count = egi_frames_count(frames), head = 0, tail = 0;
	size_t head_left = limit / 4 * 3, tail_left, total = 0;

	for (size_t i = 0; i < count; i++)
		total += frame_measure(frames, i);
	if (total > limit) {
		for (size_t size; head < count && (size = frame_measure(frames, head)) <= head_left; head++)
			head_left -= size;
		tail_left = limit - limit / 4 * 3 + head_left - ELIDED_MAX;
		for (size_t size;
		     head + tail < count && (size = frame_measure(frames, count - 1 - tail)) <= tail_left;
		     tail++)
			tail_left -= size;
	} else {
		head = count;
	}
	*ret_head = head;
	*ret_tail = tail;
}

void egi_frames_format(struct egi_frames frames, size_t limit, egi_text_fn *fn, void *arg)
{
	size_t count = egi_frames_count(frames), head, tail;
	bool is_cut = egi_trace_is_cut(frames.trace);
	char text[EGI_FRAMES_TEXT_MAX];
	uint64_t elided = 0;

	if (count == 0 || limit < LIMIT_LEAST)
		return;
	frames_choose(frames, is_cut ? limit - ELIDED_MAX : limit, &head, &tail);
	for (size_t i = 0; i < count; i++) {
		struct egi_frame frame = egi_frames_read(frames, i);

		elided += frame.elided;
		if (i >= head && i < count - tail) {
			elided++;
			continue;
		}
		if (elided > 0)
			elided_format(elided, fn, arg);
		elided = 0;
		fn(arg, text, frame_format(&frame, text));
	}
	if (elided > 0)
		elided_format(elided, fn, arg);
	if (is_cut)
		fn(arg, cut_line, sizeof(cut_line) - 1);
}
