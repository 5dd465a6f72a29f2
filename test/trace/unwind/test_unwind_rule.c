/* SPDX-License-Identifier: MIT */

/*
 * Unwind tables that are damaged are read within their bounds, and the cache of rules gives what was entered.
 */

#include <link.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trace/unwind/cache.h"
#include "trace/unwind/rule.h"

#define ROUNDS 100000
#define DAMAGES_MAX 4

static uint64_t seed = 1;

static uint64_t draw(uint64_t below)
{
	seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (seed >> 33) % below;
}

/*
 * Tables
 */

/* The C library's tables: the segment that holds them, and .eh_frame_hdr. */
static struct egi_unwind_memory segment, header;

static int find_tables(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	if (strstr(info->dlpi_name, "libc.so") == NULL)
		return 0;
	for (unsigned i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_GNU_EH_FRAME) {
			header.start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
			header.end = header.start + info->dlpi_phdr[i].p_memsz;
		}
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		uintptr_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
		uintptr_t end = start + info->dlpi_phdr[i].p_memsz;

		if (info->dlpi_phdr[i].p_type == PT_LOAD && header.start >= start && header.end <= end)
			segment = (struct egi_unwind_memory){start, end};
	}
	return 1;
}

/* Where a function begins, by the table of .eh_frame_hdr: 12 bytes of head, then pairs of distances. */
static uintptr_t function_at(uintptr_t table, uint64_t index)
{
	int32_t distance;

	memcpy(&distance, (const void *)(table + 12 + 8 * index), sizeof(distance));
	return table + (uintptr_t)(intptr_t)distance;
}

static uint64_t function_count(uintptr_t table)
{
	uint32_t count;

	memcpy(&count, (const void *)(table + 8), sizeof(count));
	return count;
}

/*
 * A copy of the tables, in memory of just their size. Distances are relative, so the functions have moved
 * along.
 */
struct copy {
	unsigned char *bytes;
	struct egi_unwind_memory memory, header;
};

static struct copy copy_make(void)
{
	size_t size = segment.end - segment.start;
	struct copy copy = {.bytes = malloc(size)};

	assert_non_null(copy.bytes);
	memcpy(copy.bytes, (const void *)segment.start, size);
	copy.memory.start = (uintptr_t)copy.bytes;
	copy.memory.end = copy.memory.start + size;
	copy.header.start = copy.memory.start + (header.start - segment.start);
	copy.header.end = copy.header.start + (header.end - header.start);
	return copy;
}

static void need_tables(void)
{
	if (header.start == 0)
		dl_iterate_phdr(find_tables, NULL);
	if (!EGI_UNWIND_IS_NATIVE || segment.start == 0)
		skip();
}

static void most_places_of_the_c_library_have_rules(void **state)
{
	uint64_t count, known = 0;

	(void)state;
	need_tables();
	count = function_count(header.start);
	for (uint64_t i = 0; i + 1 < count; i++) {
		uintptr_t function = function_at(header.start, i);
		struct egi_rule rule = egi_rule_find(
		    segment, header, function + draw(function_at(header.start, i + 1) - function));

		known += rule.kind != EGI_RULE_NONE;
	}
	print_message("# %lu functions, %lu places with rules\n", (unsigned long)count, (unsigned long)known);
	assert_true(known > count / 5 * 4); /* some of the rest lie between functions */
}

static void nothing_is_known_outside_of_functions(void **state)
{
	(void)state;
	need_tables();
	assert_int_equal(egi_rule_find(segment, header, 0).kind, EGI_RULE_NONE);
	assert_int_equal(egi_rule_find(segment, header, UINTPTR_MAX).kind, EGI_RULE_NONE);
	assert_int_equal(egi_rule_find(segment, header, function_at(header.start, 0) - 1).kind,
			 EGI_RULE_NONE);
	assert_int_equal(egi_rule_find(segment, header, header.start).kind, EGI_RULE_NONE);
}

struct damage {
	uintptr_t at;
	unsigned char before;
};

/* Damages a byte of the head, or of the tables of one function. */
static struct damage copy_damage(const struct copy *copy, uint64_t index)
{
	static const unsigned char values[] = {0, 1, 0x7f, 0x80, 0xff, 0x0f, 0x10, 0x16};
	struct damage damage;
	int32_t distance;
	uint32_t delta;
	uintptr_t fde;

	memcpy(&distance, (const void *)(header.start + 12 + 8 * index + 4), sizeof(distance));
	memcpy(&delta, (const void *)(header.start + (uintptr_t)(intptr_t)distance + 4), sizeof(delta));
	fde = copy->header.start + (uintptr_t)(intptr_t)distance;
	switch (draw(32)) {
	case 0:
		damage.at = copy->header.start + draw(12);
		break;
	case 1:
	case 2:
	case 3:
		damage.at = copy->header.start + 12 + 8 * index + draw(8);
		break;
	case 4:
	case 5:
	case 6:
	case 7:
		damage.at = fde + 4 - delta + draw(24);
		break;
	default:
		damage.at = fde + draw(40);
		break;
	}
	if (damage.at >= copy->memory.end)
		damage.at = copy->memory.end - 1;
	damage.before = *(unsigned char *)damage.at;
	*(unsigned char *)damage.at = draw(2) == 0 ? values[draw(sizeof(values))] : (unsigned char)draw(256);
	return damage;
}

/*
 * Under AddressSanitizer or valgrind a read beyond the copy is an error; elsewhere what is tested is that it
 * ends.
 */
static void damaged_tables_are_read_within_bounds(void **state)
{
	struct copy copy;
	uint64_t count, known = 0;

	(void)state;
	need_tables();
	copy = copy_make();
	count = function_count(header.start);
	for (unsigned round = 0; round < ROUNDS; round++) {
		uint64_t index = draw(count);
		uintptr_t lookup =
		    copy.header.start + (function_at(header.start, index) - header.start) + draw(60);
		uintptr_t anywhere = copy.memory.start + draw(copy.memory.end - copy.memory.start);
		struct egi_unwind_memory cut = copy.memory;
		struct damage damages[DAMAGES_MAX];
		unsigned damage_count = (unsigned)draw(DAMAGES_MAX + 1);

		for (unsigned i = 0; i < damage_count; i++)
			damages[i] = copy_damage(&copy, index);
		if (draw(8) == 0) /* and less of it there than it says */
			cut.end = copy.header.end + draw(copy.memory.end - copy.header.end);
		known += egi_rule_find(cut, copy.header, lookup).kind != EGI_RULE_NONE;
		egi_rule_of(copy.memory, anywhere, lookup, lookup);
		while (damage_count-- > 0)
			*(unsigned char *)damages[damage_count].at = damages[damage_count].before;
	}
	assert_memory_equal(copy.bytes, (const void *)segment.start, segment.end - segment.start);
	free(copy.bytes);
	print_message("# %lu of %u had rules still\n", (unsigned long)known, ROUNDS);
}

/*
 * The rule at a place of a stub, by a table like those that linkers write, in which a number of ten bytes is what lies between
 * the stack pointer and the CFA. The stub has the 16 bytes of code from STUB on.
 */
#define STUB 4096

static struct egi_rule stub_rule(const unsigned char *number, uintptr_t lookup)
{
	/* clang-format off */
	unsigned char table[] = {
		20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 0x78, 16,           /* a CIE: code by 1, data by -8 */
		0x0c, 7, 8, 0x90, 1, 0, 0, 0, 0, 0, 0,                /* def_cfa rsp+8; offset ra at cfa-8 */
		44, 0, 0, 0, 28, 0, 0, 0,                             /* an FDE; its CIE is 28 bytes before this */
		0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0,      /* of 16 bytes of code */
		0x0f, 20, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,         /* def_cfa_expression: breg7 number, */
		0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22,    /* and 8 more from the 12th byte on */
		0, 0,
	};
	/* clang-format on */
	const size_t fde = 24, place = fde + 8 + 16 + 3;
	struct egi_unwind_memory memory = {(uintptr_t)table, (uintptr_t)table + sizeof(table)};

	memcpy(table + place, number, 10);
	return egi_rule_of(memory, (uintptr_t)table + fde, STUB, STUB + lookup);
}

static void stubs_have_rules_whatever_number_is_in_their_tables(void **state)
{
	static const unsigned char small[10] = {0x88, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0};
	static const unsigned char largest[10] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};

	(void)state;
	/* Machines whose calls push nothing have no such stubs. */
	if (!EGI_UNWIND_IS_NATIVE || EGI_RA_HAS_REGISTER)
		skip();
	assert_int_equal(stub_rule(small, 10).kind, EGI_RULE_SP);
	assert_int_equal(egi_rule_offset(stub_rule(small, 10).cfa_at), 8);
	assert_int_equal(stub_rule(small, 11).kind, EGI_RULE_SP);
	assert_int_equal(egi_rule_offset(stub_rule(small, 11).cfa_at), 16);
	assert_int_equal(stub_rule(largest, 10).kind, EGI_RULE_NONE);
	assert_int_equal(stub_rule(largest, 11).kind, EGI_RULE_NONE);
}

/*
 * Cache
 */

#define KEYS 20000 /* several times what it holds */
#define THREADS 4

static struct egi_rule rule_of(uint64_t number)
{
	struct egi_rule rule = {.kind = EGI_RULE_SP};

	rule.cfa_at = number & 0xffff;
	rule.fp_at = number / 3 & 0xffff;
	return rule;
}

struct cache_run {
	uint64_t seed;
	unsigned found, wrong;
};

static void *use_cache(void *arg)
{
	struct cache_run *run = arg;

	for (unsigned i = 0; i < 100000; i++) {
		struct egi_rule rule, expected;
		uint64_t key, number;

		run->seed = run->seed * UINT64_C(6364136223846793005) + 1;
		number = (run->seed >> 33) % KEYS;
		key = egi_rule_cache_key(17, 0x400000 + number);
		expected = rule_of(number);
		if (!egi_rule_cache_find(key, &rule)) {
			egi_rule_cache_enter(key, expected);
			continue;
		}
		run->found++;
		run->wrong += memcmp(&rule, &expected, sizeof(rule)) != 0;
	}
	return NULL;
}

static void cached_rules_are_those_entered_whoever_else_enters(void **state)
{
	struct cache_run runs[THREADS];
	pthread_t threads[THREADS];

	(void)state;
	for (unsigned i = 0; i < THREADS; i++) {
		runs[i] = (struct cache_run){.seed = i + 1};
		assert_int_equal(pthread_create(&threads[i], NULL, use_cache, &runs[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(runs[i].wrong, 0);
		assert_true(runs[i].found > 0);
	}
}

static void another_module_has_other_keys(void **state)
{
	struct egi_rule rule;

	(void)state;
	egi_rule_cache_enter(egi_rule_cache_key(1, 0x1234), rule_of(1));
	assert_true(egi_rule_cache_find(egi_rule_cache_key(1, 0x1234), &rule));
	assert_false(egi_rule_cache_find(egi_rule_cache_key(3, 0x1234), &rule));
	assert_false(egi_rule_cache_find(egi_rule_cache_key(1, 0x1235), &rule));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(most_places_of_the_c_library_have_rules),
	    cmocka_unit_test(nothing_is_known_outside_of_functions),
	    cmocka_unit_test(damaged_tables_are_read_within_bounds),
	    cmocka_unit_test(stubs_have_rules_whatever_number_is_in_their_tables),
	    cmocka_unit_test(another_module_has_other_keys),
	    cmocka_unit_test(cached_rules_are_those_entered_whoever_else_enters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
