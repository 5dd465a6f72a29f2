/* SPDX-License-Identifier: MIT */
/*
 * A function is known by where it begins, which the unwind tables tell for every address in it. Where the C library has
 * several variants of a function for different processors, its address is that of the one in use. A function that
 * jumps to another, as strtol does, leaves that one's frame in its place, so where it jumps to is known too.
 */
#include "fault_libc.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base.h"
#include "unwind_step.h"

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

#define FUNCTIONS_MAX 512
#define JUMPS_MAX 4 /* from one function to the next */

/* Ordered by where they begin. Complete before the first handler is there, and constant from then on. */
static struct {
	uintptr_t start;
	enum egi_libc_function function;
} functions[FUNCTIONS_MAX];
static unsigned functions_count;

static uintptr_t libc_start, loader_start, heap_start, own_start;

struct abort_message {
	unsigned size;
	char text[];
};
static struct abort_message **abort_message; /* glibc's, kept for core files */

static uintptr_t module_start(const void *address)
{
	struct egi_module_view view;

	return address && egi_module_find((uintptr_t)address, &view) && !view.shown.program ? view.start : 0;
}

enum egi_code egi_libc_code(const struct egi_module_view *view)
{
	if (view->start == own_start)
		return EGI_CODE_OWN;
	if (view->start == libc_start || view->start == loader_start || view->start == heap_start)
		return EGI_CODE_LIBC;
	return EGI_CODE_USER;
}

/* The first that begins there or later. */
static unsigned functions_find(uintptr_t start)
{
	unsigned first = 0, after = functions_count;

	while (first < after) {
		unsigned middle = first + (after - first) / 2;

		if (functions[middle].start < start)
			first = middle + 1;
		else
			after = middle;
	}
	return first;
}

enum egi_libc_function egi_libc_function(const struct egi_module_view *view, uintptr_t address)
{
	uintptr_t start, end;
	unsigned index;

	if (!egi_unwind_find_function(view, address, &start, &end))
		return EGI_LIBC_OTHER;
	index = functions_find(start);
	return index < functions_count && functions[index].start == start ? functions[index].function
									  : EGI_LIBC_OTHER;
}

/* Return: false when it is there already, or there is no room. */
static bool functions_add(uintptr_t start, enum egi_libc_function function)
{
	unsigned index = functions_find(start);

	if (functions_count == FUNCTIONS_MAX || (index < functions_count && functions[index].start == start))
		return false;
	memmove(&functions[index + 1], &functions[index], (functions_count - index) * sizeof(functions[0]));
	functions[index].start = start;
	functions[index].function = function;
	functions_count++;
	return true;
}

static void function_learn(uintptr_t address, enum egi_libc_function function, int jumps);

/*
 * Learns the functions that one jumps to. No instruction is taken apart: bytes that only look like a jump do not lead
 * to where a function begins. Short jumps, of which that is less certain, count where they are the last instruction.
 */
static void jumps_learn(uintptr_t start, uintptr_t end, enum egi_libc_function function, int jumps)
{
#if defined(__x86_64__)
	const unsigned char *code = (const unsigned char *)start;
	size_t size = end - start;
	int32_t distance;

	for (size_t i = 0; i + 5 <= size; i++) {
		if (code[i] != 0xe9)
			continue;
		memcpy(&distance, code + i + 1, sizeof(distance));
		function_learn(start + i + 5 + (uintptr_t)(intptr_t)distance, function, jumps);
	}
	if (size >= 2 && code[size - 2] == 0xeb)
		function_learn(end + (uintptr_t)(intptr_t)(signed char)code[size - 1], function, jumps);
#else
	(void)start;
	(void)end;
	(void)function;
	(void)jumps;
#endif
}

/* Learns what the function that begins there is, if one does, and those that it goes on in. */
static void function_learn(uintptr_t address, enum egi_libc_function function, int jumps)
{
	struct egi_module_view view;
	uintptr_t start, end;

	if (egi_module_find(address, &view) && egi_libc_code(&view) == EGI_CODE_LIBC &&
	    egi_unwind_find_function(&view, address, &start, &end) && start == address &&
	    functions_add(start, function) && jumps > 0)
		jumps_learn(start, end, function, jumps - 1);
}

static void functions_learn(void *libc, const char *const *names, size_t count,
			    enum egi_libc_function function)
{
	for (size_t i = 0; i < count; i++) {
		function_learn((uintptr_t)dlsym(libc, names[i]), function, JUMPS_MAX);
		/* A sanitizer's, or another library's in its place. */
		function_learn((uintptr_t)dlsym(RTLD_DEFAULT, names[i]), function, JUMPS_MAX);
	}
}

#define LEARN(names, function) functions_learn(libc, (names), sizeof(names) / sizeof((names)[0]), (function))

bool egi_libc_learn(void)
{
	void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);

	if (!libc)
		return false;
	libc_start = module_start(dlsym(libc, "gnu_get_libc_version"));
	loader_start = module_start(dlsym(RTLD_DEFAULT, "_dl_find_object"));
	heap_start = module_start(dlsym(RTLD_DEFAULT, "malloc"));
	own_start = module_start((const void *)(uintptr_t)egi_libc_learn);
	abort_message = dlsym(libc, "__abort_msg");
	/* The most dangerous first: what is known as one thing stays that. */
	LEARN(heap_names, EGI_LIBC_HEAP);
	LEARN(abort_names, EGI_LIBC_ABORT);
	LEARN(assert_names, EGI_LIBC_ASSERT);
	LEARN(leaf_names, EGI_LIBC_LEAF);
	/* libc.so is never closed; the reference is not needed. */
	dlclose(libc);
	return libc_start != 0;
}

const char *egi_libc_abort_message(void)
{
	return abort_message && *abort_message ? (*abort_message)->text : NULL;
}
