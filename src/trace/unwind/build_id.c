/* SPDX-License-Identifier: MIT */
/*
 * Build ids: see build_id.h.
 *
 * A note is a head of three words (the sizes of name and content, and a type), the name and the content, both padded. The
 * build id is the content of the note "GNU" of type 3, and of the many that a file may have the first counts.
 */
#include "trace/unwind/build_id.h"

#include <elf.h>
#include <link.h>
#include <string.h>

const unsigned char *egi_build_id_find(const unsigned char *notes, size_t notes_size, uint64_t align,
				       size_t *ret_size)
{
	uint64_t mask = align == 8 ? 7 : 3;
	uint64_t at = 0;

	while (notes_size >= sizeof(ElfW(Nhdr)) && at <= notes_size - sizeof(ElfW(Nhdr))) {
		ElfW(Nhdr) note;
		uint64_t name, content;

		memcpy(&note, notes + at, sizeof(note));
		/* The sizes have 32 bits each: the sums below cannot overflow. */
		name = at + sizeof(note);
		content = (name + note.n_namesz + mask) & ~mask;
		if (content + note.n_descsz > notes_size)
			return NULL;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == sizeof(ELF_NOTE_GNU) &&
		    memcmp(notes + name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) == 0) {
			if (note.n_descsz == 0 || note.n_descsz > EGI_BUILD_ID_MAX)
				return NULL;
			*ret_size = note.n_descsz;
			return notes + content;
		}
		at = (content + note.n_descsz + mask) & ~mask;
	}
	return NULL;
}

void egi_build_id_format(const unsigned char *id, size_t size, char *ret_text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < size; i++) {
		*ret_text++ = digits[id[i] >> 4];
		*ret_text++ = digits[id[i] & 15];
	}
	*ret_text = '\0';
}

uint64_t egi_fingerprint(const void *header, const void *segments, size_t segments_size)
{
	const unsigned char *parts[] = {header, segments};
	const size_t sizes[] = {sizeof(ElfW(Ehdr)), segments_size};
	uint64_t hash = 1;

	for (size_t p = 0; p < 2; p++) {
		for (size_t i = 0; i + sizeof(uint64_t) <= sizes[p]; i += sizeof(uint64_t)) {
			uint64_t word;

			memcpy(&word, parts[p] + i, sizeof(word));
			hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
			hash ^= hash >> 29;
		}
	}
	return hash | 1;
}
