/* SPDX-License-Identifier: MIT */

/*
 * Loaded modules: see module.h.
 *
 * Since glibc 2.35 the C library finds the module of an address in a table that it reads without a lock, and which is
 * made anew, not changed, when modules come and go. Elsewhere all modules are gone through, under the loader's lock.
 *
 * The build id is read from the module's notes in memory. They stay mapped meanwhile, since a module on a
 * running stack cannot be unloaded without that stack crashing anyway.
 */

#include "trace/unwind/module.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "trace/unwind/build_id.h"

#define HAVE_DL_FIND_OBJECT 0
#if defined(__GLIBC__) && !defined(EGI_NO_DL_FIND_OBJECT)
#if __GLIBC_PREREQ(2, 35)
#undef HAVE_DL_FIND_OBJECT
#define HAVE_DL_FIND_OBJECT 1
#endif
#endif

/* The program's path and segments, written once under program_once. */
static pthread_once_t program_once = PTHREAD_ONCE_INIT;
static char program_path[PATH_MAX];
static const ElfW(Phdr) * program_segments;
static size_t program_segment_count;
static bool program_is_dynamic;

static void program_read(void)
{
	ssize_t length = readlink("/proc/self/exe", program_path, sizeof(program_path) - 1);
	char path[PATH_MAX];
	const char *name;

	program_path[length > 0 ? length : 0] = '\0';
	program_segments = (const ElfW(Phdr) *)getauxval(AT_PHDR);
	program_segment_count = program_segments != NULL ? getauxval(AT_PHNUM) : 0;
	for (size_t i = 0; i < program_segment_count; i++)
		program_is_dynamic |= program_segments[i].p_type == PT_INTERP;
	/*
	 * What exec was given serves where there is no /proc; it may be another file by now, but the build id tells. Started
	 * through the loader (ld.so PROGRAM), the process is the loader's; it says what it has loaded.
	 */
	name = (const char *)getauxval(AT_EXECFN);
	if ((length <= 0 || (program_is_dynamic && getauxval(AT_BASE) == 0)) && name != NULL &&
	    realpath(name, path) != NULL)
		strcpy(program_path, path);
}

void egi_module_prime(void)
{
	pthread_once(&program_once, program_read);
}

bool egi_module_can_load(void)
{
	egi_module_prime();
	return program_is_dynamic;
}

/* Whether a range of the file is loaded, as its segments say. */
static bool segments_hold(const ElfW(Phdr) * segments, size_t count, uintptr_t address, size_t size)
{
	for (size_t i = 0; i < count; i++)
		if (segments[i].p_type == PT_LOAD && address >= segments[i].p_vaddr &&
		    address - segments[i].p_vaddr <= segments[i].p_memsz &&
		    size <= segments[i].p_memsz - (address - segments[i].p_vaddr))
			return true;
	return false;
}

static void module_find_build_id(struct egi_module_view *module, const ElfW(Phdr) * segments, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (segments[i].p_type != PT_NOTE ||
		    !segments_hold(segments, count, segments[i].p_vaddr, segments[i].p_memsz))
			continue;
		module->file.build_id =
		    egi_build_id_find((const unsigned char *)(module->base + segments[i].p_vaddr),
				      segments[i].p_memsz, segments[i].p_align, &module->file.build_id_size);
		if (module->file.build_id != NULL)
			return;
	}
	module->file.build_id_size = 0;
}

static void module_set_path(struct egi_module_view *module, const char *name)
{
	module->file.is_program = name == NULL || name[0] == '\0';
	module->file.path = module->file.is_program ? program_path : name;
}

#if HAVE_DL_FIND_OBJECT

static void module_identify(struct egi_module_view *module, const ElfW(Ehdr) * header)
{
	const ElfW(Phdr) *segments = (const ElfW(Phdr) *)(module->start + header->e_phoff);

	module_find_build_id(module, segments, header->e_phnum);
	if (module->file.build_id == NULL && header->e_phnum <= EGI_FINGERPRINT_SEGMENTS_MAX)
		module->file.fingerprint =
		    egi_fingerprint(header, segments, header->e_phnum * sizeof(segments[0]));
}

/*
 * A few nanoseconds, no lock. The loader maps the ELF header first, so that the segments are found through
 * it. Of a static program the C library knows only the code; its segments are where the kernel says.
 */
bool egi_module_find(uintptr_t address, struct egi_module_view *ret_module)
{
	struct egi_module_view module = {0};
	struct dl_find_object object;
	const ElfW(Ehdr) * header;

	if (_dl_find_object((void *)address, &object) != 0)
		return false;
	module.start = (uintptr_t)object.dlfo_map_start;
	module.end = (uintptr_t)object.dlfo_map_end;
	module.base = object.dlfo_link_map->l_addr;
	module_set_path(&module, object.dlfo_link_map->l_name);

	header = object.dlfo_map_start;
	if (module.end - module.start > sizeof(*header) && memcmp(header->e_ident, ELFMAG, SELFMAG) == 0 &&
	    header->e_phentsize == sizeof(ElfW(Phdr)) && header->e_phoff < module.end - module.start &&
	    header->e_phnum <= (module.end - module.start - header->e_phoff) / sizeof(ElfW(Phdr)))
		module_identify(&module, header);
	else if (module.file.is_program)
		module_find_build_id(&module, program_segments, program_segment_count);
	*ret_module = module;
	return true;
}

#else

struct module_search {
	uintptr_t address;
	struct egi_module_view module;
};

static int module_search_visit(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct module_search *search = arg;
	struct egi_module_view module = {.base = info->dlpi_addr, .start = UINTPTR_MAX};
	bool is_inside = false;

	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + segment->p_vaddr;
		uintptr_t end = start + segment->p_memsz;

		if (segment->p_type != PT_LOAD)
			continue;
		is_inside |= search->address >= start && search->address < end;
		module.start = start < module.start ? start : module.start;
		module.end = end > module.end ? end : module.end;
	}
	if (!is_inside)
		return 0;
	module_set_path(&module, info->dlpi_name);
	module_find_build_id(&module, info->dlpi_phdr, info->dlpi_phnum);
	search->module = module;
	return 1;
}

/* Takes the loader's lock. */
bool egi_module_find(uintptr_t address, struct egi_module_view *ret_module)
{
	struct module_search search = {.address = address};

	if (dl_iterate_phdr(module_search_visit, &search) == 0)
		return false;
	*ret_module = search.module;
	return true;
}

#endif
