/* SPDX-License-Identifier: MIT */

/*
 * Running unwind tables: see cfi.h.
 *
 * A CIE holds what many functions begin with, an FDE belongs to one function and names its CIE. Both are instructions of
 * a byte or more: some say where a register or the CFA is, from here on; some advance the place in the code that "here"
 * is; remember and restore nest. So the table is run from the function's beginning until it has passed the place that is
 * asked for, and what it has said by then is true there.
 *
 *     CIE   def_cfa rsp+8; offset ra at cfa-8
 *     FDE   advance 1; def_cfa_offset 16; offset rbp at cfa-16;  push %rbp
 *           advance 3; def_cfa_register rbp                      mov %rsp, %rbp
 *
 * Whatever the bytes are, reading ends: each instruction takes at least one, and reader.h reads none beyond the end.
 */

#include "trace/unwind/cfi.h"

#include <string.h>

#define REMEMBERED_MAX 8
#define OP_BREG0 0x70
#define OP_LIT0 0x30
#define OP_DEREF 0x06
#define OP_AND 0x1a
#define OP_PLUS 0x22
#define OP_PLUS_UCONST 0x23
#define OP_SHL 0x24
#define OP_GE 0x2a

/*
 * Instructions
 */

static struct egi_place *state_place(struct egi_cfi_state *state, uint64_t number)
{
	switch (number) {
	case EGI_REGISTER_FP:
		return &state->fp;
	case EGI_REGISTER_SP:
		return &state->sp;
	case EGI_REGISTER_RA:
		return &state->ra;
	default:
		return NULL;
	}
}

static void state_save(struct egi_cfi_state *state, uint64_t number, enum egi_place_kind kind, int64_t offset)
{
	struct egi_place *place = state_place(state, number);

	if (place != NULL)
		*place = (struct egi_place){kind, offset};
}

static void state_restore(struct egi_cfi *program, uint64_t number)
{
	struct egi_place *place = state_place(&program->state, number);

	if (place != NULL)
		*place = *state_place(&program->initial, number);
}

static void state_define_cfa(struct egi_cfi_state *state, uint64_t number, int64_t offset)
{
	state->cfa = EGI_CFA_REGISTER;
	state->cfa_register = number;
	state->cfa_offset = offset;
}

/* Table arithmetic wraps; what comes out of range is found out when the rule is made. */
static int64_t times(uint64_t factor, int64_t align)
{
	return (int64_t)(factor * (uint64_t)align);
}

/* Takes an expression from the table: its bytes. */
static struct egi_reader read_block(struct egi_reader *reader)
{
	uint64_t size = egi_read_uleb(reader);
	struct egi_reader block = *reader;

	egi_read_past(reader, size);
	block.end = reader->at;
	block.has_failed = reader->has_failed;
	return block;
}

static bool block_is_over(const struct egi_reader *block)
{
	return block->at == block->end && !block->has_failed;
}

/* Reads the beginning of an expression, a register plus a number. Return: false for others. */
static bool read_sum(struct egi_reader *block, uint64_t *ret_register, int64_t *ret_offset)
{
	unsigned char op = egi_read_byte(block);

	if (op < OP_BREG0 || op >= OP_BREG0 + 32)
		return false;
	*ret_register = (uint64_t)op - OP_BREG0;
	*ret_offset = egi_read_sleb(block);
	return true;
}

/*
 * Reads what GNU's linkers write for the stubs of a procedure linkage table, all of them one function to the unwind table:
 * sp + number, and one word more in the later part of each 16 bytes, where the stub has pushed what it asks for.
 *
 *     breg7 number; breg16 0; lit15; and; lit<part>; ge; lit3; shl; plus
 *
 * As a rule is made for one place, that is a number. Return: false for other expressions.
 */
static bool read_linkage_stub(struct egi_reader block, uintptr_t lookup, int64_t *ret_offset)
{
	static const unsigned char mask[] = {OP_BREG0 + EGI_REGISTER_RA, 0, OP_LIT0 + 15, OP_AND};
	static const unsigned char scale[] = {OP_GE, OP_LIT0 + 3, OP_SHL, OP_PLUS};
	uint64_t base = 0;
	unsigned char part;
	int64_t offset;

	if (EGI_RA_HAS_REGISTER || !read_sum(&block, &base, &offset) || base != EGI_REGISTER_SP)
		return false;
	for (size_t i = 0; i < sizeof(mask); i++)
		if (egi_read_byte(&block) != mask[i])
			return false;
	part = egi_read_byte(&block);
	for (size_t i = 0; i < sizeof(scale); i++)
		if (egi_read_byte(&block) != scale[i])
			return false;
	if (part < OP_LIT0 || part > OP_LIT0 + 15 || !block_is_over(&block))
		return false;
	*ret_offset = (int64_t)((uint64_t)offset + ((lookup & 15) >= (uintptr_t)(part - OP_LIT0) ? 8 : 0));
	return true;
}

/*
 * Of expressions for the CFA three are known: that of stubs; the word at a register plus a number, as gcc writes where it
 * has aligned the stack; and that with a word more, as OpenSSL's assembler does, which keeps the stack pointer that it was
 * called with.
 */
static void run_cfa_expression(struct egi_cfi *program)
{
	struct egi_reader block = read_block(&program->reader);
	struct egi_cfi_state *state = &program->state;
	int64_t offset;

	state->cfa = EGI_CFA_OTHER;
	if (read_linkage_stub(block, program->lookup, &offset)) {
		state_define_cfa(state, EGI_REGISTER_SP, offset);
		return;
	}
	if (!read_sum(&block, &state->cfa_register, &state->cfa_offset) || egi_read_byte(&block) != OP_DEREF)
		return;
	if (block_is_over(&block))
		state->cfa = EGI_CFA_WORD;
	else if (egi_read_byte(&block) == OP_PLUS_UCONST && egi_read_uleb(&block) == 8 &&
		 block_is_over(&block))
		state->cfa = EGI_CFA_BEYOND_WORD;
}

/* Of expressions for a register's place one is known, a register plus a number. */
static void run_place_expression(struct egi_cfi *program)
{
	uint64_t number = egi_read_uleb(&program->reader), base = 0;
	struct egi_reader block = read_block(&program->reader);
	enum egi_place_kind kind = EGI_PLACE_OTHER;
	int64_t offset = 0;

	if (read_sum(&block, &base, &offset) && block_is_over(&block)) {
		if (base == EGI_REGISTER_FP)
			kind = EGI_PLACE_FP;
		else if (base == EGI_REGISTER_SP)
			kind = EGI_PLACE_SP;
	}
	state_save(&program->state, number, kind, offset);
}

/* Runs one instruction that says where a register is. Return: false for one that is not of these. */
static bool run_place(struct egi_cfi *program, unsigned char code)
{
	struct egi_reader *reader = &program->reader;
	struct egi_cfi_state *state = &program->state;
	uint64_t number;

	switch (code) {
	case 0x05: /* offset_extended */
		number = egi_read_uleb(reader);
		state_save(state, number, EGI_PLACE_CFA, times(egi_read_uleb(reader), program->data_align));
		break;
	case 0x11: /* offset_extended_sf */
		number = egi_read_uleb(reader);
		state_save(state, number, EGI_PLACE_CFA,
			   times((uint64_t)egi_read_sleb(reader), program->data_align));
		break;
	case 0x2f: /* GNU_negative_offset_extended */
		number = egi_read_uleb(reader);
		state_save(state, number, EGI_PLACE_CFA, times(-egi_read_uleb(reader), program->data_align));
		break;
	case 0x06: /* restore_extended */
		state_restore(program, egi_read_uleb(reader));
		break;
	case 0x07: /* undefined */
		state_save(state, egi_read_uleb(reader), EGI_PLACE_UNDEFINED, 0);
		break;
	case 0x08: /* same_value */
		state_save(state, egi_read_uleb(reader), EGI_PLACE_SAME, 0);
		break;
	case 0x09: /* register */
	case 0x14: /* val_offset */
	case 0x15: /* val_offset_sf */
		state_save(state, egi_read_uleb(reader), EGI_PLACE_OTHER, 0);
		egi_read_uleb(reader);
		break;
	case 0x10: /* expression */
		run_place_expression(program);
		break;
	case 0x16: /* val_expression */
		state_save(state, egi_read_uleb(reader), EGI_PLACE_OTHER, 0);
		egi_read_past(reader, egi_read_uleb(reader));
		break;
	default:
		return false;
	}
	return true;
}

/*
 * Runs one instruction that says where the CFA is, or of the rest. Return: false for one that is not known.
 */
static bool run_other(struct egi_cfi *program, unsigned char code)
{
	struct egi_reader *reader = &program->reader;
	struct egi_cfi_state *state = &program->state;
	uint64_t number;

	switch (code) {
	case 0x00: /* nop */
		break;
	case 0x0c: /* def_cfa */
		number = egi_read_uleb(reader);
		state_define_cfa(state, number, (int64_t)egi_read_uleb(reader));
		break;
	case 0x12: /* def_cfa_sf */
		number = egi_read_uleb(reader);
		state_define_cfa(state, number, times((uint64_t)egi_read_sleb(reader), program->data_align));
		break;
	case 0x0d: /* def_cfa_register */
		state_define_cfa(state, egi_read_uleb(reader), state->cfa_offset);
		break;
	case 0x0e: /* def_cfa_offset */
		state->cfa_offset = (int64_t)egi_read_uleb(reader);
		break;
	case 0x13: /* def_cfa_offset_sf */
		state->cfa_offset = times((uint64_t)egi_read_sleb(reader), program->data_align);
		break;
	case 0x0f: /* def_cfa_expression */
		run_cfa_expression(program);
		break;
	case 0x2e: /* GNU_args_size */
		egi_read_uleb(reader);
		break;
#if defined(__aarch64__)
	case 0x2d: /* AARCH64_negate_ra_state */
		state->ra_is_signed = !state->ra_is_signed;
		break;
#endif
	default:
		return false;
	}
	return true;
}

bool egi_cfi_run(struct egi_cfi *program, uintptr_t location, uintptr_t lookup)
{
	struct egi_reader *reader = &program->reader;
	struct egi_cfi_state remembered[REMEMBERED_MAX];
	unsigned depth = 0;

	program->lookup = lookup;
	while (reader->at < reader->end && location <= lookup) {
		unsigned char code = egi_read_byte(reader), low = code & 0x3f;

		switch (code & 0xc0) {
		case 0x40: /* advance_loc */
			location += low * program->code_align;
			continue;
		case 0x80: /* offset */
			state_save(&program->state, low, EGI_PLACE_CFA,
				   times(egi_read_uleb(reader), program->data_align));
			continue;
		case 0xc0: /* restore */
			state_restore(program, low);
			continue;
		default:
			break;
		}
		if (code >= 0x02 && code <= 0x04) { /* advance_loc1, 2, 4 */
			location += egi_read_fixed(reader, (size_t)1 << (code - 2)) * program->code_align;
		} else if (code == 0x0a) { /* remember_state */
			if (depth == REMEMBERED_MAX)
				return false;
			remembered[depth++] = program->state;
		} else if (code == 0x0b) { /* restore_state */
			if (depth == 0)
				return false;
			program->state = remembered[--depth];
		} else if (!run_place(program, code) && !run_other(program, code)) {
			return false;
		}
	}
	return !reader->has_failed;
}

/*
 * Records
 */

static size_t pointer_size(unsigned char encoding)
{
	static const unsigned char sizes[16] = {8, 0, 2, 4, 8, 0, 0, 0, 0, 0, 2, 4, 8};

	return sizes[encoding & 15];
}

bool egi_cfi_open_record(struct egi_unwind_memory memory, uintptr_t record, struct egi_reader *ret_reader)
{
	struct egi_reader reader = egi_reader_of(memory, record, 4);
	uint64_t length = egi_read_fixed(&reader, 4);

	if (reader.has_failed || length == 0 || length >= UINT32_C(0xfffffff0))
		return false;
	*ret_reader = egi_reader_of(memory, record + 4, length);
	return !ret_reader->has_failed;
}

/* Reads a CIE's augmentation, which says what its FDEs are like. Return: false for one that is not known. */
static bool program_augment(struct egi_cfi *program, uintptr_t text)
{
	struct egi_reader *reader = &program->reader, letters = *reader;
	uint64_t size;
	uintptr_t rest;

	letters.at = text;
	program->pointer_size = pointer_size(0);
	program->has_augmentation = egi_read_byte(&letters) == 'z';
	if (!program->has_augmentation)
		return *(const unsigned char *)text == '\0';
	size = egi_read_uleb(reader);
	if (size > reader->end - reader->at)
		return false;
	rest = reader->at + size;
	for (unsigned char letter; (letter = egi_read_byte(&letters)) != '\0';) {
		unsigned char encoding = letter == 'S' ? 0 : egi_read_byte(reader);

		if (letter == 'S')
			program->is_signal_frame = true;
		else if (letter == 'R')
			program->pointer_size = pointer_size(encoding);
		else if (letter == 'P' && (encoding & 0x70) != 0x50 && pointer_size(encoding) != 0)
			egi_read_past(reader, pointer_size(encoding));
		else if (letter != 'L')
			return false;
	}
	reader->at = rest;
	return program->pointer_size != 0 && !reader->has_failed;
}

bool egi_cfi_open(struct egi_cfi *program, struct egi_unwind_memory memory, uintptr_t cie)
{
	struct egi_reader *reader = &program->reader;
	unsigned char version;
	uintptr_t text;

	memset(program, 0, sizeof(*program));
	if (!egi_cfi_open_record(memory, cie, reader) || egi_read_fixed(reader, 4) != 0)
		return false;
	version = egi_read_byte(reader);
	if (version != 1 && version != 3)
		return false;
	text = reader->at;
	while (egi_read_byte(reader) != '\0')
		continue;
	program->code_align = egi_read_uleb(reader);
	program->data_align = egi_read_sleb(reader);
	if ((version == 1 ? egi_read_byte(reader) : egi_read_uleb(reader)) != EGI_REGISTER_RA ||
	    reader->has_failed)
		return false;
	if (!program_augment(program, text) || !egi_cfi_run(program, 0, 0))
		return false;
	program->initial = program->state;
	return true;
}
