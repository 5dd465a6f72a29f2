/* SPDX-License-Identifier: MIT */

/*
 * Debug information: see debuginfo.h.
 *
 * A place is looked up from the outside in: its compilation unit, in that the function, and in that the calls that were
 * inlined, each of which says where it was called. The lines of the unit say where the innermost stands.
 *
 * The plain Dwarf interface is used and not Dwfl, its upper layer: a file and an address in it are all there is to
 * look up, and Dwfl would search for separate debug files, on the network too where that is configured.
 */

#include "trace/debuginfo.h"

#include <stddef.h>

#ifdef EGI_HAVE_LIBDW

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "trace/libdw.h"
#include "trace/libdw_memory.h"
#include "trace/libdw_room.h"

/*
 * Files up to this size are read into memory, which no change of the file can disturb. Larger ones are mapped: to
 * read a gigabyte of debug information could bring the process to its memory limit, while to cut such a file short
 * in the very moment of printing is far-fetched.
 */
#define READ_BYTES_MAX (64u << 20)

/* Bounds for debug information that is broken: real programs stay far below them. */
#define FUNCTIONS_MAX 64
#define SCOPES_MAX 256
#define NAMESPACES_MAX 8
#define SIBLINGS_MAX (1u << 20)

static const struct egi_libdw *dw; /* NULL until it is taken; under the caller's mutex */

struct egi_debuginfo {
	bool is_broken; /* libdw was left in the middle: what it has made is not used again, nor given back */
	Elf *elf;
	Dwarf *dwarf;
};

static void dwarf_begin_run(void *arg)
{
	struct egi_debuginfo *debuginfo = arg;

	debuginfo->dwarf = dw->dwarf_begin_elf(debuginfo->elf, DWARF_C_READ, NULL);
	if (debuginfo->dwarf != NULL)
		dw->dwarf_new_oom_handler(debuginfo->dwarf, egi_libdw_memory_leave);
}

struct egi_debuginfo *egi_debuginfo_open(int fd, uint64_t file_size)
{
	bool is_read = file_size <= READ_BYTES_MAX;
	struct egi_debuginfo *debuginfo;

	if (!egi_libdw_has_stack() || !egi_libdw_has_memory(is_read ? 2 * file_size : 0))
		return NULL;
	dw = egi_libdw_take();
	if (dw == NULL)
		return NULL;
	debuginfo = malloc(sizeof(*debuginfo));
	if (debuginfo == NULL)
		return NULL;
	debuginfo->is_broken = false;
	debuginfo->elf = dw->elf_begin(fd, is_read ? ELF_C_READ : ELF_C_READ_MMAP, NULL);
	if (debuginfo->elf != NULL) {
		if (egi_libdw_memory_run(dwarf_begin_run, debuginfo) && debuginfo->dwarf != NULL)
			return debuginfo;
		dw->elf_end(debuginfo->elf);
	}
	free(debuginfo);
	return NULL;
}

void egi_debuginfo_close(struct egi_debuginfo *debuginfo)
{
	if (debuginfo == NULL)
		return;
	if (!debuginfo->is_broken)
		dw->dwarf_end(debuginfo->dwarf);
	/* libelf gets along without memory, and is never left. */
	dw->elf_end(debuginfo->elf);
	free(debuginfo);
}

/*
 * Finds the compilation unit of an address: by the index .debug_aranges, or else by asking each unit in turn, since
 * clang writes no index.
 */
static bool debuginfo_find_unit(struct egi_debuginfo *debuginfo, uint64_t address, Dwarf_Die *ret_unit)
{
	Dwarf_Off offset = 0, next;
	size_t header_size;

	if (dw->dwarf_addrdie(debuginfo->dwarf, address, ret_unit) != NULL)
		return true;
	while (dw->dwarf_nextcu(debuginfo->dwarf, offset, &next, &header_size, NULL, NULL, NULL) == 0) {
		if (dw->dwarf_offdie(debuginfo->dwarf, offset + header_size, ret_unit) != NULL &&
		    dw->dwarf_haspc(ret_unit, address) > 0)
			return true;
		if (next <= offset)
			break;
		offset = next;
	}
	return false;
}

/*
 * Gives a path as the compiler was given it. libdw puts the directory of the compilation in front of relative
 * paths; it is taken off again, because "src/parse.c" says more on a line of a backtrace than where it was built.
 */
static const char *unit_shorten_path(Dwarf_Die *unit, const char *path)
{
	Dwarf_Attribute attribute;
	const char *directory = NULL;
	size_t length;

	if (path == NULL)
		return NULL;
	if (dw->dwarf_attr(unit, DW_AT_comp_dir, &attribute) != NULL)
		directory = dw->dwarf_formstring(&attribute);
	if (directory == NULL)
		return path;
	length = strlen(directory);
	while (length > 0 && directory[length - 1] == '/')
		length--;
	if (length == 0 || strncmp(path, directory, length) != 0 || path[length] != '/')
		return path;
	path += length;
	while (*path == '/')
		path++;
	while (path[0] == '.' && path[1] == '/')
		path += 2;
	return path;
}

static void unit_find_line(Dwarf_Die *unit, uint64_t address, struct egi_source_frame *ret_place)
{
	Dwarf_Line *line = dw->dwarf_getsrc_die(unit, address);
	const char *file;
	int number;

	if (line == NULL || dw->dwarf_lineno(line, &number) != 0 || number <= 0)
		return;
	file = unit_shorten_path(unit, dw->dwarf_linesrc(line, NULL, NULL));
	if (file != NULL) {
		ret_place->file = file;
		ret_place->line = number;
	}
}

/* Where an inlined function was called from: the place of the function around it. */
static void unit_find_call(Dwarf_Die *unit, Dwarf_Die *inlined, struct egi_source_frame *ret_place)
{
	Dwarf_Attribute attribute;
	Dwarf_Word file, line;
	Dwarf_Files *files;
	size_t count;
	const char *path;

	*ret_place = (struct egi_source_frame){0};
	if (dw->dwarf_attr(inlined, DW_AT_call_file, &attribute) == NULL ||
	    dw->dwarf_formudata(&attribute, &file) != 0 ||
	    dw->dwarf_attr(inlined, DW_AT_call_line, &attribute) == NULL ||
	    dw->dwarf_formudata(&attribute, &line) != 0 || line == 0 || line > INT32_MAX)
		return;
	if (dw->dwarf_getsrcfiles(unit, &files, &count) != 0 || file >= count)
		return;
	path = unit_shorten_path(unit, dw->dwarf_filesrc(files, file, NULL, NULL));
	if (path != NULL) {
		ret_place->file = path;
		ret_place->line = (int)line;
	}
}

/*
 * Finds the function, inlined call or block directly under a DIE that holds the address. dwarf_getscopes would do
 * the whole walk, but finds nothing in a program that was linked with gcc's -flto.
 */
static bool scope_find_inner(Dwarf_Die *outer, uint64_t address, unsigned namespaces, Dwarf_Die *ret_inner)
{
	Dwarf_Die die;
	unsigned siblings = 0;

	if (dw->dwarf_child(outer, &die) != 0)
		return false;
	do {
		switch (dw->dwarf_tag(&die)) {
		case DW_TAG_subprogram:
		case DW_TAG_inlined_subroutine:
		case DW_TAG_lexical_block:
			if (dw->dwarf_haspc(&die, address) > 0) {
				*ret_inner = die;
				return true;
			}
			break;
		case DW_TAG_namespace:
			if (namespaces < NAMESPACES_MAX &&
			    scope_find_inner(&die, address, namespaces + 1, ret_inner))
				return true;
			break;
		default:
			break;
		}
	} while (++siblings < SIBLINGS_MAX && dw->dwarf_siblingof(&die, &die) == 0);
	return false;
}

/* Finds the function that holds the address and the inlined calls in it, outermost first. Return: how many. */
static unsigned unit_find_functions(Dwarf_Die *unit, uint64_t address, Dwarf_Die *ret_functions)
{
	Dwarf_Die scope = *unit, inner;
	unsigned count = 0;

	for (unsigned depth = 0; depth < SCOPES_MAX && count < FUNCTIONS_MAX; depth++) {
		if (!scope_find_inner(&scope, address, 0, &inner))
			break;
		scope = inner;
		if (dw->dwarf_tag(&scope) != DW_TAG_lexical_block)
			ret_functions[count++] = scope;
	}
	return count;
}

static unsigned debuginfo_find_frames(struct egi_debuginfo *debuginfo, uint64_t address,
				      struct egi_source_frame *ret_frames, unsigned max)
{
	struct egi_source_frame place = {0};
	Dwarf_Die functions[FUNCTIONS_MAX];
	Dwarf_Die unit;
	unsigned count = 0, n;

	if (!debuginfo_find_unit(debuginfo, address, &unit))
		return 0;
	unit_find_line(&unit, address, &place);
	n = unit_find_functions(&unit, address, functions);
	if (n == 0) {
		/* A line without a function, as in assembly: the symbol table may know its name. */
		if (place.file == NULL)
			return 0;
		ret_frames[0] = place;
		return 1;
	}
	for (unsigned i = n; i-- > 0;) {
		if (count ==
		    max) /* too many to keep: an outer function replaces one that was inlined into it */
			count--;
		ret_frames[count] = place;
		ret_frames[count].function = dw->dwarf_diename(&functions[i]);
		ret_frames[count].inlined = i > 0;
		count++;
		if (i > 0)
			unit_find_call(&unit, &functions[i], &place);
	}
	return count;
}

struct find {
	struct egi_debuginfo *debuginfo;
	uint64_t address;
	struct egi_source_frame *ret_frames;
	unsigned max, count;
};

static void find_run(void *arg)
{
	struct find *find = arg;

	find->count = debuginfo_find_frames(find->debuginfo, find->address, find->ret_frames, find->max);
}

unsigned egi_debuginfo_find(struct egi_debuginfo *debuginfo, uint64_t address,
			    struct egi_source_frame *ret_frames, unsigned max)
{
	struct find find = {debuginfo, address, ret_frames, max, 0};

	if (max == 0 || debuginfo->is_broken || !egi_libdw_has_memory(0))
		return 0;
	debuginfo->is_broken = !egi_libdw_memory_run(find_run, &find);
	return debuginfo->is_broken ? 0 : find.count;
}

#else

struct egi_debuginfo *egi_debuginfo_open(int fd, uint64_t file_size)
{
	(void)fd;
	(void)file_size;
	return NULL;
}

void egi_debuginfo_close(struct egi_debuginfo *debuginfo)
{
	(void)debuginfo;
}

unsigned egi_debuginfo_find(struct egi_debuginfo *debuginfo, uint64_t address,
			    struct egi_source_frame *ret_frames, unsigned max)
{
	(void)debuginfo;
	(void)address;
	(void)ret_frames;
	(void)max;
	return 0;
}

#endif
