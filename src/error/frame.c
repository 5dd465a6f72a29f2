/* SPDX-License-Identifier: MIT */
/*
 * The frames of an error for programs, in the public form. What is in them is that of trace/names.h, which looks names up the
 * first time and keeps them with the backtrace, so a frame's strings live as long as the error.
 */
#include <errgroup/frame.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>

#include "error/error.h"
#include "trace/names.h"
#include "trace/unwind/build_id.h"

/* What a frame of the first version ends with. Programs built with its headers have room for no more. */
#define FRAME_SIZE_FIRST (offsetof(struct eg_frame, cut) + sizeof(uint32_t))

_Static_assert(EG_FRAME_BUILD_ID_SIZE > 2 * EGI_BUILD_ID_MAX, "a frame has room for the longest build id");

static struct egi_frames error_frames(const eg_error *error)
{
	struct egi_frames frames;
	int cancelable;

	/* A thread that was cancelled in here would keep a lock and files. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelable);
	frames = egi_frames_find(egi_error_trace(error), true);
	pthread_setcancelstate(cancelable, NULL);
	return frames;
}

size_t eg_error_frame_count(const eg_error *error)
{
	return egi_frames_count(error_frames(error));
}

int eg_error_frame(const eg_error *error, size_t index, struct eg_frame *ret_frame)
{
	struct eg_frame frame = EG_FRAME_INIT;
	struct egi_frames frames;
	struct egi_frame found;

	if (ret_frame == NULL || ret_frame->size < FRAME_SIZE_FIRST)
		return -EINVAL;
	frames = error_frames(error);
	if (index >= egi_frames_count(frames))
		return -ENOENT;
	found = egi_frames_read(frames, index);
	frame.size = ret_frame->size;
	frame.function = found.function;
	frame.file = found.file;
	frame.line = found.line;
	frame.inlined = found.is_inlined;
	frame.elided = found.elided;
	frame.offset = found.offset;
	frame.cut = found.is_cut;
	if (found.module != NULL) {
		frame.module = found.module->path;
		egi_build_id_format(found.module->build_id, found.module->build_id_size, frame.build_id);
	}
	memcpy(ret_frame, &frame, frame.size < sizeof(frame) ? frame.size : sizeof(frame));
	return 0;
}
