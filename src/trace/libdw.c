/* SPDX-License-Identifier: MIT */

/*
 * Debug information through libdw, loaded at run time. libdw's headers give the types; each function used is a
 * pointer of the same name in `dw`, filled by dlsym, which also finds libelf's since libdw depends on it. Whoever comes
 * first loads it, without a lock: if two do, they find the same functions.
 *
 * The plain Dwarf interface is used and not Dwfl, its upper layer: a file and an address in it are all there is to
 * look up, and Dwfl would search for separate debug files, on the network too where that is configured.
 */

#include "trace/libdw.h"

#include <stddef.h>

#ifdef EGI_HAVE_LIBDW

#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>

#include "os/atomic.h"
#include "trace/libdw_memory.h"
#include "trace/libdw_room.h"

#define LIBDW_NAME "libdw.so.1"

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

#define DW_FUNCTIONS(X)          \
	X(elf_version)           \
	X(elf_errno)             \
	X(elf_begin)             \
	X(elf_end)               \
	X(dwarf_begin_elf)       \
	X(dwarf_errno)           \
	X(dwarf_new_oom_handler) \
	X(dwarf_end)             \
	X(dwarf_addrdie)         \
	X(dwarf_nextcu)          \
	X(dwarf_offdie)          \
	X(dwarf_haspc)           \
	X(dwarf_child)           \
	X(dwarf_siblingof)       \
	X(dwarf_tag)             \
	X(dwarf_diename)         \
	X(dwarf_attr)            \
	X(dwarf_formudata)       \
	X(dwarf_formstring)      \
	X(dwarf_getsrc_die)      \
	X(dwarf_lineno)          \
	X(dwarf_linesrc)         \
	X(dwarf_getsrcfiles)     \
	X(dwarf_filesrc)

#define DW_MEMBER(name) __typeof__(name) *name;

struct dw {
	DW_FUNCTIONS(DW_MEMBER)
	bool can_be_led; /* its calls of malloc, which are these */
	struct egi_libdw_calls calls;
};

static struct dw *loaded;   /* NULL until it is loaded, constant from then on */
static const struct dw *dw; /* the same, under the caller's mutex */
static bool is_led;         /* under it, too */

struct egi_debuginfo {
	bool is_broken; /* libdw was left in the middle: what it has made is not used again, nor given back */
	Elf *elf;
	Dwarf *dwarf;
};

static bool dw_find(void *library, const char *name, void *ret_function)
{
	void *function = dlsym(library, name);

	if (function == NULL)
		return false;
	/* C has no cast from an object pointer to a function pointer; POSIX grants that they look alike. */
	memcpy(ret_function, &function, sizeof(function));
	return true;
}

static bool dw_find_all(void *library, struct dw *ret_found)
{
#define DW_FIND(name) &&dw_find(library, #name, &ret_found->name)
	ret_found->can_be_led = egi_libdw_memory_learn(library, &ret_found->calls);
	return true DW_FUNCTIONS(DW_FIND);
}

/*
 * libelf and libdw have a variable for each thread, the code of the last failure. Until glibc 2.35 the first access to
 * such a variable takes the loader's lock, so it is made here.
 */
static bool dw_begin(const struct dw *found)
{
#if defined(__GLIBC__)
#if !__GLIBC_PREREQ(2, 35)
	(void)found->elf_errno();
	(void)found->dwarf_errno();
#endif
#endif
	return found->elf_version(EV_CURRENT) != EV_NONE;
}

/*
 * For good. A failure is not remembered: it may have been for want of memory, and to try again costs little beside
 * printing a backtrace.
 */
bool egi_debuginfo_load(void)
{
	struct dw *found;
	void *library;

	if (egi_load_acquire_ptr(&loaded) != NULL) /* [V2] acquire: pairs with [V1] */
		return true;
	if (!egi_libdw_has_stack() || !egi_libdw_has_memory(0))
		return false;
	library = dlopen(LIBDW_NAME, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL)
		return false;
	found = malloc(sizeof(*found));
	/* [V1] full: the functions before the pointer to them; pairs with [V2]. */
	if (found == NULL || !dw_find_all(library, found) || !egi_libdw_has_memory(0) || !dw_begin(found) ||
	    !egi_cas_ptr(&loaded, NULL, found)) {
		free(found);
		dlclose(library);
	}
	return egi_load_acquire_ptr(&loaded) != NULL; /* [V2] acquire: pairs with [V1] */
}

/* Under the mutex: takes what was loaded into use. Return: false when nothing was. */
static bool dw_take(void)
{
	dw = egi_load_acquire_ptr(&loaded); /* [V2] acquire: pairs with [V1] */
	if (dw == NULL)
		return false;
	/* Where it cannot be done libdw may be the end when memory is. */
	if (!is_led && dw->can_be_led)
		(void)egi_libdw_memory_lead(&dw->calls);
	is_led = true;
	return true;
}

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

	if (!egi_libdw_has_stack() || !egi_libdw_has_memory(is_read ? 2 * file_size : 0) || !dw_take())
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

bool egi_debuginfo_load(void)
{
	return false;
}

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
