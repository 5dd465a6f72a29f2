/* SPDX-License-Identifier: MIT */
#ifndef EGI_TRACE_TEXT_H
#define EGI_TRACE_TEXT_H

/*
 * Frames as text for a reader, in the shape that Go gives them, within a number of bytes. Two lines a frame,
 *
 *     parse_part(...)
 *             src/parse.c:88 (batch+0x1070, build-id 6991dc81)
 *
 * with a tab before the second; one line for frames that are left out, and one at the end for those that are not known.
 */

#include "trace/names.h"

/* A frame's text is no longer than this: longer names are cut. */
#define EGI_FRAMES_TEXT_MAX 2048

typedef void egi_text_fn(void *arg, const char *text, size_t size);

/*
 * Writes the frames through `fn`, which is called for whole lines. Where they would take more than `limit`
 * bytes, some in the middle are left out and counted. A limit below 250 gives nothing.
 *
 * Lines end in a newline and hold no control characters but that and the tab; names are shown as os/text.h says.
 */
void egi_frames_format(struct egi_frames frames, size_t limit, egi_text_fn *fn, void *arg);

#endif
