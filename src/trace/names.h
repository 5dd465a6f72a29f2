/* SPDX-License-Identifier: MIT */
#ifndef EGI_TRACE_NAMES_H
#define EGI_TRACE_NAMES_H

/*
 * The frames of a backtrace with their names, looked up once and kept with the backtrace.
 *
 * What symbolize.h finds is copied into one block the first time anybody asks, for printing or through the
 * accessors, and freed with the backtrace. So an error says the same each time, whatever becomes of the
 * files, and is looked up once. Where there is no memory for the block, the frames are what was captured:
 * places without names.
 */

#include <errgroup/frame.h>

#include "os/compiler.h"
#include "trace/trace.h"

/* Longer names of functions and files are cut. Those of templates can be far longer. */
#define EGI_FRAMES_NAME_MAX 4096

/*
 * Frames to read: valid as long as the backtrace. `named` is NULL where only places are known.
 */
struct egi_frames {
	const struct egi_backtrace *backtrace;
	const struct egi_names *named;
};

/*
 * Looks the names up, if nobody did before.
 *
 * @for_good  when there is no memory for names, remember that: what is read by index must not change its
 *            indexes while it is read. Otherwise the next call tries again.
 *
 * Threads: any. Must not be cancelled meanwhile. The caller may hold no lock of the library's.
 */
struct egi_frames egi_frames_find(const struct egi_backtrace *backtrace, bool for_good);

/* For the fork handlers. */
void egi_frames_lock(void);
void egi_frames_unlock(void);

size_t egi_frames_count(struct egi_frames frames);

/* Fills in all of a frame but its size. `index` is below the count. */
void egi_frames_read(struct egi_frames frames, size_t index, struct eg_frame *ret_frame);

#endif
