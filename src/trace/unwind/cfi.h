/* SPDX-License-Identifier: MIT */
#ifndef EGI_UNWIND_CFI_H
#define EGI_UNWIND_CFI_H

/*
 * The small programs that unwind tables are: running one up to an address gives what it says of that place.
 *
 * The format is that of the Linux Standard Base's .eh_frame, with the instructions of DWARF 4 and GNU's
 * additions. Of all registers three are followed: the frame pointer, the stack pointer and the return
 * address.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/unwind/reader.h"

/* The numbers that tables give to registers. */
#if defined(__x86_64__)
#define EGI_REGISTER_FP 6
#define EGI_REGISTER_SP 7
#define EGI_REGISTER_RA 16 /* of the tables alone: the machine has none */
#define EGI_RA_HAS_REGISTER 0
#else
#define EGI_REGISTER_FP 29
#define EGI_REGISTER_SP 31
#define EGI_REGISTER_RA 30
#define EGI_RA_HAS_REGISTER 1
#endif

enum egi_place_kind {
	EGI_PLACE_SAME,      /* not touched */
	EGI_PLACE_UNDEFINED, /* lost */
	EGI_PLACE_CFA,       /* at CFA + offset */
	EGI_PLACE_FP,        /* at frame pointer + offset */
	EGI_PLACE_SP,        /* at stack pointer + offset */
	EGI_PLACE_OTHER
};

struct egi_place {
	enum egi_place_kind kind;
	int64_t offset;
};

enum egi_cfa_kind {
	EGI_CFA_OTHER,
	EGI_CFA_REGISTER,   /* cfa_register + cfa_offset */
	EGI_CFA_WORD,       /* the word there */
	EGI_CFA_BEYOND_WORD /* the word there, and a word more */
};

struct egi_cfi_state {
	enum egi_cfa_kind cfa;
	uint64_t cfa_register;
	int64_t cfa_offset;
	struct egi_place fp, sp, ra;
	bool ra_is_signed;
};

struct egi_cfi {
	struct egi_reader reader;
	uint64_t code_align;
	int64_t data_align;
	bool has_augmentation;
	bool is_signal_frame;
	size_t pointer_size; /* of the addresses in FDEs */
	uintptr_t lookup;    /* the place that is asked for */
	struct egi_cfi_state state;
	struct egi_cfi_state initial; /* after the CIE's instructions; what `restore` goes back to */
};

/*
 * Opens a CIE's or an FDE's bytes, after the length. Return: false when it has none, or lies out of bounds.
 */
bool egi_cfi_open_record(struct egi_unwind_memory memory, uintptr_t record, struct egi_reader *ret_reader);

/* Opens a CIE and runs its instructions. Return: false for what is not known here. */
bool egi_cfi_open(struct egi_cfi *program, struct egi_unwind_memory memory, uintptr_t cie);

/*
 * Runs the instructions at the program's reader, up to those for `lookup`, in a function that begins at
 * `location`.
 * Return: false for one that is not known here.
 */
bool egi_cfi_run(struct egi_cfi *program, uintptr_t location, uintptr_t lookup);

#endif
