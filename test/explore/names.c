/* SPDX-License-Identifier: MIT */
/*
 * Names for traces. A block of memory is known by its size; its fields are listed here, and whatever is not
 * is given as block and offset. Static variables and code are looked up by nm and addr2line, when a trace is
 * printed.
 */
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine.h"
#include "runtime/group/state.h"

struct field {
	size_t offset;
	const char *name;
};

#define FIELD(type, field)                    \
	{                                     \
		offsetof(type, field), #field \
	}

static const struct field queue_fields[] = {
    FIELD(struct egi_queue, ring.ck.c_head), FIELD(struct egi_queue, ring.ck.p_tail),
    FIELD(struct egi_queue, ring.slots),     FIELD(struct egi_queue, overflow.published),
    FIELD(struct egi_queue, overflow.lock),  FIELD(struct egi_queue, overflow.taken),
    FIELD(struct egi_queue, ring_in),
};

static const struct field worker_fields[] = {
    FIELD(struct egi_worker, claim),
    FIELD(struct egi_worker, claim.front),
    FIELD(struct egi_worker, claim.back),
    FIELD(struct egi_worker, claim.busy),
    FIELD(struct egi_worker, claim.claimed_at_ns),
    FIELD(struct egi_worker, claim.robbed),
    FIELD(struct egi_worker, claim.lock),
    FIELD(struct egi_worker, done),
};

static const struct field state_fields[] = {
    FIELD(struct eg_group_state, gate.owner),
    FIELD(struct eg_group_state, gate.life),
    FIELD(struct eg_group_state, gate.contested),
    FIELD(struct eg_group_state, gate.busy),
    FIELD(struct eg_group_state, request),
    FIELD(struct eg_group_state, request.shown_on),
    FIELD(struct eg_group_state, attention),
    FIELD(struct eg_group_state, halted),
    FIELD(struct eg_group_state, over),
    FIELD(struct eg_group_state, closed),
    FIELD(struct eg_group_state, gate.word),
    FIELD(struct eg_group_state, finished.sequence),
    FIELD(struct eg_group_state, finished.sleepers),
    FIELD(struct eg_group_state, room.sequence),
    FIELD(struct eg_group_state, room.sleepers),
    FIELD(struct eg_group_state, failures),
    FIELD(struct eg_group_state, lock),
    FIELD(struct eg_group_state, submission),
    FIELD(struct eg_group_state, sharing),
    FIELD(struct eg_group_state, queues),
    FIELD(struct eg_group_state, slots.taken),
    FIELD(struct eg_group_state, slots.workers),
    FIELD(struct eg_group_state, slots.made),
};

static const struct field notices_fields[] = {
    FIELD(struct egi_notices, shown),
    FIELD(struct egi_notices, given),
    FIELD(struct egi_notices, given_seen),
};

static const struct field segment_fields[] = {
    FIELD(struct egi_segment, next),
    FIELD(struct egi_segment, settled),
    FIELD(struct egi_segment, slots),
};

struct kind {
	const char *name;
	size_t size;
	const struct field *fields;
	size_t fields_count;
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define KIND(name, type, fields)                          \
	{                                                 \
		name, sizeof(type), fields, COUNT(fields) \
	}

static const struct kind kinds[] = {
    KIND("group", struct eg_group_state, state_fields),
    KIND("queue", struct egi_queue, queue_fields),
    KIND("worker", struct egi_worker, worker_fields),
    KIND("notices", struct egi_notices, notices_fields),
};

/* Given by scenarios. */
#define GIVEN_MAX 64
static struct {
	const void *at;
	const char *name;
} given[GIVEN_MAX] KEPT;
static unsigned given_count KEPT;

void names_clear(void)
{
	given_count = 0;
}

void explore_name(const void *at, const char *name)
{
	if (given_count == GIVEN_MAX)
		return;
	given[given_count].at = at;
	given[given_count++].name = name;
}

/* The last field that begins at or before the offset. */
static void describe_field(const char *object, unsigned number, const struct field *fields, size_t count,
			   size_t offset, char *buffer, size_t size)
{
	const struct field *best = NULL;

	for (size_t i = 0; i < count; i++)
		if (fields[i].offset <= offset && (!best || fields[i].offset >= best->offset))
			best = &fields[i];
	if (best && best->offset == offset)
		snprintf(buffer, size, "%s%u.%s", object, number, best->name);
	else if (best)
		snprintf(buffer, size, "%s%u.%s+%zu", object, number, best->name, offset - best->offset);
	else
		snprintf(buffer, size, "%s%u+%zu", object, number, offset);
}

static void describe_in_state(unsigned number, size_t offset, char *buffer, size_t size)
{
	size_t worker = offset - offsetof(struct eg_group_state, first_worker);
	size_t queue = offset - offsetof(struct eg_group_state, first_queue);

	if (worker < sizeof(struct egi_worker))
		describe_field("worker0 of group", number, worker_fields, COUNT(worker_fields), worker,
			       buffer, size);
	else if (queue < sizeof(struct egi_queue))
		describe_field("queue0 of group", number, queue_fields, COUNT(queue_fields), queue, buffer,
			       size);
	else
		describe_field("group", number, state_fields, COUNT(state_fields), offset, buffer, size);
}

static void describe_block(const struct heap_block *block, size_t offset, char *buffer, size_t size)
{
	size_t slots = block->size - sizeof(struct egi_segment);

	if (block->size == sizeof(struct eg_group_state)) {
		describe_in_state(block->number, offset, buffer, size);
		return;
	}
	for (size_t i = 0; i < COUNT(kinds); i++) {
		if (block->size == kinds[i].size) {
			describe_field(kinds[i].name, block->number, kinds[i].fields, kinds[i].fields_count,
				       offset, buffer, size);
			return;
		}
	}
	if (block->size > sizeof(struct egi_segment) && slots % sizeof(struct egi_task) == 0 &&
	    offset <= offsetof(struct egi_segment, slots))
		describe_field("segment", block->number, segment_fields, COUNT(segment_fields), offset,
			       buffer, size);
	else
		snprintf(buffer, size, "block%u+%zu", block->number, offset);
}

/*
 * The program's own symbols
 */

static int base_find(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	*(uintptr_t *)arg = (uintptr_t)info->dlpi_addr;
	return 1;
}

static uintptr_t base(void)
{
	uintptr_t address = 0;

	dl_iterate_phdr(base_find, &address);
	return address;
}

#define SYMBOLS_MAX 2048

static struct symbol {
	uintptr_t address;
	char name[40];
} * symbols KEPT;
static unsigned symbols_count KEPT;

/* Runs a tool on this program. */
static FILE *tool_open(const char *tool, const char *after)
{
	char path[512], command[768];
	ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 1);

	path[length < 0 ? 0 : length] = '\0';
	snprintf(command, sizeof(command), "%s '%s' %s 2>/dev/null", tool, path, after);
	return popen(command, "r");
}

static void symbols_read(void)
{
	FILE *tool;
	char line[256], type, name[128];
	uintptr_t address;

	if (symbols)
		return;
	symbols = calloc(SYMBOLS_MAX, sizeof(*symbols));
	tool = tool_open("nm -n", "");
	if (!symbols || !tool)
		return;
	while (fgets(line, sizeof(line), tool) && symbols_count < SYMBOLS_MAX) {
		if (sscanf(line, "%" SCNxPTR " %c %127s", &address, &type, name) != 3 ||
		    !strchr("bBdD", type))
			continue;
		symbols[symbols_count].address = address;
		snprintf(symbols[symbols_count].name, sizeof(symbols[0].name), "%.39s", name);
		symbols_count++;
	}
	pclose(tool);
}

static void describe_static(const void *at, char *buffer, size_t size)
{
	uintptr_t address = (uintptr_t)at - base();
	const struct symbol *best = NULL;

	symbols_read();
	for (unsigned i = 0; i < symbols_count; i++)
		if (symbols[i].address <= address)
			best = &symbols[i];
	if (best && address - best->address < 65536)
		snprintf(buffer, size, address == best->address ? "%s" : "%s+%zu", best->name,
			 (size_t)(address - best->address));
	else
		snprintf(buffer, size, "%p", at);
}

void names_describe(const void *at, char *buffer, size_t size)
{
	struct heap_block block;
	bool was_running = machine.running;

	for (unsigned i = 0; i < given_count; i++) {
		if (given[i].at == at) {
			snprintf(buffer, size, "%s", given[i].name);
			return;
		}
	}
	/* What is asked for here is the explorer's. */
	machine.running = false;
	if (heap_find(at, &block))
		describe_block(&block, (size_t)((const char *)at - block.at), buffer, size);
	else
		describe_static(at, buffer, size);
	machine.running = was_running;
}

/*
 * Code
 */

static bool is_wrapper(const char *place)
{
	return strncmp(place, "os/atomic.h", 8) == 0 || strncmp(place, "ck_pr.h", 7) == 0 ||
	       strncmp(place, "os/thread.c", 8) == 0 || strncmp(place, "os/event.c", 6) == 0;
}

/* addr2line -a -i: the address, then a line for the function and one for the place, from the inside out. */
static void code_parse(FILE *tool, unsigned count, char (*ret_names)[64])
{
	char line[256], function[64] = "";
	unsigned next = 0;
	bool is_function = true, settled = false;

	while (fgets(line, sizeof(line), tool)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0x", 2) == 0) {
			if (++next > count)
				break;
			is_function = true;
			settled = false;
			continue;
		}
		if (is_function) {
			snprintf(function, sizeof(function), "%.40s", line);
		} else if (next > 0 && !settled) {
			const char *number = strrchr(line, ':');
			const char *name = strncmp(function, "egi_", 4) == 0 ? function + 4 : function;

			snprintf(ret_names[next - 1], 64, "%.40s:%d", name, number ? atoi(number + 1) : 0);
			settled = !is_wrapper(line);
		}
		is_function = !is_function;
	}
}

void names_of_code(const void *const *addresses, unsigned count, char (*ret_names)[64])
{
	char path[] = "/tmp/explore-XXXXXX", from[64];
	int fd = mkstemp(path);
	FILE *list = fd < 0 ? NULL : fdopen(fd, "w");
	FILE *tool;

	if (!list)
		return;
	/* The address of the call, not of what comes after it. */
	for (unsigned i = 0; i < count; i++)
		fprintf(list, "0x%" PRIxPTR "\n", addresses[i] ? (uintptr_t)addresses[i] - 1 - base() : 0);
	fclose(list);
	snprintf(from, sizeof(from), "<%s", path);
	tool = tool_open("addr2line -a -f -i -s -e", from);
	if (tool) {
		code_parse(tool, count, ret_names);
		pclose(tool);
	}
	unlink(path);
}
