/* SPDX-License-Identifier: MIT */

/*
 * Capturing a backtrace.
 *
 * The walk up the stack takes one of two ways. The quick one, trace/unwind/step.h, knows the frames that compilers
 * make. Where it meets another, the walk begins again with libgcc's _Unwind_Backtrace, which knows all that
 * can be known and takes ten times as long; a guard keeps it from reading where a broken stack leads it. Both
 * show the same frames. Where libgcc's cannot be used the trace is what the quick one has found.
 *
 * Kept are only the first frames, a ring with the last ones, and a count, so that a stack of any depth takes
 * the same memory. The kept addresses are then resolved to modules, the modules gathered, and all of it is
 * copied into one block.
 *
 * glibc's backtrace() is no help: it can neither keep both ends of a deep stack nor stop at a frame.
 */

#include "trace/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

#include "os/compiler.h"
#include "trace/unwind/guard.h"
#include "trace/unwind/module.h"
#include "trace/unwind/step.h"

#define FRAMES_MAX (EGI_BACKTRACE_HEAD + EGI_BACKTRACE_TAIL)

/* How often a stack may turn to lower addresses, as it does where a signal handler has a stack of its own. */
#define TURNS_MAX 64

struct egi_backtrace {
	unsigned count;
	unsigned module_count;
	uint64_t elided;
	struct egi_backtrace_names names;
	struct egi_backtrace_module *modules; /* this and the next point into this same block */
	struct egi_backtrace_frame *frames;
};

/*
 * The walk
 */

struct walk {
	uint64_t seen;   /* frames kept or elided */
	uint64_t skip;   /* frames still to be left out */
	uintptr_t inner; /* frames whose low end is not above this are the capture's own */
	uintptr_t stop;
	uintptr_t head[EGI_BACKTRACE_HEAD];
	uintptr_t tail[EGI_BACKTRACE_TAIL];
};

/* The arrays are left as they are: clearing them would cost as much as the walk of a shallow stack. */
static void walk_begin(struct walk *walk, unsigned skip, const void *inner, const void *stop)
{
	walk->seen = 0;
	walk->skip = skip;
	walk->inner = (uintptr_t)inner;
	walk->stop = (uintptr_t)stop;
}

static inline void walk_commit(struct walk *walk, uintptr_t address, uintptr_t low)
{
	if (low <= walk->inner)
		return;
	if (walk->skip > 0) {
		walk->skip--;
		return;
	}
	if (walk->seen < EGI_BACKTRACE_HEAD)
		walk->head[walk->seen] = address;
	else
		walk->tail[(walk->seen - EGI_BACKTRACE_HEAD) % EGI_BACKTRACE_TAIL] = address;
	walk->seen++;
}

static uintptr_t walk_address(const struct walk *walk, unsigned index)
{
	uint64_t first;

	if (index < EGI_BACKTRACE_HEAD)
		return walk->head[index];
	first = walk->seen <= FRAMES_MAX ? 0 : walk->seen - FRAMES_MAX;
	return walk->tail[(first + index - EGI_BACKTRACE_HEAD) % EGI_BACKTRACE_TAIL];
}

/*
 * The quick way
 */

/* Return: false when it came to a frame that it does not know; those below are committed. */
static bool walk_quickly(struct walk *walk, struct egi_unwind *unwind)
{
	for (;;) {
		uintptr_t address = egi_unwind_lookup(unwind), low = unwind->at.sp;

		switch (egi_unwind_step(unwind)) {
		case EGI_UNWIND_STEPPED:
			walk_commit(walk, address, low);
			break;
		case EGI_UNWIND_ENDED:
			walk_commit(walk, address, low);
			return true;
		case EGI_UNWIND_STOPPED:
			return true;
		case EGI_UNWIND_FOREIGN:
			return false;
		}
	}
}

/*
 * libgcc's way
 */

struct slow_walk {
	struct walk *walk;
	unsigned turns;
	bool has_pending;
	uintptr_t pending;     /* the latest frame's address; committed once its extent is known */
	uintptr_t pending_low; /* and the low end of that frame */
	struct egi_unwind_guard guard;
};

static void slow_commit(struct slow_walk *slow)
{
	slow->has_pending = false;
	walk_commit(slow->walk, slow->pending, slow->pending_low);
}

/* Decides, before the unwinder steps out of the pending frame, whether it may. */
static _Unwind_Reason_Code slow_judge(struct slow_walk *slow, struct _Unwind_Context *context)
{
	uintptr_t address = 0;

	switch (egi_unwind_guard_judge(&slow->guard, context, slow->pending, slow->walk->stop, &address)) {
	case EGI_GUARD_STOP:
		slow->has_pending = false;
		return _URC_END_OF_STACK;
	case EGI_GUARD_END:
		slow_commit(slow);
		return _URC_END_OF_STACK;
	case EGI_GUARD_LAST:
		slow_commit(slow);
		slow->pending = address - 1;
		slow_commit(slow);
		return _URC_END_OF_STACK;
	case EGI_GUARD_GO:
		break;
	}
	return _URC_NO_REASON;
}

/*
 * One frame of the stack. _Unwind_GetCFA gives, in spite of its name, the frame's low end: the stack pointer
 * in that function where it made its call, which is the canonical frame address of the function called. The
 * frame's own canonical address, its high end, is the low end of the next frame. So a frame waits as pending
 * until the next call, and then
 *
 *     high end >  stop:  `stop` lies in this frame or below it: this is the frame to stop at, leave it out
 *     high end <= stop:  the frame ends before `stop`: keep it
 *
 * The frame called by the one to stop at ends exactly where that begins, so equality keeps.
 */
static _Unwind_Reason_Code slow_visit(struct _Unwind_Context *context, void *arg)
{
	struct slow_walk *slow = arg;
	uintptr_t low = (uintptr_t)_Unwind_GetCFA(context);
	int is_exact = 0;
	uintptr_t pc = (uintptr_t)_Unwind_GetIPInfo(context, &is_exact);

	if (slow->has_pending) {
		if (slow->walk->stop != 0 && low > slow->walk->stop) {
			slow->has_pending = false;
			return _URC_END_OF_STACK;
		}
		/*
		 * A walk that does not move up is going round in circles over a broken stack. Below a signal
		 * handler (the address is then exact) it may turn once, to the stack that the signal
		 * interrupted.
		 */
		if (low < slow->pending_low && (!is_exact || ++slow->turns > TURNS_MAX)) {
			slow_commit(slow);
			return _URC_END_OF_STACK;
		}
		slow_commit(slow);
	}
	if (pc == 0)
		return _URC_END_OF_STACK;

	/* A return address is one past its call, which may be the last instruction of the function. */
	slow->pending = is_exact ? pc : pc - 1;
	slow->pending_low = low;
	slow->has_pending = true;
	return slow_judge(slow, context);
}

static void walk_slowly(struct walk *walk)
{
	struct slow_walk slow = {.walk = walk};

	_Unwind_Backtrace(slow_visit, &slow);
	/* Where the end of the stack was reached, nothing is known of the last frame's high end. */
	if (slow.has_pending && (walk->stop == 0 || slow.pending_low <= walk->stop))
		slow_commit(&slow);
}

/*
 * The capture
 */

/* Finds the module of an address, which the walk may have met. */
static bool view_find(const struct egi_unwind *unwind, uintptr_t address, struct egi_module_view *ret_view)
{
	for (unsigned i = 0; i < unwind->module_count; i++) {
		const struct egi_module_view *view = &unwind->modules[i].view;

		if (address >= view->start && address < view->end) {
			*ret_view = *view;
			return true;
		}
	}
	return egi_module_find(address, ret_view);
}

/* Resolves the walk's frames. */
static void record_fill(struct egi_backtrace_record *record, const struct walk *walk,
			const struct egi_unwind *unwind)
{
	struct egi_module_view *modules = &record->modules[0];
	unsigned count = walk->seen < FRAMES_MAX ? (unsigned)walk->seen : FRAMES_MAX, module_count = 0, m = 0;

	for (unsigned i = 0; i < count; i++) {
		uintptr_t address = walk_address(walk, i);

		/* Frames of one module tend to lie together. */
		if (m >= module_count || address < modules[m].start || address >= modules[m].end)
			for (m = 0; m < module_count; m++)
				if (address >= modules[m].start && address < modules[m].end)
					break;
		if (m == module_count) {
			if (m == EGI_BACKTRACE_MODULES_MAX || !view_find(unwind, address, &modules[m])) {
				record->frames[i] = (struct egi_backtrace_frame){EGI_BACKTRACE_NO_MODULE, 0};
				continue;
			}
			module_count++;
		}
		record->frames[i] = (struct egi_backtrace_frame){m, address - modules[m].base};
	}
	record->count = count;
	record->module_count = module_count;
	record->elided = walk->seen - count;
}

struct egi_backtrace *egi_backtrace_create(const struct egi_backtrace_record *record)
{
	size_t modules_size = record->module_count * sizeof(struct egi_backtrace_module);
	size_t frames_size = record->count * sizeof(record->frames[0]);
	size_t path_sizes[EGI_BACKTRACE_MODULES_MAX];
	size_t bytes_size = 0;
	struct egi_backtrace *backtrace;
	unsigned char *bytes;

	for (unsigned i = 0; i < record->module_count; i++) {
		path_sizes[i] = strlen(record->modules[i].shown.path) + 1;
		bytes_size += path_sizes[i] + record->modules[i].shown.build_id_size;
	}
	backtrace = malloc(sizeof(*backtrace) + modules_size + frames_size + bytes_size);
	if (backtrace == NULL)
		return NULL;

	backtrace->count = record->count;
	backtrace->module_count = record->module_count;
	backtrace->elided = record->elided;
	backtrace->names = (struct egi_backtrace_names){false, NULL};
	backtrace->modules = (struct egi_backtrace_module *)(backtrace + 1);
	backtrace->frames = (struct egi_backtrace_frame *)((char *)backtrace->modules + modules_size);
	memcpy(backtrace->frames, record->frames, frames_size);
	bytes = (unsigned char *)backtrace->frames + frames_size;
	for (unsigned i = 0; i < record->module_count; i++) {
		struct egi_backtrace_module *module = &backtrace->modules[i];

		*module = record->modules[i].shown;
		module->path = memcpy(bytes, module->path, path_sizes[i]);
		bytes += path_sizes[i];
		if (module->build_id_size > 0)
			module->build_id = memcpy(bytes, module->build_id, module->build_id_size);
		bytes += module->build_id_size;
	}
	return backtrace;
}

EGI_NOINLINE struct egi_backtrace *egi_backtrace_capture(unsigned skip, const void *stop_frame)
{
	const void *inner = __builtin_frame_address(0);
	struct egi_unwind_registers registers = {0, 0, 0, 0};
	struct egi_backtrace_record record;
	struct egi_backtrace *backtrace;
	struct egi_unwind unwind;
	struct walk walk;
	int saved_errno = errno;

	egi_module_prime();
	EGI_UNWIND_HERE(&registers);
	unwind.module_count = 0;
	walk_begin(&walk, skip, inner, stop_frame);
	if ((!egi_unwind_begin(&unwind, &registers, stop_frame) || !walk_quickly(&walk, &unwind)) &&
	    egi_unwind_guard_is_usable()) {
		walk_begin(&walk, skip, inner, stop_frame);
		walk_slowly(&walk);
	}
	record_fill(&record, &walk, &unwind);
	backtrace = egi_backtrace_create(&record);
	errno = saved_errno;
	return backtrace;
}

struct egi_backtrace *egi_backtrace_create_one(const void *return_address)
{
	struct egi_backtrace_record record;
	struct egi_unwind unwind = {0};
	struct walk walk;

	egi_module_prime();
	walk_begin(&walk, 0, NULL, NULL);
	walk_commit(&walk, (uintptr_t)return_address - 1, 1);
	record_fill(&record, &walk, &unwind);
	return egi_backtrace_create(&record);
}

void egi_backtrace_record_interrupted(const ucontext_t *context, const void *stop_frame,
				      struct egi_backtrace_record *ret_record)
{
	struct egi_unwind_registers registers = egi_unwind_interrupted(context);
	struct egi_unwind unwind;
	struct walk walk;
	int saved_errno = errno;

	unwind.module_count = 0;
	walk_begin(&walk, 0, NULL, stop_frame);
	if (egi_unwind_begin(&unwind, &registers, stop_frame)) {
		while (!walk_quickly(&walk, &unwind)) {
			/*
			 * A foreign frame. If it is a jump to nowhere, the caller's return address is still
			 * there.
			 */
			walk_commit(&walk, egi_unwind_lookup(&unwind), unwind.at.sp);
			if (!egi_unwind_return(&unwind))
				break;
		}
	}
	record_fill(ret_record, &walk, &unwind);
	errno = saved_errno;
}

void egi_backtrace_free(struct egi_backtrace *backtrace)
{
	if (backtrace == NULL)
		return;
	free(backtrace->names.block);
	free(backtrace);
}

/*
 * Reading
 */

unsigned egi_backtrace_count(const struct egi_backtrace *backtrace)
{
	return backtrace == NULL ? 0 : backtrace->count;
}

uint64_t egi_backtrace_elided(const struct egi_backtrace *backtrace)
{
	return backtrace == NULL ? 0 : backtrace->elided;
}

struct egi_backtrace_frame egi_backtrace_frame(const struct egi_backtrace *backtrace, unsigned index)
{
	return backtrace->frames[index];
}

unsigned egi_backtrace_module_count(const struct egi_backtrace *backtrace)
{
	return backtrace == NULL ? 0 : backtrace->module_count;
}

struct egi_backtrace_module egi_backtrace_module(const struct egi_backtrace *backtrace, unsigned index)
{
	return backtrace->modules[index];
}

struct egi_backtrace_names *egi_backtrace_names(const struct egi_backtrace *backtrace)
{
	/* Every backtrace comes from malloc: none is const but by its type. */
	return (struct egi_backtrace_names *)(uintptr_t)&backtrace->names;
}
