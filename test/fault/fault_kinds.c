/* SPDX-License-Identifier: MIT */
#include "fault_kinds.h"

#undef NDEBUG
#include <assert.h>
#include <errgroup.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__clang__)
#define KEEP __attribute__((noinline, no_sanitize("undefined")))
#else
#define KEEP __attribute__((noinline, noclone, no_sanitize("undefined")))
#endif

/*
 * What compilers do not know. The wild addresses are in nobody's memory, nor that of sanitizers, who have much.
 */
static int *volatile nil;
static char *volatile nil_text;
static int *volatile wild = (int *)0x410000001234;
static int *volatile beyond = (int *)0x8000123400001234; /* an address that none can have */
static char *volatile wild_text = (char *)0x410000001234;
static void (*volatile nil_function)(void);
static void (*volatile wild_function)(void) = (void (*)(void))0x410000002000;
static volatile int zero, sink;

KEEP static void read_nil(void)
{
	sink = *nil;
}

KEEP static void write_nil(void)
{
	*nil = 1;
}

/* A member of what should be there. */
KEEP static void read_nil_member(void)
{
	sink = nil[1000];
}

KEEP static void call_nil(void)
{
	nil_function();
	sink = 1;
}

KEEP static void divide(void)
{
	sink = 7 / zero;
}

KEEP static void divide_64(void)
{
	sink = (int)(INT64_C(7) % (int64_t)zero);
}

KEEP static void call_abort(void)
{
	abort();
}

KEEP static void fail_assert(void)
{
	assert(zero == 1);
}

KEEP static void measure_nil(void)
{
	sink = (int)strlen(nil_text);
}

KEEP static void convert_nil(void)
{
	sink = atoi(nil_text);
}

KEEP static void convert_nil_long(void)
{
	sink = (int)strtol(nil_text, NULL, 10);
}

KEEP static void compare_nil(void)
{
	sink = strcmp(nil_text, "text");
}

KEEP static void copy_nil(void)
{
	char text[64];

	memcpy(text, nil_text, (size_t)(zero + 40));
	sink = text[zero];
}

KEEP static void move_nil(void)
{
	memmove(nil_text, "a text that is longer than any register of this machine may be, which is 64 bytes",
		(size_t)(zero + 80));
}

KEEP static void clear_nil(void)
{
	memset(nil_text, 1, (size_t)(zero + 4000));
}

KEEP static void duplicate_nil(void)
{
	char *volatile copy = strdup(nil_text);

	sink = copy != NULL;
	free(copy);
}

KEEP static int compare_by_nil(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b + *nil;
}

KEEP static void sort_with_nil(void)
{
	int numbers[] = {3, 1, 2, 5, 4};

	qsort(numbers, 5, sizeof(numbers[0]), compare_by_nil);
	sink = numbers[zero];
}

KEEP static void read_wild(void)
{
	sink = *wild;
}

KEEP static void read_beyond(void)
{
	sink = *beyond;
}

KEEP static void measure_wild(void)
{
	sink = (int)strlen(wild_text);
}

KEEP static void call_wild(void)
{
	wild_function();
	sink = 1;
}

KEEP static void write_constant(void)
{
	static const int constant = 1;
	int *volatile place = (int *)(uintptr_t)&constant;

	*place = 2;
}

KEEP static void read_beyond_file(void)
{
	FILE *file = tmpfile();
	volatile char *text;

	if (!file)
		return;
	text = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fileno(file), 0);
	fclose(file);
	/* The mapping is lost with the task, but at a known place: each fault unmaps the one before. */
	if (text != MAP_FAILED) {
		static void *before;

		if (before)
			munmap(before, 4096);
		before = (void *)(uintptr_t)text;
		sink = *text;
	}
}

KEEP static void execute_nothing(void)
{
#if defined(__x86_64__)
	__asm__ volatile("ud2");
#else
	__builtin_trap();
#endif
}

/* Compilers see that these two do not end, which is the point. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 12
#pragma GCC diagnostic ignored "-Winfinite-recursion"
#elif defined(__clang__)
#pragma clang diagnostic ignored "-Winfinite-recursion"
#endif

/*
 * Sanitizers call functions of theirs at every step. A stack that overflows in one of those is not recovered: it may
 * hold a lock.
 */
#if defined(__has_attribute)
#if __has_attribute(disable_sanitizer_instrumentation)
#define BARE __attribute__((disable_sanitizer_instrumentation, no_sanitize("address", "thread")))
#endif
#endif
#ifndef BARE
#define BARE __attribute__((no_sanitize_address, no_sanitize_thread))
#endif

KEEP BARE static int descend(int depth)
{
	volatile char room[300];
	int deeper;

	room[depth % 300] = (char)depth;
	deeper = descend(depth + 1);
	return deeper + room[(depth + zero) % 300];
}

KEEP static void overflow_slowly(void)
{
	sink = descend(0);
}

KEEP BARE static int descend_fast(size_t size)
{
	volatile char *room = __builtin_alloca(size);

	room[0] = 1;
	return descend_fast(size) + room[zero];
}

KEEP static void overflow_fast(void)
{
	/* Less than the zone, which nothing on the way down then jumps over. */
	sink = descend_fast((size_t)(zero + 200000));
}

const struct fault_kind fault_kinds[] = {
    {"nil", read_nil, "fault: nil pointer dereference", SIGSEGV, NEEDS_GO},
    {"nil_write", write_nil, "fault: nil pointer dereference", SIGSEGV, NEEDS_GO},
    {"nil_member", read_nil_member, "fault: nil pointer dereference", SIGSEGV, NEEDS_GO},
    {"nil_call", call_nil, "fault: call of a nil pointer", SIGSEGV, NEEDS_GO},
    {"division", divide, "fault: integer division by zero", SIGFPE, NEEDS_GO},
    {"division_64", divide_64, "fault: integer division by zero", SIGFPE, NEEDS_GO},
    {"abort", call_abort, "fault: abort() called", SIGABRT, NEEDS_GO},
    {"assert", fail_assert, "fault: assertion failed: zero == 1 (", SIGABRT, NEEDS_GO},
    {"nil_strlen", measure_nil, "fault: nil pointer dereference", SIGSEGV, NEEDS_GO},
    {"nil_atoi", convert_nil, "fault: nil pointer dereference", SIGSEGV, NEEDS_GO},
    {"nil_strtol", convert_nil_long, "fault: nil pointer dereference", SIGSEGV, NEEDS_GO},
    {"nil_strcmp", compare_nil, "fault: nil pointer dereference", SIGSEGV, NEEDS_GO},
    {"nil_memcpy", copy_nil, "fault: nil pointer dereference", SIGSEGV, NEEDS_GO},
    {"nil_memmove", move_nil, "fault: nil pointer dereference", SIGSEGV, NEEDS_GO},
    {"nil_memset", clear_nil, "fault: nil pointer dereference", SIGSEGV, NEEDS_GO},
    {"nil_strdup", duplicate_nil, "fault: nil pointer dereference", SIGSEGV, NEEDS_GO},
    {"nil_qsort", sort_with_nil, "fault: nil pointer dereference", SIGSEGV, NEEDS_GO},
    {"wild", read_wild, "fault: wild pointer", SIGSEGV, NEEDS_ALL},
    {"beyond", read_beyond, "fault: wild pointer", SIGSEGV, NEEDS_ALL},
    {"wild_strlen", measure_wild, "fault: wild pointer", SIGSEGV, NEEDS_ALL},
    {"wild_call", call_wild, "fault: call of a wild pointer", SIGSEGV, NEEDS_ALL},
    {"constant", write_constant, "fault: wild pointer", SIGSEGV, NEEDS_ALL},
    {"bus", read_beyond_file, "fault: bus error", SIGBUS, NEEDS_ALL},
    {"illegal", execute_nothing, "fault: illegal instruction", SIGILL, NEEDS_ALL},
    {"overflow", overflow_slowly, "fault: stack overflow", SIGSEGV, NEEDS_STACK},
    {"overflow_alloca", overflow_fast, "fault: stack overflow", SIGSEGV, NEEDS_STACK},
};

const size_t fault_kinds_count = sizeof(fault_kinds) / sizeof(fault_kinds[0]);

const struct fault_kind *fault_kind_find(const char *name)
{
	for (size_t i = 0; i < fault_kinds_count; i++)
		if (strcmp(fault_kinds[i].name, name) == 0)
			return &fault_kinds[i];
	return NULL;
}
