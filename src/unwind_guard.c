/* SPDX-License-Identifier: MIT */

/*
 * Judging a step of the unwinder: see unwind_guard.h.
 *
 * A function's unwind table (its FDE, with the CIE that it shares with others) is a small program whose
 * instructions move through the function's code and say how to find the caller's stack pointer, the CFA, and where
 * the registers were saved. Of all that, only the CFA and the return address matter here. The tables belong to
 * loaded code and are trusted as the unwinder trusts them.
 */

#include "unwind_guard.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#if defined(__x86_64__) && defined(__LP64__)

#define REGISTER_RBP 6
#define REGISTER_RSP 7
#define REGISTER_RETURN 16
#define REMEMBERED_MAX 8
#define MINIMAL_ADDRESS 4096

struct dwarf_eh_bases {
	void *tbase;
	void *dbase;
	void *func; /* where the function that was found begins */
};

/* libgcc's own look-up, part of its ABI; weak, because other unwinders lack it, and then there is no guard. */
extern const void *_Unwind_Find_FDE(void *pc, struct dwarf_eh_bases *ret_bases) __attribute__((weak));

struct rules {
	bool is_cfa_known;
	bool is_return_known;
	uint64_t cfa_register;
	int64_t cfa_offset;
	int64_t return_offset; /* from the CFA to where the return address was saved */
};

struct table {
	const unsigned char *at;
	const unsigned char *end;
	uint64_t code_align;
	int64_t data_align;
	bool has_augmentation;
	unsigned char pointer_encoding;
};

static uint64_t table_read_uleb(struct table *table)
{
	uint64_t value = 0;
	unsigned shift = 0;
	unsigned char byte = 0x80;

	while ((byte & 0x80) != 0 && table->at < table->end) {
		byte = *table->at++;
		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	}
	return value;
}

static int64_t table_read_sleb(struct table *table)
{
	const unsigned char *first = table->at;
	uint64_t value = table_read_uleb(table);
	size_t bits = 7 * (size_t)(table->at - first);

	if (bits > 0 && bits < 64 && (table->at[-1] & 0x40) != 0)
		value |= ~(uint64_t)0 << bits;
	return (int64_t)value;
}

static uint64_t table_read_fixed(struct table *table, size_t size)
{
	uint64_t value = 0;

	if ((size_t)(table->end - table->at) < size) {
		table->at = table->end;
		return 0;
	}
	memcpy(&value, table->at, size); /* little-endian, as x86-64 is */
	table->at += size;
	return value;
}

static void table_skip(struct table *table, uint64_t size)
{
	table->at = size > (uint64_t)(table->end - table->at) ? table->end : table->at + size;
}

static size_t pointer_size(unsigned char encoding)
{
	static const unsigned char sizes[16] = {8, 0, 2, 4, 8, 0, 0, 0, 0, 0, 2, 4, 8};

	return sizes[encoding & 15];
}

/* Reads the head of a CIE. Return: false for what is not known here, signal frames among it. */
static bool table_open_cie(struct table *table, const unsigned char *cie)
{
	const char *augmentation;
	uint64_t skipped;
	uint32_t length;
	unsigned char version;

	memcpy(&length, cie, sizeof(length));
	if (length == UINT32_MAX)
		return false;
	table->at = cie + 8;
	table->end = cie + 4 + length;
	version = *table->at++;
	if (version != 1 && version != 3)
		return false;
	augmentation = (const char *)table->at;
	table->at += strlen(augmentation) + 1;
	table->code_align = table_read_uleb(table);
	table->data_align = table_read_sleb(table);
	if ((version == 1 ? *table->at++ : table_read_uleb(table)) != REGISTER_RETURN)
		return false;
	table->has_augmentation = augmentation[0] == 'z';
	table->pointer_encoding = 0;
	if (!table->has_augmentation)
		return augmentation[0] == '\0';

	skipped = table_read_uleb(table);
	cie = table->at + skipped;
	for (augmentation++; *augmentation != '\0'; augmentation++) {
		if (*augmentation == 'R')
			table->pointer_encoding = *table->at++;
		else if (*augmentation == 'L')
			table->at++;
		else if (*augmentation == 'P' && (*table->at & 0x70) != 0x50 && pointer_size(*table->at) != 0)
			table->at += 1 + pointer_size(*table->at);
		else
			return false;
	}
	table->at = cie;
	return true;
}

static void rules_set_offset(struct rules *rules, uint64_t number, int64_t offset)
{
	if (number != REGISTER_RETURN)
		return;
	rules->is_return_known = true;
	rules->return_offset = offset;
}

static void rules_forget(struct rules *rules, uint64_t number)
{
	if (number == REGISTER_RETURN)
		rules->is_return_known = false;
}

/* Runs one instruction other than those that move on. Return: false for one that is not known. */
static bool rules_run_one(struct rules *rules, struct table *table, unsigned char code,
			  struct rules *remembered, unsigned *depth)
{
	uint64_t number;

	switch (code) {
	case 0x00: /* nop */
		break;
	case 0x05: /* offset_extended */
		number = table_read_uleb(table);
		rules_set_offset(rules, number, (int64_t)table_read_uleb(table) * table->data_align);
		break;
	case 0x11: /* offset_extended_sf */
		number = table_read_uleb(table);
		rules_set_offset(rules, number, table_read_sleb(table) * table->data_align);
		break;
	case 0x06: /* restore_extended */
	case 0x07: /* undefined */
	case 0x08: /* same_value */
		rules_forget(rules, table_read_uleb(table));
		break;
	case 0x09: /* register */
	case 0x14: /* val_offset */
	case 0x15: /* val_offset_sf */
		rules_forget(rules, table_read_uleb(table));
		table_read_uleb(table);
		break;
	case 0x0a: /* remember_state */
		if (*depth == REMEMBERED_MAX)
			return false;
		remembered[(*depth)++] = *rules;
		break;
	case 0x0b: /* restore_state */
		if (*depth == 0)
			return false;
		*rules = remembered[--*depth];
		break;
	case 0x0c: /* def_cfa */
		rules->is_cfa_known = true;
		rules->cfa_register = table_read_uleb(table);
		rules->cfa_offset = (int64_t)table_read_uleb(table);
		break;
	case 0x12: /* def_cfa_sf */
		rules->is_cfa_known = true;
		rules->cfa_register = table_read_uleb(table);
		rules->cfa_offset = table_read_sleb(table) * table->data_align;
		break;
	case 0x0d: /* def_cfa_register */
		rules->cfa_register = table_read_uleb(table);
		break;
	case 0x0e: /* def_cfa_offset */
		rules->cfa_offset = (int64_t)table_read_uleb(table);
		break;
	case 0x13: /* def_cfa_offset_sf */
		rules->cfa_offset = table_read_sleb(table) * table->data_align;
		break;
	case 0x0f: /* def_cfa_expression */
		rules->is_cfa_known = false;
		table_skip(table, table_read_uleb(table));
		break;
	case 0x10: /* expression */
	case 0x16: /* val_expression */
		rules_forget(rules, table_read_uleb(table));
		table_skip(table, table_read_uleb(table));
		break;
	case 0x2e: /* GNU_args_size */
		table_read_uleb(table);
		break;
	default:
		return false;
	}
	return true;
}

/* Runs instructions up to those for `lookup`, in a function that begins at `location`. */
static bool rules_run(struct rules *rules, struct table *table, uintptr_t location, uintptr_t lookup)
{
	struct rules remembered[REMEMBERED_MAX];
	unsigned depth = 0;

	while (table->at < table->end && location <= lookup) {
		unsigned char code = *table->at++;

		switch (code & 0xc0) {
		case 0x40: /* advance_loc */
			location += (code & 0x3f) * table->code_align;
			continue;
		case 0x80: /* offset */
			rules_set_offset(rules, code & 0x3f,
					 (int64_t)table_read_uleb(table) * table->data_align);
			continue;
		case 0xc0: /* restore */
			rules_forget(rules, code & 0x3f);
			continue;
		default:
			break;
		}
		if (code >= 0x02 && code <= 0x04) /* advance_loc1, 2, 4 */
			location += table_read_fixed(table, (size_t)1 << (code - 2)) * table->code_align;
		else if (!rules_run_one(rules, table, code, remembered, &depth))
			return false;
	}
	return true;
}

/* Finds the unwind table for an address, which is slow, unless it is the one found last. */
static bool guard_find_table(struct egi_unwind_guard *guard, uintptr_t lookup)
{
	struct dwarf_eh_bases bases = {NULL, NULL, NULL};

	if (guard->lookup != lookup) {
		guard->lookup = lookup;
		guard->table = _Unwind_Find_FDE((void *)lookup, &bases);
		guard->function = (uintptr_t)bases.func;
	}
	return guard->table != NULL;
}

/* Finds the rules that hold at an address. Return: false when they are not of the kinds known here. */
static bool rules_find(struct egi_unwind_guard *guard, uintptr_t lookup, struct rules *ret_rules)
{
	struct rules rules = {0};
	const unsigned char *fde;
	struct table table;
	uint32_t length, delta;

	if (!guard_find_table(guard, lookup))
		return false;
	fde = guard->table;
	memcpy(&length, fde, sizeof(length));
	memcpy(&delta, fde + 4, sizeof(delta));
	if (length == UINT32_MAX || !table_open_cie(&table, fde + 4 - delta) ||
	    !rules_run(&rules, &table, 0, 0) || pointer_size(table.pointer_encoding) == 0)
		return false;
	table.at = fde + 8;
	table.end = fde + 4 + length;
	table_skip(&table, 2 * pointer_size(table.pointer_encoding));
	if (table.has_augmentation)
		table_skip(&table, table_read_uleb(&table));
	if (!rules_run(&rules, &table, guard->function, lookup))
		return false;
	*ret_rules = rules;
	return rules.is_cfa_known && rules.is_return_known &&
	       (rules.cfa_register == REGISTER_RSP || rules.cfa_register == REGISTER_RBP);
}

__attribute__((no_sanitize_address)) enum egi_unwind_step
egi_unwind_guard_judge(struct egi_unwind_guard *guard, struct _Unwind_Context *context, uintptr_t lookup,
		       uintptr_t limit, uintptr_t *ret_return)
{
	uintptr_t low = (uintptr_t)_Unwind_GetCFA(context);
	struct rules rules;
	uintptr_t cfa, address;

	if (_Unwind_Find_FDE == NULL || !rules_find(guard, lookup, &rules))
		return EGI_UNWIND_GO;
	cfa = rules.cfa_register == REGISTER_RSP ? low : (uintptr_t)_Unwind_GetGR(context, REGISTER_RBP);
	cfa += (uintptr_t)rules.cfa_offset;
	if (cfa <= low || cfa % sizeof(uintptr_t) != 0)
		return EGI_UNWIND_END;
	if (limit != 0 && cfa > limit)
		return EGI_UNWIND_STOP;
	address = *(const uintptr_t *)(cfa + (uintptr_t)rules.return_offset);
	if (address == 0)
		return EGI_UNWIND_GO; /* the unwinder takes it for the end of the stack */
	if (address >= MINIMAL_ADDRESS && guard_find_table(guard, address - 1))
		return EGI_UNWIND_GO;
	*ret_return = address;
	return EGI_UNWIND_LAST;
}

#else

enum egi_unwind_step egi_unwind_guard_judge(struct egi_unwind_guard *guard, struct _Unwind_Context *context,
					    uintptr_t lookup, uintptr_t limit, uintptr_t *ret_return)
{
	(void)guard;
	(void)context;
	(void)lookup;
	(void)limit;
	(void)ret_return;
	return EGI_UNWIND_GO;
}

#endif
