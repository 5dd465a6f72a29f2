/* SPDX-License-Identifier: MIT */
/*
 * Backtraces: see trace.h.
 *
 * A walk gives addresses. They are resolved to modules, each module once, in a record on the stack (or, in a signal
 * handler, wherever the caller has it), and what the record points to in the modules is copied with it into one block:
 *
 *     struct egi_trace | modules | frames | paths and build ids
 *
 * glibc's backtrace() is no help: it can neither keep both ends of a deep stack nor stop at a frame.
 */
#include "trace/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/compiler.h"

struct egi_trace {
	unsigned count;
	unsigned module_count;
	uint64_t elided;
	bool is_cut;
	struct egi_trace_names names;
	struct egi_module_file *modules; /* this and the next point into this same block */
	struct egi_trace_frame *frames;
};

/*
 * Capturing
 */

/* Finds the module of an address among those that are there, or enters it. Return: its index, or that of none. */
static unsigned record_find_module(struct egi_trace_record *record, struct egi_unwind *unwind,
				   uintptr_t address)
{
	const struct egi_module_view *view;

	for (unsigned m = 0; m < record->module_count; m++)
		if (egi_module_holds(&record->modules[m], address))
			return m;
	if (record->module_count == EGI_TRACE_MODULES_MAX)
		return EGI_TRACE_NO_MODULE;
	view = egi_unwind_view_at(unwind, address);
	if (view == NULL)
		return EGI_TRACE_NO_MODULE;
	record->modules[record->module_count] = *view;
	return record->module_count++;
}

/* Resolves the walk's frames. */
static void record_fill(struct egi_trace_record *record, const struct egi_walk *walk,
			struct egi_unwind *unwind)
{
	/* Frames of one module tend to lie together: what is known of the one before. */
	struct egi_trace_frame frame = {EGI_TRACE_NO_MODULE, 0};
	uintptr_t start = 0, size = 0, base = 0;
	unsigned count = egi_walk_count(walk);

	record->module_count = 0;
	for (unsigned i = 0; i < count; i++) {
		uintptr_t address = egi_walk_address(walk, i);

		if (EGI_UNLIKELY(address - start >= size)) {
			frame.module = record_find_module(record, unwind, address);
			if (frame.module == EGI_TRACE_NO_MODULE) {
				record->frames[i] = (struct egi_trace_frame){EGI_TRACE_NO_MODULE, 0};
				size = 0;
				continue;
			}
			start = record->modules[frame.module].start;
			size = record->modules[frame.module].end - start;
			base = record->modules[frame.module].base;
		}
		frame.offset = address - base;
		record->frames[i] = frame;
	}
	record->count = count;
	record->elided = walk->seen - count;
	record->is_cut = walk->is_cut;
}

struct egi_trace *egi_trace_create(const struct egi_trace_record *record)
{
	size_t modules_size = record->module_count * sizeof(struct egi_module_file);
	size_t frames_size = record->count * sizeof(record->frames[0]);
	size_t path_sizes[EGI_TRACE_MODULES_MAX];
	size_t bytes_size = 0;
	struct egi_trace *trace;
	unsigned char *bytes;

	for (unsigned i = 0; i < record->module_count; i++) {
		path_sizes[i] = strlen(record->modules[i].file.path) + 1;
		bytes_size += path_sizes[i] + record->modules[i].file.build_id_size;
	}
	trace = malloc(sizeof(*trace) + modules_size + frames_size + bytes_size);
	if (trace == NULL)
		return NULL;

	trace->count = record->count;
	trace->module_count = record->module_count;
	trace->elided = record->elided;
	trace->is_cut = record->is_cut;
	trace->names = (struct egi_trace_names){false, NULL};
	trace->modules = (struct egi_module_file *)(trace + 1);
	trace->frames = (struct egi_trace_frame *)((char *)trace->modules + modules_size);
	memcpy(trace->frames, record->frames, frames_size);
	bytes = (unsigned char *)trace->frames + frames_size;
	for (unsigned i = 0; i < record->module_count; i++) {
		struct egi_module_file *module = &trace->modules[i];

		*module = record->modules[i].file;
		module->path = memcpy(bytes, module->path, path_sizes[i]);
		bytes += path_sizes[i];
		if (module->build_id_size > 0)
			module->build_id = memcpy(bytes, module->build_id, module->build_id_size);
		bytes += module->build_id_size;
	}
	return trace;
}

EGI_NOINLINE struct egi_trace *egi_trace_capture(unsigned skip, const void *stop_frame)
{
	struct egi_unwind_registers registers = {0, 0, 0, 0};
	struct egi_trace_record record;
	struct egi_unwind unwind;
	struct egi_trace *trace;
	struct egi_walk walk;
	int saved_errno = errno;

	egi_module_prime();
	EGI_UNWIND_HERE(&registers);
	egi_walk_here(&walk, &unwind, &registers, skip, stop_frame);
	record_fill(&record, &walk, &unwind);
	trace = egi_trace_create(&record);
	errno = saved_errno;
	return trace;
}

struct egi_trace *egi_trace_create_one(const void *return_address)
{
	uintptr_t address = (uintptr_t)return_address - 1;
	struct egi_trace_record record = {.count = 1, .is_cut = true};

	egi_module_prime();
	record.frames[0] = (struct egi_trace_frame){EGI_TRACE_NO_MODULE, 0};
	if (egi_module_find(address, &record.modules[0])) {
		record.module_count = 1;
		record.frames[0] = (struct egi_trace_frame){0, address - record.modules[0].base};
	}
	return egi_trace_create(&record);
}

void egi_trace_record_interrupted(const ucontext_t *context, const void *stop_frame,
				  struct egi_trace_record *ret_record)
{
	struct egi_unwind_registers registers = egi_unwind_interrupted(context);
	struct egi_unwind unwind;
	struct egi_walk walk;
	int saved_errno = errno;

	egi_walk_interrupted(&walk, &unwind, &registers, stop_frame);
	record_fill(ret_record, &walk, &unwind);
	errno = saved_errno;
}

void egi_trace_free(struct egi_trace *trace)
{
	if (trace == NULL)
		return;
	free(trace->names.block);
	free(trace);
}

/*
 * Reading
 */

unsigned egi_trace_count(const struct egi_trace *trace)
{
	return trace == NULL ? 0 : trace->count;
}

uint64_t egi_trace_elided(const struct egi_trace *trace)
{
	return trace == NULL ? 0 : trace->elided;
}

bool egi_trace_is_cut(const struct egi_trace *trace)
{
	return trace != NULL && trace->is_cut;
}

struct egi_trace_frame egi_trace_frame(const struct egi_trace *trace, unsigned index)
{
	return trace->frames[index];
}

unsigned egi_trace_module_count(const struct egi_trace *trace)
{
	return trace == NULL ? 0 : trace->module_count;
}

const struct egi_module_file *egi_trace_module(const struct egi_trace *trace, unsigned index)
{
	return &trace->modules[index];
}

struct egi_trace_names *egi_trace_names(const struct egi_trace *trace)
{
	/* Every backtrace comes from malloc: none is const but by its type. */
	return (struct egi_trace_names *)(uintptr_t)&trace->names;
}
