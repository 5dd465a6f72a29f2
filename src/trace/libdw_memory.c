/* SPDX-License-Identifier: MIT */
/*
 * Leading a library's calls of malloc: see libdw_memory.h.
 *
 * The loader keeps, for each function of others that a shared object calls, a slot with its address. The object's own
 * relocations say which slot is which function's. Slots that the loader has made read-only are made writable for the
 * moment.
 */
#include "trace/libdw_memory.h"

#include <dlfcn.h>
#include <link.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "os/atomic.h"

static __thread jmp_buf *leave_to __attribute__((tls_model("initial-exec")));

void egi_libdw_memory_leave(void)
{
	longjmp(*leave_to, 1);
}

EGI_NOINLINE bool egi_libdw_memory_run(void (*fn)(void *arg), void *arg)
{
	jmp_buf here;

	if (setjmp(here)) {
		leave_to = NULL;
		return false;
	}
	leave_to = &here;
	fn(arg);
	leave_to = NULL;
	return true;
}

/*
 * What libdw calls. It goes on to what libdw would have called, which the program or a library before it may have defined.
 */

static struct {
	void *(*malloc)(size_t size);
	void *(*calloc)(size_t count, size_t size);
	void *(*realloc)(void *memory, size_t size);
	void *(*reallocarray)(void *memory, size_t count, size_t size);
	char *(*strdup)(const char *text);
} called;

static void *taken(void *memory)
{
	if (!memory && leave_to)
		egi_libdw_memory_leave();
	return memory;
}

static void *led_malloc(size_t size)
{
	return taken(called.malloc(size));
}

static void *led_calloc(size_t count, size_t size)
{
	return taken(called.calloc(count, size));
}

/* What was not to be moved is still there, and is not used again either. */
static void *led_realloc(void *memory, size_t size)
{
	void *moved = called.realloc(memory, size);

	return size == 0 ? moved : taken(moved);
}

static void *led_reallocarray(void *memory, size_t count, size_t size)
{
	void *moved = called.reallocarray(memory, count, size);

	return count == 0 || size == 0 ? moved : taken(moved);
}

static char *led_strdup(const char *text)
{
	return taken(called.strdup(text));
}

static const struct led {
	const char *name;
	uintptr_t address;
	void *called; /* the pointer to a function */
} led[] = {
    {"malloc", (uintptr_t)led_malloc, &called.malloc},
    {"calloc", (uintptr_t)led_calloc, &called.calloc},
    {"realloc", (uintptr_t)led_realloc, &called.realloc},
    {"reallocarray", (uintptr_t)led_reallocarray, &called.reallocarray},
    {"strdup", (uintptr_t)led_strdup, &called.strdup},
};

_Static_assert(sizeof(led) / sizeof(led[0]) == EGI_LIBDW_CALLS, "as many as are known of a library");

/*
 * Slots
 */

#if defined(__x86_64__) && defined(__LP64__)
#define SLOT_TYPES                                    \
	{                                             \
		R_X86_64_JUMP_SLOT, R_X86_64_GLOB_DAT \
	}
#elif defined(__aarch64__) && defined(__LP64__)
#define SLOT_TYPES                                      \
	{                                               \
		R_AARCH64_JUMP_SLOT, R_AARCH64_GLOB_DAT \
	}
#endif

#if defined(SLOT_TYPES) && defined(__GLIBC__)

struct object {
	uintptr_t base;
	const ElfW(Sym) * symbols;
	const char *names;
	const ElfW(Rela) * tables[2];
	size_t counts[2];
	uintptr_t sealed, sealed_end; /* what the loader has made read-only, in whole pages */
};

/* Some loaders have put the base onto the addresses in there, some have not. */
static const void *object_address(const struct object *object, uintptr_t value)
{
	return (const void *)(value < object->base ? value + object->base : value);
}

static void object_read(struct object *object, const ElfW(Dyn) * entry)
{
	for (; entry->d_tag != DT_NULL; entry++) {
		switch (entry->d_tag) {
		case DT_SYMTAB:
			object->symbols = object_address(object, entry->d_un.d_ptr);
			break;
		case DT_STRTAB:
			object->names = object_address(object, entry->d_un.d_ptr);
			break;
		case DT_JMPREL:
			object->tables[0] = object_address(object, entry->d_un.d_ptr);
			break;
		case DT_PLTRELSZ:
			object->counts[0] = entry->d_un.d_val / sizeof(ElfW(Rela));
			break;
		case DT_RELA:
			object->tables[1] = object_address(object, entry->d_un.d_ptr);
			break;
		case DT_RELASZ:
			object->counts[1] = entry->d_un.d_val / sizeof(ElfW(Rela));
			break;
		default:
			break;
		}
	}
}

/* A shared object begins with its ELF header, at its base. */
static bool object_open(struct object *object)
{
	const ElfW(Ehdr) *header = (const ElfW(Ehdr) *)object->base;
	const ElfW(Phdr) * segments;
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	if (memcmp(header->e_ident, ELFMAG, SELFMAG) != 0 || header->e_phentsize != sizeof(*segments))
		return false;
	segments = (const ElfW(Phdr) *)(object->base + header->e_phoff);
	for (size_t i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type == PT_DYNAMIC)
			object_read(object, (const ElfW(Dyn) *)(object->base + segments[i].p_vaddr));
		if (segments[i].p_type != PT_GNU_RELRO)
			continue;
		object->sealed = (object->base + segments[i].p_vaddr) & ~(page - 1);
		object->sealed_end = (object->base + segments[i].p_vaddr + segments[i].p_memsz) & ~(page - 1);
	}
	return object->symbols && object->names;
}

static const struct led *led_find(const struct object *object, const ElfW(Rela) * entry)
{
	static const uint32_t types[] = SLOT_TYPES;
	uint32_t type = (uint32_t)ELF64_R_TYPE(entry->r_info);
	const char *name;

	if (type != types[0] && type != types[1])
		return NULL;
	name = object->names + object->symbols[ELF64_R_SYM(entry->r_info)].st_name;
	for (size_t i = 0; i < sizeof(led) / sizeof(led[0]); i++)
		if (strcmp(led[i].name, name) == 0)
			return &led[i];
	return NULL;
}

bool egi_libdw_memory_learn(void *library, struct egi_libdw_calls *ret_calls)
{
	const void *own = dlsym(library, "dwarf_begin_elf");
	struct egi_libdw_calls calls;
	Dl_info info;

	if (!own || dladdr(own, &info) == 0)
		return false;
	calls.base = (uintptr_t)info.dli_fbase;
	for (size_t i = 0; i < EGI_LIBDW_CALLS; i++) {
		calls.functions[i] = dlsym(RTLD_DEFAULT, led[i].name);
		if (!calls.functions[i])
			return false;
	}
	*ret_calls = calls;
	return true;
}

/* C has no cast from an object pointer to a function pointer; POSIX grants that they look alike. */
static void called_take(const struct egi_libdw_calls *calls)
{
	for (size_t i = 0; i < EGI_LIBDW_CALLS; i++)
		memcpy(led[i].called, &calls->functions[i], sizeof(calls->functions[i]));
}

static void object_lead(const struct object *object)
{
	for (size_t t = 0; t < 2; t++) {
		for (size_t i = 0; i < object->counts[t]; i++) {
			const ElfW(Rela) *entry = &object->tables[t][i];
			const struct led *found = led_find(object, entry);

			if (found)
				egi_store_relaxed_u64((uint64_t *)(object->base + entry->r_offset),
						      found->address);
		}
	}
}

bool egi_libdw_memory_lead(const struct egi_libdw_calls *calls)
{
	struct object object = {0};
	size_t sealed_size;

	called_take(calls);
	object.base = calls->base;
	if (!object_open(&object))
		return false;
	for (size_t t = 0; t < 2; t++)
		if (!object.tables[t])
			object.counts[t] = 0;
	sealed_size = object.sealed_end - object.sealed;
	if (sealed_size > 0 && mprotect((void *)object.sealed, sealed_size, PROT_READ | PROT_WRITE))
		return false;
	object_lead(&object);
	/* Left writable if it cannot be closed again. */
	if (sealed_size > 0)
		(void)mprotect((void *)object.sealed, sealed_size, PROT_READ);
	return true;
}

#else

bool egi_libdw_memory_learn(void *library, struct egi_libdw_calls *ret_calls)
{
	(void)library;
	(void)ret_calls;
	return false;
}

bool egi_libdw_memory_lead(const struct egi_libdw_calls *calls)
{
	(void)calls;
	return false;
}

#endif
