/* SPDX-License-Identifier: MIT */

/*
 * Loading libdw: see libdw.h.
 *
 * libdw's headers give the types; each function used is a pointer of the same name, filled by dlsym, which also finds
 * libelf's since libdw depends on it. Whoever comes first loads it, without a lock: if two do, they find the same functions.
 *
 * A child that is forked meanwhile has a loader that is in the middle of it for ever, and ends where libdw uses a variable
 * of its thread:
 *
 *     thread that forks                  thread that looks names up
 *                                        dlopen("libdw.so.1")
 *     fork
 *     child: the thread's table says there is a variable, and no library has it
 *
 * fork cannot wait for the loader (library.c). So the child does without lines.
 */

#include "trace/libdw.h"

#include <stddef.h>

#ifdef EGI_HAVE_LIBDW

#include <dlfcn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "os/atomic.h"
#include "trace/libdw_room.h"

#define LIBDW_NAME "libdw.so.1"

static struct egi_libdw *loaded; /* NULL until it is loaded, constant from then on */
static uint32_t loading;         /* threads that are in the middle of it; in a child the parent's */
static bool is_given_up;         /* set in a child, before anybody looks */

static bool dw_find(void *library, const char *name, void *ret_function)
{
	void *function = dlsym(library, name);

	if (function == NULL)
		return false;
	/* C has no cast from an object pointer to a function pointer; POSIX grants that they look alike. */
	memcpy(ret_function, &function, sizeof(function));
	return true;
}

static bool dw_find_all(void *library, struct egi_libdw *ret_found)
{
#define DW_FIND(name) &&dw_find(library, #name, &ret_found->name)
	ret_found->can_be_led = egi_libdw_memory_learn(library, &ret_found->calls);
	return true EGI_LIBDW_FUNCTIONS(DW_FIND);
}

/*
 * libelf and libdw have a variable for each thread, the code of the last failure. Until glibc 2.35 the first access to
 * such a variable takes the loader's lock, so it is made here.
 */
static bool dw_begin(const struct egi_libdw *found)
{
#if defined(__GLIBC__)
#if !__GLIBC_PREREQ(2, 35)
	(void)found->elf_errno();
	(void)found->dwarf_errno();
#endif
#endif
	return found->elf_version(EV_CURRENT) != EV_NONE;
}

/* What was loaded, if it may be used here; or NULL. */
static struct egi_libdw *dw_loaded(void)
{
	return is_given_up ? NULL : egi_load_acquire_ptr(&loaded); /* [V2] acquire: pairs with [V1] */
}

static void dw_load(void)
{
	void *library = dlopen(LIBDW_NAME, RTLD_NOW | RTLD_LOCAL);
	struct egi_libdw *found;

	if (library == NULL)
		return;
	found = malloc(sizeof(*found));
	/* [V1] full: the functions before the pointer to them; pairs with [V2]. */
	if (found == NULL || !dw_find_all(library, found) || !egi_libdw_has_memory(0) || !dw_begin(found) ||
	    !egi_cas_ptr(&loaded, NULL, found)) {
		free(found);
		dlclose(library);
	}
}

/*
 * For good. A failure is not remembered: it may have been for want of memory, and to try again costs little beside
 * printing a backtrace.
 */
bool egi_libdw_load(void)
{
	if (dw_loaded() != NULL)
		return true;
	if (is_given_up || !egi_libdw_has_stack() || !egi_libdw_has_memory(0))
		return false;
	/* [V3] full: before what the loader changes, as the thread that forks sees it; pairs with itself. */
	egi_add_u32(&loading, 1);
	dw_load();
	egi_add_u32(&loading, UINT32_MAX); /* [V3] full: and behind it */
	return dw_loaded() != NULL;
}

void egi_libdw_start_child(void)
{
	is_given_up = is_given_up || loading != 0;
}

const struct egi_libdw *egi_libdw_take(void)
{
	static bool is_led;
	const struct egi_libdw *dw = dw_loaded();

	/* Where it cannot be done libdw may be the end when memory is. */
	if (dw != NULL && !is_led && dw->can_be_led)
		(void)egi_libdw_memory_lead(&dw->calls);
	is_led = is_led || dw != NULL;
	return dw;
}

#else

bool egi_libdw_load(void)
{
	return false;
}

void egi_libdw_start_child(void)
{
}

#endif
