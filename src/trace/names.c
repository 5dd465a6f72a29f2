/* SPDX-License-Identifier: MIT */

/*
 * Frames with names: see names.h.
 *
 * Names are collected in two arrays that grow, and then copied into one block: an entry for each call, inlined ones among
 * them, and the text that the entries lead into, in which a file that many calls share is once.
 *
 * Two threads may look the same backtrace up at once; who is second drops what it found. That is rare, and to
 * hold a lock meanwhile would make everybody who prints wait for it.
 */

#include "trace/names.h"

#include <stdlib.h>
#include <string.h>

#include "os/mutex.h"
#include "trace/symbolize.h"

#define NO_TEXT SIZE_MAX

struct name {
	unsigned place; /* index of the frame in the backtrace */
	uint32_t line;
	bool is_inlined;
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

static void collection_add(void *arg, unsigned place, const struct egi_source_frame *source)
{
	struct collection *collection = arg;
	struct name name = {.place = place, .is_inlined = source->inlined};

	if (collection->failed ||
	    !array_grow(&collection->names, &collection->room, collection->count, 1, sizeof(name))) {
		collection->failed = true;
		return;
	}
	name.function = text_add(collection, source->function);
	name.file = text_add(collection, source->file);
	name.line = source->file != NULL && source->line > 0 ? (uint32_t)source->line : 0;
	collection->names[collection->count++] = name;
}

static struct egi_names *names_create(const struct egi_trace *trace)
{
	struct collection collection = {false};
	struct egi_names *names = NULL;
	size_t size;

	egi_symbolize(trace, collection_add, &collection);
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

struct egi_frames egi_frames_find(const struct egi_trace *trace, bool for_good)
{
	struct egi_frames frames = {trace, NULL};
	struct egi_trace_names *kept;
	struct egi_names *names = NULL;
	bool decided;

	if (egi_trace_count(trace) == 0)
		return frames;
	kept = egi_trace_names(trace);
	egi_mutex_lock(&lock);
	decided = kept->decided;
	frames.names = kept->block;
	egi_mutex_unlock(&lock);
	if (decided)
		return frames;

	names = names_create(trace);
	egi_mutex_lock(&lock);
	if (!kept->decided) {
		kept->decided = names != NULL || for_good;
		kept->block = names;
		names = NULL;
	}
	frames.names = kept->block;
	egi_mutex_unlock(&lock);
	free(names);
	return frames;
}

/*
 * Reading
 */

size_t egi_frames_count(struct egi_frames frames)
{
	return frames.names != NULL ? frames.names->count : egi_trace_count(frames.trace);
}

struct egi_frame egi_frames_read(struct egi_frames frames, size_t index)
{
	const struct egi_names *names = frames.names;
	const struct name *name = names != NULL ? &names->names[index] : NULL;
	unsigned place = name != NULL ? name->place : (unsigned)index;
	bool is_first = name == NULL || index == 0 || name[-1].place != place;
	struct egi_trace_frame where = egi_trace_frame(frames.trace, place);
	struct egi_frame frame = {.offset = where.offset};

	if (name != NULL) {
		frame.function = name->function != NO_TEXT ? names->text + name->function : NULL;
		frame.file = name->file != NO_TEXT ? names->text + name->file : NULL;
		frame.line = name->line;
		frame.is_inlined = name->is_inlined;
	}
	if (place == EGI_WALK_HEAD && is_first)
		frame.elided = egi_trace_elided(frames.trace);
	frame.is_cut = index + 1 == egi_frames_count(frames) && egi_trace_is_cut(frames.trace);
	if (where.module != EGI_TRACE_NO_MODULE)
		frame.module = egi_trace_module(frames.trace, where.module);
	return frame;
}
