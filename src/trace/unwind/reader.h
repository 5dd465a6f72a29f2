/* SPDX-License-Identifier: MIT */
#ifndef EGI_UNWIND_READER_H
#define EGI_UNWIND_READER_H

/*
 * Reading the numbers of unwind tables, within bounds.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A run of memory that may be read. */
struct egi_unwind_memory {
	uintptr_t start, end;
};

/* A read beyond the end gives zeros, and is remembered. */
struct egi_reader {
	uintptr_t at, end;
	bool has_failed;
};

static inline struct egi_reader egi_reader_of(struct egi_unwind_memory memory, uintptr_t from, uint64_t size)
{
	struct egi_reader reader = {from, from, true};

	if (from >= memory.start && from <= memory.end && size <= memory.end - from) {
		reader.end = from + size;
		reader.has_failed = false;
	}
	return reader;
}

static inline uint64_t egi_read_fixed(struct egi_reader *reader, size_t size)
{
	uint64_t value = 0;

	if (reader->end - reader->at < size) {
		reader->has_failed = true;
		reader->at = reader->end;
		return 0;
	}
	memcpy(&value, (const void *)reader->at, size); /* little-endian, as the machines above are */
	reader->at += size;
	return value;
}

static inline unsigned char egi_read_byte(struct egi_reader *reader)
{
	return (unsigned char)egi_read_fixed(reader, 1);
}

/* A number in pieces of seven bits, lowest first. ret_sign: what its bits are continued with if it has a sign. */
static inline uint64_t egi_read_leb(struct egi_reader *reader, uint64_t *ret_sign)
{
	uint64_t value = 0;
	unsigned shift = 0;
	unsigned char byte;

	do {
		byte = egi_read_byte(reader);
		if (shift < 64)
			value |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while ((byte & 0x80) != 0);
	*ret_sign = shift < 64 && (byte & 0x40) != 0 ? ~(uint64_t)0 << shift : 0;
	return value;
}

static inline uint64_t egi_read_uleb(struct egi_reader *reader)
{
	uint64_t sign;

	return egi_read_leb(reader, &sign);
}

static inline int64_t egi_read_sleb(struct egi_reader *reader)
{
	uint64_t sign, value = egi_read_leb(reader, &sign);

	return (int64_t)(value | sign);
}

static inline void egi_read_past(struct egi_reader *reader, uint64_t size)
{
	if (size > reader->end - reader->at) {
		reader->has_failed = true;
		size = reader->end - reader->at;
	}
	reader->at += size;
}

#endif
