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

#include <stddef.h>
#include <stdint.h>

#include "trace/trace.h"

/* Longer names of functions and files are cut. Those of templates can be far longer. */
#define EGI_FRAMES_NAME_MAX 4096

/* A call on the stack. Strings live as long as the backtrace. */
struct egi_frame {
	const char *function; /* NULL: not known */
	const char *file;     /* as the compiler was given it; NULL: not known */
	uint32_t line;        /* 0: not known */
	bool is_inlined;      /* into the function of the next frame, which has the same offset */
	bool is_cut;          /* the stack goes on beyond this one, and nobody knows how */
	uint64_t elided;      /* calls left out just before this one */
	const struct egi_module_file *module; /* NULL: code that is in none */
	uint64_t offset;                      /* virtual address in the module's file */
};

/*
 * Frames to read: valid as long as the backtrace. `names` is NULL where only places are known.
 */
struct egi_frames {
	const struct egi_trace *trace;
	const struct egi_names *names;
};

/*
 * Looks the names up, if nobody did before.
 *
 * @for_good  when there is no memory for names, remember that: what is read by index must not change its
 *            indexes while it is read. Otherwise the next call tries again.
 *
 * Threads: any. Must not be cancelled meanwhile. The caller may hold no lock of the library's.
 */
struct egi_frames egi_frames_find(const struct egi_trace *trace, bool for_good);

/* For the fork handlers. */
void egi_frames_lock(void);
void egi_frames_unlock(void);

size_t egi_frames_count(struct egi_frames frames);

/* One frame, from 0, the innermost, to below the count. */
struct egi_frame egi_frames_read(struct egi_frames frames, size_t index);

#endif
