/* SPDX-License-Identifier: MIT */
#ifndef ERRGROUP_FRAME_H
#define ERRGROUP_FRAME_H

/*
 * The backtrace of an error, frame by frame: for loggers, crash collectors and tests, which should not have
 * to read what eg_error_print writes.
 *
 *     struct eg_frame frame = EG_FRAME_INIT;
 *     for (size_t i = 0; eg_error_frame(error, i, &frame) == 0; i++)
 *             fprintf(log, "%s:%u\n", frame.file ? frame.file : "?", (unsigned)frame.line);
 *
 * A frame is one structure, filled by one call, and not a function for each property: what belongs together
 * is fetched together, a binding to another language declares two functions, and a property that a later
 * version adds is a field at the end and no symbol that an older library lacks. A field that the library at
 * run time does not know yet stays zero, and zero means "not known" in every field.
 *
 * Each error has its own backtrace. That of a cause or of a joined panic is asked of that error.
 */

#include <errgroup/base.h>
#include <errgroup/error.h>

EG_BEGIN_DECLS

#define EG_FRAME_BUILD_ID_SIZE 132 /* an id of 64 bytes in hexadecimal, a final NUL, and some to spare */

/*
 * A call on the stack. Whether a name is known depends on the files and tools at hand when it is first asked
 * for; module, offset and build id come from the capture, and `eu-addr2line -f -i -e FILE OFFSET` makes
 * function, file and line of them wherever there is a file with that build id and debug information.
 */
struct eg_frame {
	size_t size;          /* sizeof(struct eg_frame), set by EG_FRAME_INIT */
	const char *function; /* NULL: not known */
	const char *file;     /* of the call, as the compiler was given it; NULL: not known */
	uint32_t line;        /* 0: not known */
	uint32_t inlined;     /* 1: inlined into the function of the next frame, which has the same offset */
	uint64_t elided;      /* calls left out just before this one: deep stacks lose their middle */
	const char *module;   /* path of the program or shared object; NULL: code that is in none */
	uint64_t offset;      /* virtual address in the module's file, inside the calling instruction */
	char build_id[EG_FRAME_BUILD_ID_SIZE]; /* the module's, hexadecimal; "" when it has none */
	uint32_t cut; /* 1: the last frame that is known, whose code does not say where it was called */
};

/* clang-format off */
#define EG_FRAME_INIT {sizeof(struct eg_frame), NULL, NULL, 0, 0, 0, NULL, 0, "", 0}
/* clang-format on */

/*
 * How many frames eg_error_frame gives, inlined calls among them, those left out not; 0 for NULL, for an
 * error without a backtrace, and for one whose backtrace found no memory.
 *
 * Names are looked up when an error is first printed or its frames are first asked for, and stay the same
 * from then on. Out of memory costs function, file, line and the inlined calls, of this error for good, and
 * nothing else.
 *
 * Threads: any, but not in a signal handler. Blocking: the first call reads the files of the modules, which
 * can take milliseconds, and waits for other threads that do so.
 */
EG_PUBLIC size_t eg_error_frame_count(const eg_error *error);

/*
 * Describes one frame of an error's backtrace.
 *
 * @index      0 is the innermost: the function that panicked
 * @ret_frame  with its size set, by EG_FRAME_INIT; of the rest, what this library knows is filled in
 *
 * Ownership: the strings are borrowed and live as long as the error. Threads and blocking: as
 * eg_error_frame_count. Return: 0; -ENOENT when there is no such frame; -EINVAL for a NULL ret_frame or one
 * that is smaller than the first version's. ret_frame is untouched on failure.
 */
EG_PUBLIC int eg_error_frame(const eg_error *error, size_t index, struct eg_frame *ret_frame) EG_MUST_CHECK;

EG_END_DECLS

#endif
