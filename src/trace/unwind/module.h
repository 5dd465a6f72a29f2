/* SPDX-License-Identifier: MIT */
#ifndef EGI_UNWIND_MODULE_H
#define EGI_UNWIND_MODULE_H

/*
 * The loaded module (the program or a shared object) that an address belongs to, found without a lock where
 * the C library can (glibc 2.35), and under the loader's lock elsewhere.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which file a module came from: what outlasts the module, once it is copied, and finds the file again. */
struct egi_module_file {
	const char *path; /* never NULL; "" when the program's own path is not known */
	bool is_program;  /* the program itself, which /proc/self/exe reaches even when it was deleted */
	const unsigned char *build_id;
	size_t build_id_size; /* 0: none */
	uint64_t fingerprint; /* of one without a build id, see build_id.h; 0: not known */
};

/* Pointers in `file` lead into the module and the loader's records: copy what is to outlast the module. */
struct egi_module_view {
	uintptr_t start;
	uintptr_t end;
	uintptr_t base; /* what to take off an address to get the file's virtual address */
	struct egi_module_file file;
};

static inline bool egi_module_holds(const struct egi_module_view *view, uintptr_t address)
{
	return address - view->start < view->end - view->start;
}

/* Learns the program's path; to be called before egi_module_find, any number of times. */
void egi_module_prime(void);

/*
 * Whether shared libraries can be loaded into this program. A static one would get a second C library with
 * each, which shares the thread-local data of the first and crashes.
 */
bool egi_module_can_load(void);

/* Return: false, with ret_module untouched, when the address is in no module. Takes no memory. */
bool egi_module_find(uintptr_t address, struct egi_module_view *ret_module);

#endif
