/* SPDX-License-Identifier: MIT */

/*
 * Frames with names: see names.h.
 *
 * Two threads may look the same backtrace up at once; who is second drops what it found. That is rare, and to
 * hold a lock meanwhile would make everybody who prints wait for it.
 */

#include "trace/names.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "error/error.h"
#include "os/mutex.h"
#include "trace/elf.h"
#include "trace/symbolize.h"

#define NO_TEXT SIZE_MAX

struct name {
	unsigned place; /* index of the frame in the backtrace */
	uint32_t line;
	uint32_t inlined;
	size_t function; /* where in the text, or NO_TEXT */
	size_t file;
};

/* One block from malloc; the text comes after the names. */
struct egi_names {
	size_t count;
	const char *text;
	struct name names[];
};

/*
 * Collecting
 */

struct collection {
	bool failed;
	unsigned place;
	size_t count, room;
	struct name *names;
	size_t length, text_room;
	char *text;
};

/* Makes room for one more, or `more`, of the elements of an array. */
static bool array_grow(void *array_pointer, size_t *room, size_t count, size_t more, size_t each)
{
	size_t wanted = *room == 0 ? 64 : *room;
	void *array, *grown;

	if (count + more <= *room)
		return true;
	while (wanted < count + more)
		wanted *= 2;
	memcpy(&array, array_pointer, sizeof(array));
	grown = reallocarray(array, wanted, each);
	if (grown == NULL)
		return false;
	memcpy(array_pointer, &grown, sizeof(grown));
	*room = wanted;
	return true;
}

/* Most frames share their file with another: text that is there is used again. */
static size_t text_find(const struct collection *collection, const char *text, size_t size)
{
	for (size_t i = collection->count; i-- > 0;) {
		const size_t places[] = {collection->names[i].file, collection->names[i].function};

		for (size_t p = 0; p < 2; p++)
			if (places[p] != NO_TEXT && strncmp(collection->text + places[p], text, size) == 0 &&
			    collection->text[places[p] + size] == '\0')
				return places[p];
	}
	return NO_TEXT;
}

static size_t text_add(struct collection *collection, const char *text)
{
	size_t size, place;

	if (text == NULL || text[0] == '\0')
		return NO_TEXT;
	size = strnlen(text, EGI_FRAMES_NAME_MAX);
	/* Not in the middle of a character of UTF-8. */
	if (size == EGI_FRAMES_NAME_MAX)
		while (size > EGI_FRAMES_NAME_MAX - 4 && ((unsigned char)text[size] & 0xc0) == 0x80)
			size--;
	place = text_find(collection, text, size);
	if (place != NO_TEXT)
		return place;
	if (!array_grow(&collection->text, &collection->text_room, collection->length, size + 1, 1)) {
		collection->failed = true;
		return NO_TEXT;
	}
	place = collection->length;
	memcpy(collection->text + place, text, size);
	collection->text[place + size] = '\0';
	collection->length += size + 1;
	return place;
}

static void collection_add(void *arg, const struct egi_symbol *symbol)
{
	struct collection *collection = arg;
	struct name name = {.place = collection->place};

	if (symbol->elided > 0)
		return;
	if (!symbol->inlined)
		collection->place++;
	if (collection->failed ||
	    !array_grow(&collection->names, &collection->room, collection->count, 1, sizeof(name))) {
		collection->failed = true;
		return;
	}
	name.function = text_add(collection, symbol->function);
	name.file = text_add(collection, symbol->file);
	name.line = symbol->file != NULL && symbol->line > 0 ? (uint32_t)symbol->line : 0;
	name.inlined = symbol->inlined;
	collection->names[collection->count++] = name;
}

static struct egi_names *names_create(const struct egi_backtrace *backtrace)
{
	struct collection collection = {false};
	struct egi_names *names = NULL;
	size_t size;

	egi_symbolize(backtrace, collection_add, &collection);
	if (!collection.failed) {
		size = collection.count * sizeof(collection.names[0]);
		names = malloc(sizeof(*names) + size + collection.length);
		if (names != NULL) {
			names->count = collection.count;
			names->text = (char *)names->names + size;
			memcpy(names->names, collection.names, size);
			if (collection.length > 0)
				memcpy((char *)names->names + size, collection.text, collection.length);
		}
	}
	free(collection.names);
	free(collection.text);
	return names;
}

/*
 * Finding
 */

/* What is kept with backtraces; nothing is called under it. */
static struct egi_mutex lock = EGI_MUTEX_INIT;

void egi_frames_lock(void)
{
	egi_mutex_lock(&lock);
}

void egi_frames_unlock(void)
{
	egi_mutex_unlock(&lock);
}

struct egi_frames egi_frames_find(const struct egi_backtrace *backtrace, bool for_good)
{
	struct egi_frames frames = {backtrace, NULL};
	struct egi_backtrace_names *kept;
	struct egi_names *names = NULL;
	bool decided;

	if (egi_backtrace_count(backtrace) == 0)
		return frames;
	kept = egi_backtrace_names(backtrace);
	egi_mutex_lock(&lock);
	decided = kept->decided;
	frames.named = kept->block;
	egi_mutex_unlock(&lock);
	if (decided)
		return frames;

	names = names_create(backtrace);
	egi_mutex_lock(&lock);
	if (!kept->decided) {
		kept->decided = names != NULL || for_good;
		kept->block = names;
		names = NULL;
	}
	frames.named = kept->block;
	egi_mutex_unlock(&lock);
	free(names);
	return frames;
}

/*
 * Reading
 */

size_t egi_frames_count(struct egi_frames frames)
{
	return frames.named != NULL ? frames.named->count : egi_backtrace_count(frames.backtrace);
}

static void frame_set_module(struct eg_frame *frame, const struct egi_backtrace_module *module)
{
	static const char digits[] = "0123456789abcdef";
	char *to = frame->build_id;

	frame->module = module->path;
	for (size_t i = 0; i < module->build_id_size && i < EGI_BUILD_ID_MAX; i++) {
		*to++ = digits[module->build_id[i] >> 4];
		*to++ = digits[module->build_id[i] & 15];
	}
	*to = '\0';
}

_Static_assert(EG_FRAME_BUILD_ID_SIZE > 2 * EGI_BUILD_ID_MAX, "a frame has room for the longest build id");

void egi_frames_read(struct egi_frames frames, size_t index, struct eg_frame *ret_frame)
{
	const struct egi_names *named = frames.named;
	const struct name *name = named != NULL ? &named->names[index] : NULL;
	unsigned place = name != NULL ? name->place : (unsigned)index;
	struct egi_backtrace_frame where = egi_backtrace_frame(frames.backtrace, place);
	bool first = name == NULL || index == 0 || name[-1].place != place;

	ret_frame->function = NULL;
	ret_frame->file = NULL;
	ret_frame->line = ret_frame->inlined = 0;
	if (name != NULL) {
		ret_frame->function = name->function != NO_TEXT ? named->text + name->function : NULL;
		ret_frame->file = name->file != NO_TEXT ? named->text + name->file : NULL;
		ret_frame->line = name->line;
		ret_frame->inlined = name->inlined;
	}
	ret_frame->elided = place == EGI_BACKTRACE_HEAD && first ? egi_backtrace_elided(frames.backtrace) : 0;
	ret_frame->offset = where.offset;
	ret_frame->module = NULL;
	ret_frame->build_id[0] = '\0';
	if (where.module != EGI_BACKTRACE_NO_MODULE) {
		struct egi_backtrace_module module = egi_backtrace_module(frames.backtrace, where.module);

		frame_set_module(ret_frame, &module);
	}
}

/*
 * The accessors
 */

/* What a frame of the first version ends with. Programs built with its headers have room for no more. */
#define FRAME_SIZE_FIRST (offsetof(struct eg_frame, build_id) + EG_FRAME_BUILD_ID_SIZE)

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
	struct egi_frames frames;
	struct eg_frame frame = EG_FRAME_INIT;

	if (ret_frame == NULL || ret_frame->size < FRAME_SIZE_FIRST)
		return -EINVAL;
	frames = error_frames(error);
	if (index >= egi_frames_count(frames))
		return -ENOENT;
	frame.size = ret_frame->size;
	egi_frames_read(frames, index, &frame);
	memcpy(ret_frame, &frame, frame.size < sizeof(frame) ? frame.size : sizeof(frame));
	return 0;
}
