/* SPDX-License-Identifier: MIT */

/*
 * Capturing a backtrace.
 *
 * libgcc's _Unwind_Backtrace walks the stack and calls walk_frame for each frame. Kept in between are only the
 * first frames, a ring with the last ones, and a count, so that a stack of any depth takes the same memory. The
 * kept addresses are then resolved to modules, the modules gathered, and all of it is copied into one block.
 *
 * glibc's backtrace() is no help: it can neither keep both ends of a deep stack nor stop at a frame.
 */

#include "backtrace.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unwind.h>

#include "module.h"
#include "unwind_guard.h"

#define FRAMES_MAX (EGI_BACKTRACE_HEAD + EGI_BACKTRACE_TAIL)

/* How often a stack may turn to lower addresses, as it does where a signal handler has a stack of its own. */
#define TURNS_MAX 64

struct egi_backtrace {
	unsigned count;
	unsigned module_count;
	uint64_t elided;
	struct egi_backtrace_module *modules; /* this and the next point into this same block */
	struct egi_backtrace_frame *frames;
};

/*
 * The walk
 */

struct walk {
	uint64_t seen; /* frames committed */
	unsigned skip;
	unsigned turns;
	uintptr_t stop;
	bool has_pending;
	uintptr_t pending;     /* the latest frame's address; committed once its extent is known */
	uintptr_t pending_low; /* and the low end of that frame */
	struct egi_unwind_guard guard;
	uintptr_t head[EGI_BACKTRACE_HEAD];
	uintptr_t tail[EGI_BACKTRACE_TAIL];
};

static void walk_commit(struct walk *walk)
{
	walk->has_pending = false;
	if (walk->skip > 0) {
		walk->skip--;
		return;
	}
	if (walk->seen < EGI_BACKTRACE_HEAD)
		walk->head[walk->seen] = walk->pending;
	else
		walk->tail[(walk->seen - EGI_BACKTRACE_HEAD) % EGI_BACKTRACE_TAIL] = walk->pending;
	walk->seen++;
}

/* Decides, before the unwinder steps out of the pending frame, whether it may. */
static _Unwind_Reason_Code walk_judge(struct walk *walk, struct _Unwind_Context *context)
{
	uintptr_t address = 0;

	switch (egi_unwind_guard_judge(&walk->guard, context, walk->pending, walk->stop, &address)) {
	case EGI_UNWIND_STOP:
		walk->has_pending = false;
		return _URC_END_OF_STACK;
	case EGI_UNWIND_END:
		walk_commit(walk);
		return _URC_END_OF_STACK;
	case EGI_UNWIND_LAST:
		walk_commit(walk);
		walk->pending = address - 1;
		walk_commit(walk);
		return _URC_END_OF_STACK;
	case EGI_UNWIND_GO:
		break;
	}
	return _URC_NO_REASON;
}

/*
 * One frame of the stack. _Unwind_GetCFA gives, in spite of its name, the frame's low end: the stack pointer in
 * that function where it made its call, which is the canonical frame address of the function called. The frame's
 * own canonical address, its high end, is the low end of the next frame. So a frame waits as pending until the
 * next call, and then
 *
 *     high end >  stop:  `stop` lies in this frame or below it: this is the frame to stop at, leave it out
 *     high end <= stop:  the frame ends before `stop`: keep it
 *
 * The frame called by the one to stop at ends exactly where that begins, so equality keeps.
 */
static _Unwind_Reason_Code walk_frame(struct _Unwind_Context *context, void *arg)
{
	struct walk *walk = arg;
	uintptr_t low = (uintptr_t)_Unwind_GetCFA(context);
	int is_exact = 0;
	uintptr_t pc = (uintptr_t)_Unwind_GetIPInfo(context, &is_exact);

	if (walk->has_pending) {
		if (walk->stop != 0 && low > walk->stop) {
			walk->has_pending = false;
			return _URC_END_OF_STACK;
		}
		/*
		 * A walk that does not move up is going round in circles over a broken stack. Below a signal
		 * handler (the address is then exact) it may turn once, to the stack that the signal interrupted.
		 */
		if (low < walk->pending_low && (!is_exact || ++walk->turns > TURNS_MAX)) {
			walk_commit(walk);
			return _URC_END_OF_STACK;
		}
		walk_commit(walk);
	}
	if (pc == 0)
		return _URC_END_OF_STACK;

	/* A return address is one past its call, which may be the last instruction of the function. */
	walk->pending = is_exact ? pc : pc - 1;
	walk->pending_low = low;
	walk->has_pending = true;
	return walk_judge(walk, context);
}

/* The end of the stack was reached: nothing is known of the last frame's high end. */
static void walk_end(struct walk *walk)
{
	if (walk->has_pending && (walk->stop == 0 || walk->pending_low <= walk->stop))
		walk_commit(walk);
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
 * The capture
 */

/* Resolves the walk's frames. Return: how many modules they belong to. */
static unsigned walk_resolve(const struct walk *walk, unsigned count, struct egi_backtrace_frame *ret_frames,
			     struct egi_module_view *ret_modules)
{
	unsigned module_count = 0;

	for (unsigned i = 0; i < count; i++) {
		uintptr_t address = walk_address(walk, i);
		unsigned m = 0;

		while (m < module_count && (address < ret_modules[m].start || address >= ret_modules[m].end))
			m++;
		if (m == module_count) {
			if (!egi_module_find(address, &ret_modules[m])) {
				ret_frames[i] = (struct egi_backtrace_frame){EGI_BACKTRACE_NO_MODULE, 0};
				continue;
			}
			module_count++;
		}
		ret_frames[i] = (struct egi_backtrace_frame){m, address - ret_modules[m].base};
	}
	return module_count;
}

static struct egi_backtrace *backtrace_create(unsigned count, uint64_t elided,
					      const struct egi_backtrace_frame *frames, unsigned module_count,
					      const struct egi_module_view *modules)
{
	size_t modules_size = module_count * sizeof(struct egi_backtrace_module);
	size_t frames_size = count * sizeof(*frames);
	size_t bytes_size = 0;
	struct egi_backtrace *backtrace;
	unsigned char *bytes;

	for (unsigned i = 0; i < module_count; i++)
		bytes_size += strlen(modules[i].shown.path) + 1 + modules[i].shown.build_id_size;
	backtrace = malloc(sizeof(*backtrace) + modules_size + frames_size + bytes_size);
	if (backtrace == NULL)
		return NULL;

	backtrace->count = count;
	backtrace->module_count = module_count;
	backtrace->elided = elided;
	backtrace->modules = (struct egi_backtrace_module *)(backtrace + 1);
	backtrace->frames = (struct egi_backtrace_frame *)((char *)backtrace->modules + modules_size);
	memcpy(backtrace->frames, frames, frames_size);
	bytes = (unsigned char *)backtrace->frames + frames_size;
	for (unsigned i = 0; i < module_count; i++) {
		struct egi_backtrace_module *module = &backtrace->modules[i];
		size_t path_size = strlen(modules[i].shown.path) + 1;

		*module = modules[i].shown;
		module->path = memcpy(bytes, module->path, path_size);
		bytes += path_size;
		if (module->build_id_size > 0)
			module->build_id = memcpy(bytes, module->build_id, module->build_id_size);
		bytes += module->build_id_size;
	}
	return backtrace;
}

void egi_backtrace_prime(void)
{
	egi_backtrace_free(egi_backtrace_capture(0, NULL));
}

__attribute__((noinline)) struct egi_backtrace *egi_backtrace_capture(unsigned skip, const void *stop_frame)
{
	struct egi_backtrace_frame frames[FRAMES_MAX];
	struct egi_module_view modules[FRAMES_MAX];
	struct egi_backtrace *backtrace;
	struct walk walk;
	unsigned count, module_count;
	int saved_errno = errno;

	egi_module_prime();

	/* The arrays are left as they are: clearing them would cost as much as the walk of a shallow stack. */
	walk.seen = 0;
	walk.skip = skip < UINT_MAX ? skip + 1 : skip; /* one more for this function */
	walk.turns = 0;
	walk.stop = (uintptr_t)stop_frame;
	walk.has_pending = false;
	walk.guard = (struct egi_unwind_guard){0};
	_Unwind_Backtrace(walk_frame, &walk);
	walk_end(&walk);

	count = walk.seen < FRAMES_MAX ? (unsigned)walk.seen : FRAMES_MAX;
	module_count = walk_resolve(&walk, count, frames, modules);
	backtrace = backtrace_create(count, walk.seen - count, frames, module_count, modules);
	errno = saved_errno;
	return backtrace;
}

void egi_backtrace_free(struct egi_backtrace *backtrace)
{
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
