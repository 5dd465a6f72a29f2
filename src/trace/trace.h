/* SPDX-License-Identifier: MIT */
#ifndef EGI_TRACE_TRACE_H
#define EGI_TRACE_TRACE_H

/*
 * A backtrace: where a stack stood, as module, offset and build id of each frame.
 *
 * Capturing is cheap (well under a microsecond where frames were seen before) and looks up no names:
 * names.h does that later, if anyone asks. Addresses are turned into module and offset at once, so a
 * backtrace stays true after the module was closed, and it never shows where anything lies in memory. It is
 * one block from malloc, immutable once captured but for the names that names.h keeps with it, and may be read
 * by any number of threads.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "trace/unwind/module.h"
#include "trace/unwind/walk.h"

struct egi_trace;

struct egi_trace_frame {
	unsigned module; /* index for egi_trace_module, or EGI_TRACE_NO_MODULE */
	uint64_t offset; /* virtual address in the module's file, inside the calling instruction */
};

#define EGI_TRACE_NO_MODULE (~0u) /* the address belongs to no module; its offset is 0 */

/*
 * Captures the calling thread's stack, innermost frame first, beginning with the caller of this function.
 *
 * @skip        leaves out so many of the innermost frames. Calls that the compiler inlined have no frame of
 *              their own: a caller that counts on a number keeps its functions noinline.
 * @stop_frame  an address inside the stack frame of the function at which to stop, as
 *              __builtin_frame_address(0) or the address of one of its locals gives it (of one that is on
 *              the stack: AddressSanitizer can move locals elsewhere): this function and all its callers
 *              are left out. It has to lie on the stack that the caller runs on, and bounds what is read of
 *              it.
 *
 * Memory is bounded however deep the stack is. A broken stack ends the trace early; it does not crash. errno
 * is kept. Takes no lock but malloc's, libgcc's (unwind/registered.h) and, without glibc 2.35, the loader's.
 * Return: the backtrace, possibly with no frames; NULL without memory.
 */
struct egi_trace *egi_trace_capture(unsigned skip, const void *stop_frame);

/*
 * A backtrace of one frame, for where a stack cannot be followed: the call that returns to an address. It is cut.
 * Return: NULL without memory.
 */
struct egi_trace *egi_trace_create_one(const void *return_address);

/*
 * A capture in two steps, for signal handlers: what was seen of a stack is recorded in memory that the caller
 * has, and made into a backtrace later, before any of the modules on that stack is closed.
 */
#define EGI_TRACE_MODULES_MAX 32 /* frames of more modules than these are shown as of none */

struct egi_trace_record {
	unsigned count;
	unsigned module_count;
	uint64_t elided;
	bool is_cut;
	struct egi_trace_frame frames[EGI_WALK_MAX];
	struct egi_module_view modules[EGI_TRACE_MODULES_MAX];
};

/*
 * Records the stack that a signal interrupted, beginning with the function that was interrupted. `stop_frame`
 * is as above, and lies on that stack, which may be another than the handler's.
 * Async-signal-safe: takes no memory, and no lock (but, without glibc 2.35, the loader's). On machines that
 * unwind/step.h does not know there are no frames.
 */
void egi_trace_record_interrupted(const ucontext_t *context, const void *stop_frame,
				  struct egi_trace_record *ret_record);

/* Return: the backtrace; NULL without memory. */
struct egi_trace *egi_trace_create(const struct egi_trace_record *record);

/* Frees a backtrace. NULL is fine. */
void egi_trace_free(struct egi_trace *trace);

/* The frames that were kept. NULL has none. */
unsigned egi_trace_count(const struct egi_trace *trace);

/* How many frames were left out between frame EGI_WALK_HEAD - 1 and frame EGI_WALK_HEAD; 0 when all were kept. */
uint64_t egi_trace_elided(const struct egi_trace *trace);

/* Whether the stack goes on beyond the last frame, and nobody knows how. */
bool egi_trace_is_cut(const struct egi_trace *trace);

/* One frame, from 0, the innermost, to below the count. */
struct egi_trace_frame egi_trace_frame(const struct egi_trace *trace, unsigned index);

/* The modules that the frames belong to. They live as long as the backtrace. */
unsigned egi_trace_module_count(const struct egi_trace *trace);
const struct egi_module_file *egi_trace_module(const struct egi_trace *trace, unsigned index);

/*
 * Names of the frames, kept for names.c, which says who may touch them. The block is freed with the backtrace.
 * Made by egi_trace_create with nothing decided.
 */
struct egi_trace_names {
	bool decided; /* no more look-ups: `block` is what there is */
	void *block;  /* from malloc, or NULL */
};

struct egi_trace_names *egi_trace_names(const struct egi_trace *trace);

#endif
