/* SPDX-License-Identifier: MIT */
/*
 * A function is known by where it begins, which the unwind tables tell for every address in it. Where the C library has
 * several variants of a function for different processors, its address is that of the one in use. A function that
 * jumps to another, as strtol does, leaves that one's frame in its place, so where it jumps to is known too.
 */
#include "fault/libc.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "os/atomic.h"
#include "trace/unwind/step.h"

static const char *const leaf_names[] = {
    /* memory */
    "bcmp", "bcopy", "bzero", "explicit_bzero", "memccpy", "memchr", "memcmp", "memcpy", "memmem", "memmove",
    "mempcpy", "memrchr", "memset", "rawmemchr", "swab",
    /* strings */
    "index", "rindex", "stpcpy", "stpncpy", "strcasecmp", "strcasestr", "strcat", "strchr", "strchrnul",
    "strcmp", "strcpy", "strcspn", "strdup", "strlen", "strncasecmp", "strncat", "strncmp", "strncpy",
    "strndup", "strnlen", "strpbrk", "strrchr", "strsep", "strspn", "strstr", "strtok", "strtok_r",
    "strverscmp", "__strdup", "__strndup", "__strtok_r", "__rawmemchr", "__stpcpy", "__strcspn_c1",
    /* wide ones */
    "wcscat", "wcschr", "wcscmp", "wcscpy", "wcslen", "wcsncmp", "wcsncpy", "wcsnlen", "wcsrchr", "wcsstr",
    "wmemchr", "wmemcmp", "wmemcpy", "wmemmove", "wmemset",
    /* with checks of sizes; those that fail end the process, as abort() called by another function */
    "__bcopy_chk", "__bzero_chk", "__explicit_bzero_chk", "__memcpy_chk", "__memmove_chk", "__mempcpy_chk",
    "__memset_chk", "__stpcpy_chk", "__stpncpy_chk", "__strcat_chk", "__strcpy_chk", "__strncat_chk",
    "__strncpy_chk",
    /* numbers */
    "atof", "atoi", "atol", "atoll", "strtod", "strtof", "strtoimax", "strtol", "strtold", "strtoll",
    "strtoul", "strtoull", "strtoumax", "__strtol_internal", "__strtoul_internal", "__strtod_internal",
    "__isoc23_strtoimax", "__isoc23_strtol", "__isoc23_strtoll", "__isoc23_strtoul", "__isoc23_strtoull",
    "__isoc23_strtoumax",
    /* sorting and searching: the comparison is the program's */
    "bsearch", "lfind", "lsearch", "qsort", "qsort_r",
    /* what sanitizers call for the first ones */
    "__asan_memcpy", "__asan_memmove", "__asan_memset", "__tsan_memcpy", "__tsan_memmove", "__tsan_memset"};

static const char *const heap_names[] = {"aligned_alloc",  "calloc",  "free",    "malloc",       "memalign",
					 "posix_memalign", "pvalloc", "realloc", "reallocarray", "valloc"};

static const char *const abort_names[] = {"abort"};
static const char *const assert_names[] = {"__assert", "__assert_fail", "__assert_perror_fail"};

#define FUNCTIONS_MAX \
	512         /* there are 105 with glibc 2.36; those for which there is no room are not recovered in */
#define JUMPS_MAX 4 /* from one function to the next; strtol takes one */

struct abort_message {
	unsigned size;
	char text[];
};

/*
 * What was learned. It takes the loader's lock again and again, under which no lock of the library's may be waited for:
 * so whoever comes first learns by itself, and if two do, what one has learned is thrown away.
 */
struct knowledge {
	uintptr_t libc_start, loader_start, heap_start, own_start;
	struct abort_message **abort_message; /* glibc's, kept for core files */
	unsigned count;
	struct {
		uintptr_t start;
		enum egi_libc_function function;
	} functions[FUNCTIONS_MAX]; /* ordered by where they begin */
};

/* There before the first handler is, and constant from then on. */
static struct knowledge *known;

static uintptr_t module_start(const void *address)
{
	struct egi_module_view view;

	return address && egi_module_find((uintptr_t)address, &view) && !view.file.is_program ? view.start
											      : 0;
}

static bool is_libc(const struct knowledge *knowledge, const struct egi_module_view *view)
{
	return view->start == knowledge->libc_start || view->start == knowledge->loader_start ||
	       view->start == knowledge->heap_start;
}

enum egi_code egi_libc_code(const struct egi_module_view *view)
{
	const struct knowledge *knowledge = egi_load_acquire_ptr(&known); /* [Y4] acquire: pairs with [Y3] */

	if (view->start == knowledge->own_start)
		return EGI_CODE_OWN;
	return is_libc(knowledge, view) ? EGI_CODE_LIBC : EGI_CODE_USER;
}

/* The first that begins there or later. */
static unsigned functions_find(const struct knowledge *knowledge, uintptr_t start)
{
	unsigned first = 0, after = knowledge->count;

	while (first < after) {
		unsigned middle = first + (after - first) / 2;

		if (knowledge->functions[middle].start < start)
			first = middle + 1;
		else
			after = middle;
	}
	return first;
}

static bool functions_have(const struct knowledge *knowledge, unsigned index, uintptr_t start)
{
	return index < knowledge->count && knowledge->functions[index].start == start;
}

enum egi_libc_function egi_libc_function(const struct egi_module_view *view, uintptr_t address)
{
	const struct knowledge *knowledge = egi_load_acquire_ptr(&known); /* [Y4] acquire: pairs with [Y3] */
	uintptr_t start, end;
	unsigned index;

	if (!egi_unwind_find_function(view, address, &start, &end))
		return EGI_LIBC_OTHER;
	index = functions_find(knowledge, start);
	return functions_have(knowledge, index, start) ? knowledge->functions[index].function
						       : EGI_LIBC_OTHER;
}

/* Return: false when it is there already, or there is no room. */
static bool functions_add(struct knowledge *knowledge, uintptr_t start, enum egi_libc_function function)
{
	unsigned index = functions_find(knowledge, start);

	if (knowledge->count == FUNCTIONS_MAX || functions_have(knowledge, index, start))
		return false;
	memmove(&knowledge->functions[index + 1], &knowledge->functions[index],
		(knowledge->count - index) * sizeof(knowledge->functions[0]));
	knowledge->functions[index].start = start;
	knowledge->functions[index].function = function;
	knowledge->count++;
	return true;
}

static void function_learn(struct knowledge *knowledge, uintptr_t address, enum egi_libc_function function,
			   int jumps);

/*
 * Learns the functions that one jumps to. No instruction is taken apart: bytes that only look like a jump do not lead
 * to where a function begins. Short jumps, of which that is less certain, count where they are the last instruction.
 */
static void jumps_learn(struct knowledge *knowledge, uintptr_t start, uintptr_t end,
			enum egi_libc_function function, int jumps)
{
#if defined(__x86_64__)
	const unsigned char *code = (const unsigned char *)start;
	size_t size = end - start;
	int32_t distance;

	for (size_t i = 0; i + 5 <= size; i++) {
		if (code[i] != 0xe9)
			continue;
		memcpy(&distance, code + i + 1, sizeof(distance));
		function_learn(knowledge, start + i + 5 + (uintptr_t)(intptr_t)distance, function, jumps);
	}
	if (size >= 2 && code[size - 2] == 0xeb)
		function_learn(knowledge, end + (uintptr_t)(intptr_t)(signed char)code[size - 1], function,
			       jumps);
#else
	(void)knowledge;
	(void)start;
	(void)end;
	(void)function;
	(void)jumps;
#endif
}

/* Learns what the function that begins there is, if one does, and those that it goes on in. */
static void function_learn(struct knowledge *knowledge, uintptr_t address, enum egi_libc_function function,
			   int jumps)
{
	struct egi_module_view view;
	uintptr_t start, end;

	if (egi_module_find(address, &view) && view.start != knowledge->own_start &&
	    is_libc(knowledge, &view) && egi_unwind_find_function(&view, address, &start, &end) &&
	    start == address && functions_add(knowledge, start, function) && jumps > 0)
		jumps_learn(knowledge, start, end, function, jumps - 1);
}

static void functions_learn(struct knowledge *knowledge, void *libc, const char *const *names, size_t count,
			    enum egi_libc_function function)
{
	for (size_t i = 0; i < count; i++) {
		function_learn(knowledge, (uintptr_t)dlsym(libc, names[i]), function, JUMPS_MAX);
		/* A sanitizer's, or another library's in its place. */
		function_learn(knowledge, (uintptr_t)dlsym(RTLD_DEFAULT, names[i]), function, JUMPS_MAX);
	}
}

#define LEARN(names, function) \
	functions_learn(knowledge, libc, (names), sizeof(names) / sizeof((names)[0]), (function))

static void knowledge_fill(struct knowledge *knowledge, void *libc)
{
	knowledge->libc_start = module_start(dlsym(libc, "gnu_get_libc_version"));
	knowledge->loader_start = module_start(dlsym(RTLD_DEFAULT, "_dl_find_object"));
	knowledge->heap_start = module_start(dlsym(RTLD_DEFAULT, "malloc"));
	knowledge->own_start = module_start((const void *)(uintptr_t)egi_libc_learn);
	knowledge->abort_message = dlsym(libc, "__abort_msg");
	/* The most dangerous first: what is known as one thing stays that. */
	LEARN(heap_names, EGI_LIBC_HEAP);
	LEARN(abort_names, EGI_LIBC_ABORT);
	LEARN(assert_names, EGI_LIBC_ASSERT);
	LEARN(leaf_names, EGI_LIBC_LEAF);
}

int egi_libc_learn(void)
{
	struct knowledge *knowledge;
	void *libc;

	if (egi_load_acquire_ptr(&known)) /* [Y4] acquire: pairs with [Y3] */
		return 0;
	libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
	if (!libc)
		return -ENOTSUP;
	knowledge = calloc(1, sizeof(*knowledge));
	if (knowledge) {
		egi_module_prime();
		knowledge_fill(knowledge, libc);
	}
	/* libc.so is never closed; the reference is not needed. */
	dlclose(libc);
	if (!knowledge)
		return -ENOMEM;
	/* [Y3] full: what was learned before the pointer to it; pairs with [Y4]. */
	if (knowledge->libc_start == 0 || !egi_cas_ptr(&known, NULL, knowledge))
		free(knowledge);
	return egi_load_acquire_ptr(&known) ? 0 : -ENOTSUP; /* [Y4] acquire: pairs with [Y3] */
}

const char *egi_libc_abort_message(void)
{
	const struct knowledge *knowledge = egi_load_acquire_ptr(&known); /* [Y4] acquire: pairs with [Y3] */

	return knowledge->abort_message && *knowledge->abort_message ? (*knowledge->abort_message)->text
								     : NULL;
}
