/* SPDX-License-Identifier: MIT */
#ifndef EGI_TRACE_ELF_H
#define EGI_TRACE_ELF_H

/*
 * A small, distrustful reader of ELF files: the build id, and the function that contains an address.
 *
 * It serves backtraces where libdw is missing or finds nothing. It reads .symtab and .dynsym, which, unlike
 * dladdr, know static functions as well. The file may be truncated, corrupt, hostile, or change while it is
 * read: every offset is checked, and data is read with pread, never mapped, since a file that shrinks under a
 * mapping kills the process with SIGBUS. Only files of the machine's own word size and byte order are read.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/unwind/build_id.h"

struct egi_elf_file {
	int fd;
	uint64_t size;
	uint64_t section_offset;
	uint64_t section_count;
	uint64_t segment_offset;
	uint64_t segment_count;
};

struct egi_build_id {
	size_t size; /* 0: none */
	unsigned char bytes[EGI_BUILD_ID_MAX];
};

/*
 * Opens a module for reading. Return: 0; -errno when it cannot be opened; -ENOEXEC when it is not an ELF file
 * of this machine's kind or its tables do not lie within it. Takes no memory.
 */
int egi_elf_file_open(const char *path, struct egi_elf_file *ret_file);
void egi_elf_file_close(struct egi_elf_file *file);

/* Reads the build id. Return: false, with ret_id untouched, when the file has none. */
bool egi_elf_file_build_id(const struct egi_elf_file *file, struct egi_build_id *ret_id);

/* Whether the fingerprint is the file's. */
bool egi_elf_file_is_print(const struct egi_elf_file *file, uint64_t fingerprint);

/*
 * Finds the function that contains an address, as a virtual address of the file (what a loaded module's
 * address is after the load base was taken off). The name is cut to fit. Return: false, with ret_name
 * untouched, when no function is known.
 */
bool egi_elf_file_find_function(const struct egi_elf_file *file, uint64_t address, char *ret_name,
				size_t size);

#endif
