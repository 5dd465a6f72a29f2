/* SPDX-License-Identifier: MIT */

/*
 * From what an unwind table says to a rule: see rule.h.
 *
 * .eh_frame_hdr is a sorted table of functions, in which the one around the address is found by halving; cfi.h then says
 * what is true at the address, and here it is packed into one word, if it fits: kinds and places that no rule can hold
 * are EGI_RULE_NONE. To find and run a table takes some 2,000 instructions, which is why rules are kept (cache.h).
 */

#include "trace/unwind/rule.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "trace/unwind/cfi.h"

/*
 * Rules
 */

#define OFFSET_MASK (2 * EGI_RULE_OFFSET_BIAS - 1)

/* Makes an offset fit for a rule. Return: 0 when it does not. */
static uint64_t offset_pack(int64_t offset)
{
	if (offset % 8 != 0 || offset <= -EGI_RULE_OFFSET_BIAS * 8 || offset >= EGI_RULE_OFFSET_BIAS * 8)
		return 0;
	return (uint64_t)(offset / 8 + EGI_RULE_OFFSET_BIAS) & OFFSET_MASK;
}

static bool place_is(struct egi_place place, enum egi_place_kind kind, int64_t offset)
{
	return place.kind == kind && place.offset == offset;
}

/*
 * A frame that the kernel made to call a signal handler: recognised only in the exact shape that glibc
 * writes.
 */
static bool state_is_signal_frame(const struct egi_cfi_state *state)
{
	return EGI_UNWIND_SIGNAL_SP != 0 && state->cfa == EGI_CFA_WORD &&
	       state->cfa_register == EGI_REGISTER_SP && state->cfa_offset == EGI_UNWIND_SIGNAL_SP &&
	       place_is(state->ra, EGI_PLACE_SP, EGI_UNWIND_SIGNAL_PC) &&
	       place_is(state->fp, EGI_PLACE_SP, EGI_UNWIND_SIGNAL_FP);
}

/* Sets where the return address is. Return: false for a place that a rule cannot hold. */
static bool rule_set_ra(struct egi_rule *rule, struct egi_place ra)
{
	if (ra.kind == EGI_PLACE_SAME)
		return EGI_RA_HAS_REGISTER;
	if (ra.kind != EGI_PLACE_CFA)
		return false;
	rule->ra_at = offset_pack(ra.offset) & OFFSET_MASK;
	return rule->ra_at != 0;
}

static bool rule_set_fp(struct egi_rule *rule, struct egi_place fp)
{
	rule->fp_saved = EGI_RULE_SAME;
	/* A register that is lost is left as it is by libgcc too. */
	if (fp.kind == EGI_PLACE_SAME || fp.kind == EGI_PLACE_UNDEFINED)
		return true;
	if (fp.kind != EGI_PLACE_CFA && fp.kind != EGI_PLACE_FP)
		return false;
	rule->fp_saved = fp.kind == EGI_PLACE_CFA ? EGI_RULE_AT_CFA : EGI_RULE_BESIDE_FP;
	rule->fp_at = offset_pack(fp.offset) & OFFSET_MASK;
	return rule->fp_at != 0;
}

static enum egi_rule_kind rule_kind(const struct egi_cfi_state *state)
{
	bool is_fp = state->cfa_register == EGI_REGISTER_FP;

	if (!is_fp && state->cfa_register != EGI_REGISTER_SP)
		return EGI_RULE_NONE;
	switch (state->cfa) {
	case EGI_CFA_REGISTER:
		return is_fp ? EGI_RULE_FP : EGI_RULE_SP;
	case EGI_CFA_WORD:
		return is_fp ? EGI_RULE_AT_FP : EGI_RULE_NONE;
	case EGI_CFA_BEYOND_WORD:
		return is_fp ? EGI_RULE_NONE : EGI_RULE_BEYOND_SP;
	default:
		return EGI_RULE_NONE;
	}
}

static struct egi_rule rule_make(const struct egi_cfi *program)
{
	const struct egi_rule none = {.kind = EGI_RULE_NONE};
	const struct egi_cfi_state *state = &program->state;
	struct egi_rule rule = none;

	if (program->is_signal_frame) {
		rule.kind = state_is_signal_frame(state) ? EGI_RULE_SIGNAL : EGI_RULE_NONE;
		return rule;
	}
	if (state->ra.kind == EGI_PLACE_UNDEFINED) {
		rule.kind = EGI_RULE_END;
		return rule;
	}
	rule.kind = rule_kind(state);
	rule.cfa_at = offset_pack(state->cfa_offset) & OFFSET_MASK;
	if (rule.kind == EGI_RULE_NONE || state->sp.kind != EGI_PLACE_SAME || rule.cfa_at == 0 ||
	    !rule_set_ra(&rule, state->ra) || !rule_set_fp(&rule, state->fp))
		return none;
	/* gcc forgets to say that a function has restored the frame pointer, which then is its caller's. */
	if (rule.kind == EGI_RULE_SP && rule.fp_saved == EGI_RULE_BESIDE_FP)
		rule.fp_saved = EGI_RULE_SAME;
	rule.ra_is_signed = state->ra_is_signed;
	return rule;
}

/*
 * Tables
 */

/* Opens an FDE and its CIE. The reader stands behind the size of the function. */
static bool fde_open(struct egi_unwind_memory memory, uintptr_t fde, struct egi_cfi *ret_program,
		     struct egi_reader *ret_reader, uint64_t *ret_size)
{
	struct egi_reader reader;
	uint64_t delta;

	if (!egi_cfi_open_record(memory, fde, &reader))
		return false;
	delta = egi_read_fixed(&reader, 4); /* 0 marks a CIE */
	if (reader.has_failed || delta == 0 || !egi_cfi_open(ret_program, memory, fde + 4 - delta))
		return false;
	egi_read_past(&reader, ret_program->pointer_size);
	*ret_size = egi_read_fixed(&reader, ret_program->pointer_size);
	*ret_reader = reader;
	return !reader.has_failed;
}

struct egi_rule egi_rule_of(struct egi_unwind_memory memory, uintptr_t fde, uintptr_t function,
			    uintptr_t lookup)
{
	const struct egi_rule none = {.kind = EGI_RULE_NONE};
	struct egi_cfi program;
	struct egi_reader reader;
	uint64_t size;

	if (!fde_open(memory, fde, &program, &reader, &size) || lookup - function >= size)
		return none;
	if (program.has_augmentation)
		egi_read_past(&reader, egi_read_uleb(&reader));
	program.reader = reader;
	return egi_cfi_run(&program, function, lookup) ? rule_make(&program) : none;
}

/*
 * The search table of .eh_frame_hdr: pairs of signed 32-bit distances from the header, in the order of
 * functions.
 */
struct entry {
	int32_t function;
	int32_t fde;
};

static struct entry entry_at(uintptr_t entries, uint64_t index)
{
	struct entry entry;

	memcpy(&entry, (const void *)(entries + index * sizeof(entry)), sizeof(entry));
	return entry;
}

static uintptr_t entry_target(uintptr_t header, int32_t distance)
{
	return header + (uintptr_t)(intptr_t)distance;
}

/* Finds the function that an address is in, or after, and its FDE. Return: false when there is none. */
static bool table_search(struct egi_unwind_memory memory, struct egi_unwind_memory header, uintptr_t lookup,
			 uintptr_t *ret_function, uintptr_t *ret_fde)
{
	static const unsigned char encodings[] = {1, 0x1b, 0x03,
						  0x3b}; /* the version, and what all linkers write */
	struct egi_reader reader;
	uint64_t first = 0, count, after;
	struct entry entry;
	uintptr_t function;

	if (header.end < header.start)
		return false;
	reader = egi_reader_of(memory, header.start, header.end - header.start);
	for (size_t i = 0; i < sizeof(encodings); i++)
		if (egi_read_byte(&reader) != encodings[i])
			return false;
	egi_read_past(&reader, 4); /* where .eh_frame is */
	count = egi_read_fixed(&reader, 4);
	if (reader.has_failed || count == 0 || count > (reader.end - reader.at) / sizeof(struct entry))
		return false;

	/* The last function that begins at the address or before it. */
	for (after = count; after - first > 1;) {
		uint64_t middle = first + (after - first) / 2;

		if (entry_target(header.start, entry_at(reader.at, middle).function) <= lookup)
			first = middle;
		else
			after = middle;
	}
	entry = entry_at(reader.at, first);
	function = entry_target(header.start, entry.function);
	if (function > lookup)
		return false;
	*ret_function = function;
	*ret_fde = entry_target(header.start, entry.fde);
	return true;
}

struct egi_rule egi_rule_find(struct egi_unwind_memory memory, struct egi_unwind_memory header,
			      uintptr_t lookup)
{
	uintptr_t function, fde;

	if (!table_search(memory, header, lookup, &function, &fde))
		return (struct egi_rule){.kind = EGI_RULE_NONE};
	return egi_rule_of(memory, fde, function, lookup);
}

bool egi_rule_find_extent(struct egi_unwind_memory memory, struct egi_unwind_memory header, uintptr_t lookup,
			  uintptr_t *ret_start, uintptr_t *ret_end)
{
	struct egi_cfi program;
	struct egi_reader reader;
	uintptr_t function, fde;
	uint64_t size;

	if (!table_search(memory, header, lookup, &function, &fde) ||
	    !fde_open(memory, fde, &program, &reader, &size) || lookup - function >= size)
		return false;
	*ret_start = function;
	*ret_end = function + size;
	return true;
}
