/* SPDX-License-Identifier: MIT */
#ifndef EGI_TRACE_TRACE_H
#define EGI_TRACE_TRACE_H

/*
 * A backtrace: where a stack stood, as module, offset and build id of each frame.
 *
 * Capturing is cheap (well under a microsecond where frames were seen before) and looks up no names:
 * symbolize.h does that later, if anyone asks. Addresses are turned into module and offset at once, so a
 * backtrace stays true after the module was closed, and it never shows where anything lies in memory. It is
 * one block from malloc, immutable once captured but for the names that names.h keeps with it, and may be read
 * by any number of threads.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "trace/unwind/module.h"

/* The innermost and the outermost frames that are kept; those in between are counted. */
#define EGI_BACKTRACE_HEAD 48
#define EGI_BACKTRACE_TAIL 16

struct egi_backtrace;

struct egi_backtrace_frame {
	unsigned module; /* index for egi_backtrace_module, or EGI_BACKTRACE_NO_MODULE */
	uint64_t offset; /* virtual address in the module's file, inside the calling instruction */
};

#define EGI_BACKTRACE_NO_MODULE (~0u) /* the address belongs to no module; its offset is 0 */

/*
 * Captures the calling thread's stack, innermost frame first, beginning with the caller of this function.
 *
 * @skip        leaves out so many of the innermost frames. Calls that the compiler inlined have no frame of
 *              their own: a caller that counts on a number keeps its functions noinline.
 * @stop_frame  an address inside the stack frame of the function at which to stop, as
 *              __builtin_frame_address(0) or the address of one of its locals gives it (of one that is on
 *              the stack: AddressSanitizer can move locals elsewhere): this function and all its callers
 *              are left out. It has to lie on the stack that the caller runs on, and bounds what is read of
 *              it. NULL: go to the end of the stack, which is slow, and trusts the frame pointers that it
 *              finds.
 *
 * Memory is bounded however deep the stack is. A broken stack ends the trace early; it does not crash. errno
 * is kept. Takes no lock but malloc's (and, without glibc 2.35, the loader's).
 * Return: the backtrace, possibly with no frames; NULL without memory.
 */
struct egi_backtrace *egi_backtrace_capture(unsigned skip, const void *stop_frame);

/*
 * A backtrace of one frame, for where a stack cannot be followed: the call that returns to an address.
 * Return: NULL without memory.
 */
struct egi_backtrace *egi_backtrace_create_one(const void *return_address);

/*
 * A capture in two steps, for signal handlers: what was seen of a stack is recorded in memory that the caller
 * has, and made into a backtrace later, before any of the modules on that stack is closed.
 */
#define EGI_BACKTRACE_MODULES_MAX 32 /* frames of more modules than these are shown as of none */

struct egi_backtrace_record {
	unsigned count;
	unsigned module_count;
	uint64_t elided;
	struct egi_backtrace_frame frames[EGI_BACKTRACE_HEAD + EGI_BACKTRACE_TAIL];
	struct egi_module_view modules[EGI_BACKTRACE_MODULES_MAX];
};

/*
 * Records the stack that a signal interrupted, beginning with the function that was interrupted. `stop_frame`
 * is as above, never NULL, and lies on that stack, which may be another than the handler's.
 * Async-signal-safe: takes no memory, and no lock (but, without glibc 2.35, the loader's). On machines that
 * trace/unwind/step.h does not know, and at a frame without an unwind table, the trace ends.
 */
void egi_backtrace_record_interrupted(const ucontext_t *context, const void *stop_frame,
				      struct egi_backtrace_record *ret_record);

/* Return: the backtrace; NULL without memory. */
struct egi_backtrace *egi_backtrace_create(const struct egi_backtrace_record *record);

/* Frees a backtrace. NULL is fine. */
void egi_backtrace_free(struct egi_backtrace *backtrace);

/* The frames that were kept. NULL has none. */
unsigned egi_backtrace_count(const struct egi_backtrace *backtrace);

/*
 * How many frames were left out between frame EGI_BACKTRACE_HEAD - 1 and frame EGI_BACKTRACE_HEAD; 0 when all
 * were kept.
 */
uint64_t egi_backtrace_elided(const struct egi_backtrace *backtrace);

/* One frame, from 0, the innermost, to below the count. */
struct egi_backtrace_frame egi_backtrace_frame(const struct egi_backtrace *backtrace, unsigned index);

/* The modules that the frames belong to. A path and a build id live as long as the backtrace. */
unsigned egi_backtrace_module_count(const struct egi_backtrace *backtrace);
struct egi_backtrace_module egi_backtrace_module(const struct egi_backtrace *backtrace, unsigned index);

/*
 * Names of the frames, kept for names.c, which says who may touch them. The block is freed with the backtrace.
 * Made by egi_backtrace_create with nothing decided.
 */
struct egi_backtrace_names {
	bool decided; /* no more look-ups: `block` is what there is */
	void *block;  /* from malloc, or NULL */
};

struct egi_backtrace_names *egi_backtrace_names(const struct egi_backtrace *backtrace);

#endif
