/* SPDX-License-Identifier: MIT */
#ifndef EGI_UNWIND_BUILD_ID_H
#define EGI_UNWIND_BUILD_ID_H

/*
 * What tells whether a file is the one that a module was loaded from: the build id that linkers put into ELF notes, or
 * where there is none, a fingerprint. The bytes may be a module's or a file's; they are read within their bounds,
 * whatever is in them. Takes no memory and no lock.
 */

#include <stddef.h>
#include <stdint.h>

#define EGI_BUILD_ID_MAX 64 /* bytes; a longer id is taken as none (20 is usual, 16 and 8 occur) */

/*
 * Finds the build id in a run of ELF notes.
 *
 * @align  the segment's alignment: notes are padded to 8 bytes in segments aligned to 8, to 4 in all others
 *
 * Return: a pointer into `notes` and the size, or NULL.
 */
const unsigned char *egi_build_id_find(const unsigned char *notes, size_t notes_size, uint64_t align,
				       size_t *ret_size);

/* Writes an id, or its beginning, in hexadecimal, with a NUL: in 2 * size + 1 characters. */
void egi_build_id_format(const unsigned char *id, size_t size, char *ret_text);

/*
 * Something like a build id for files without one: a hash of the ELF header and the segments, which say how
 * long everything is and where it lies. Of a file with more segments than the number below none is made.
 */
#define EGI_FINGERPRINT_SEGMENTS_MAX 32
uint64_t egi_fingerprint(const void *header, const void *segments, size_t segments_size);

#endif
