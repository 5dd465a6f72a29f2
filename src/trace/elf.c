/* SPDX-License-Identifier: MIT */

/*
 * ELF files: see elf.h.
 *
 * Offsets and counts of the file are used only after range_is_within has said that they lie inside it, and
 * file_read refuses what the file no longer has, so the worst that a bad file can do is to name a wrong
 * function.
 */

#include "trace/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOTES_BYTES_MAX 4096
#define SYMBOLS_CHUNK 256 /* read at a time: 6 KiB of stack */

#if __ELF_NATIVE_CLASS == 64
#define CLASS_NATIVE ELFCLASS64
#else
#define CLASS_NATIVE ELFCLASS32
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define DATA_NATIVE ELFDATA2LSB
#else
#define DATA_NATIVE ELFDATA2MSB
#endif

static bool range_is_within(uint64_t offset, uint64_t count, uint64_t each, uint64_t size)
{
	if (offset > size)
		return false;
	return count <= (size - offset) / each;
}

static bool file_read(const struct egi_elf_file *file, uint64_t offset, void *ret_bytes, size_t size)
{
	unsigned char *bytes = ret_bytes;

	if (!range_is_within(offset, size, 1, file->size))
		return false;
	while (size > 0) {
		ssize_t got = pread(file->fd, bytes, size, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		bytes += got;
		offset += (uint64_t)got;
		size -= (size_t)got;
	}
	return true;
}

/* Takes the places of the two tables from the header, with the counts that do not fit there from section 0. */
static bool file_read_header(struct egi_elf_file *file)
{
	ElfW(Ehdr) header;
	ElfW(Shdr) first;

	if (!file_read(file, 0, &header, sizeof(header)))
		return false;
	if (memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != CLASS_NATIVE ||
	    header.e_ident[EI_DATA] != DATA_NATIVE || header.e_ident[EI_VERSION] != EV_CURRENT)
		return false;

	if (header.e_shoff != 0 && header.e_shentsize == sizeof(ElfW(Shdr))) {
		file->section_offset = header.e_shoff;
		file->section_count = header.e_shnum;
		if (file->section_count == 0) {
			if (!file_read(file, header.e_shoff, &first, sizeof(first)))
				return false;
			file->section_count = first.sh_size;
		}
	}
	if (header.e_phoff != 0 && header.e_phentsize == sizeof(ElfW(Phdr)) && header.e_phnum != PN_XNUM) {
		file->segment_offset = header.e_phoff;
		file->segment_count = header.e_phnum;
	}
	return range_is_within(file->section_offset, file->section_count, sizeof(ElfW(Shdr)), file->size) &&
	       range_is_within(file->segment_offset, file->segment_count, sizeof(ElfW(Phdr)), file->size);
}

int egi_elf_file_open(const char *path, struct egi_elf_file *ret_file)
{
	struct egi_elf_file file = {.fd = -1};
	struct stat status;
	int result = -ENOEXEC;

	/* O_NONBLOCK: a FIFO that took the module's place must not block, and is refused below. */
	file.fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (file.fd < 0)
		return -errno;
	if (fstat(file.fd, &status) != 0)
		result = -errno;
	else if (S_ISREG(status.st_mode)) {
		file.size = (uint64_t)status.st_size;
		if (file_read_header(&file)) {
			*ret_file = file;
			return 0;
		}
	}
	close(file.fd);
	return result;
}

void egi_elf_file_close(struct egi_elf_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

bool egi_elf_file_build_id(const struct egi_elf_file *file, struct egi_build_id *ret_id)
{
	for (uint64_t i = 0; i < file->segment_count; i++) {
		unsigned char notes[NOTES_BYTES_MAX];
		const unsigned char *id;
		ElfW(Phdr) segment;
		size_t size, id_size;

		if (!file_read(file, file->segment_offset + i * sizeof(segment), &segment, sizeof(segment)))
			return false;
		if (segment.p_type != PT_NOTE)
			continue;
		size = segment.p_filesz < sizeof(notes) ? (size_t)segment.p_filesz : sizeof(notes);
		if (!file_read(file, segment.p_offset, notes, size))
			continue;
		id = egi_build_id_find(notes, size, segment.p_align, &id_size);
		if (id != NULL) {
			ret_id->size = id_size;
			memcpy(ret_id->bytes, id, id_size);
			return true;
		}
	}
	return false;
}

bool egi_elf_file_is_print(const struct egi_elf_file *file, uint64_t fingerprint)
{
	ElfW(Phdr) segments[EGI_FINGERPRINT_SEGMENTS_MAX];
	ElfW(Ehdr) header;
	size_t size = (size_t)file->segment_count * sizeof(segments[0]);

	return file->segment_count <= EGI_FINGERPRINT_SEGMENTS_MAX &&
	       file_read(file, 0, &header, sizeof(header)) &&
	       file_read(file, file->segment_offset, segments, size) &&
	       egi_fingerprint(&header, segments, size) == fingerprint;
}

static bool file_read_section(const struct egi_elf_file *file, uint64_t index, ElfW(Shdr) * ret_section)
{
	if (index >= file->section_count)
		return false;
	return file_read(file, file->section_offset + index * sizeof(*ret_section), ret_section,
			 sizeof(*ret_section));
}

/*
 * The best match so far. A function whose extent is known to hold the address beats every label without one.
 * A label without an extent reaches to the next function at most: where that ends before the address, whose
 * code it is is not known. In a stripped file that is most of it.
 */
struct symbol_match {
	bool found;
	bool sized;
	bool global;
	uint64_t value;
	uint64_t name;
	uint64_t passed; /* where the last function begins that ends before the address */
};

static void symbol_match_offer(struct symbol_match *match, const ElfW(Sym) * symbol, uint64_t address,
			       const ElfW(Shdr) * code)
{
	unsigned type = ELF64_ST_TYPE(symbol->st_info);
	bool global = ELF64_ST_BIND(symbol->st_info) != STB_LOCAL;
	bool sized = symbol->st_size != 0;
	bool better;

	if (symbol->st_shndx == SHN_UNDEF || symbol->st_name == 0 || symbol->st_value > address)
		return;
	if (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE)
		return;
	if (sized && address - symbol->st_value >= symbol->st_size) {
		if (symbol->st_value > match->passed)
			match->passed = symbol->st_value;
		return;
	}
	if (!sized && symbol->st_value < code->sh_addr)
		return;

	if (!match->found || sized != match->sized)
		better = !match->found || sized;
	else if (symbol->st_value != match->value)
		better = symbol->st_value > match->value;
	else
		better = global && !match->global;
	if (better)
		*match = (struct symbol_match){true,         sized, global, symbol->st_value, symbol->st_name,
					       match->passed};
}

/* Finds the section of code that holds the address: a label without a size counts only within it. */
static bool file_find_code(const struct egi_elf_file *file, uint64_t address, ElfW(Shdr) * ret_code)
{
	for (uint64_t i = 0; i < file->section_count; i++) {
		ElfW(Shdr) section;

		if (!file_read_section(file, i, &section))
			return false;
		if ((section.sh_flags & SHF_ALLOC) != 0 && (section.sh_flags & SHF_EXECINSTR) != 0 &&
		    address >= section.sh_addr && address - section.sh_addr < section.sh_size) {
			*ret_code = section;
			return true;
		}
	}
	return false;
}

static bool file_match_symbols(const struct egi_elf_file *file, const ElfW(Shdr) * table, uint64_t address,
			       const ElfW(Shdr) * code, struct symbol_match *ret_match)
{
	uint64_t count = table->sh_size / sizeof(ElfW(Sym));
	struct symbol_match match = {false};

	if (table->sh_entsize != sizeof(ElfW(Sym)) ||
	    !range_is_within(table->sh_offset, count, sizeof(ElfW(Sym)), file->size))
		return false;
	for (uint64_t first = 0; first < count; first += SYMBOLS_CHUNK) {
		ElfW(Sym) symbols[SYMBOLS_CHUNK];
		size_t n = count - first < SYMBOLS_CHUNK ? (size_t)(count - first) : SYMBOLS_CHUNK;

		if (!file_read(file, table->sh_offset + first * sizeof(symbols[0]), symbols,
			       n * sizeof(symbols[0])))
			return false;
		for (size_t i = 0; i < n; i++)
			symbol_match_offer(&match, &symbols[i], address, code);
	}
	if (!match.found || (!match.sized && match.value <= match.passed))
		return false;
	*ret_match = match;
	return true;
}

static bool file_read_name(const struct egi_elf_file *file, const ElfW(Shdr) * strings, uint64_t name,
			   char *ret_name, size_t size)
{
	char text[512];
	uint64_t available;
	size_t length;

	if (strings->sh_type != SHT_STRTAB || name >= strings->sh_size ||
	    !range_is_within(strings->sh_offset, strings->sh_size, 1, file->size))
		return false;
	available = strings->sh_size - name;
	length = available < sizeof(text) ? (size_t)available : sizeof(text);
	if (!file_read(file, strings->sh_offset + name, text, length))
		return false;
	length = strnlen(text, length);
	if (length == available) /* the table ends before the name does */
		return false;
	if (length == 0)
		return false;
	if (length >= size)
		length = size - 1;
	memcpy(ret_name, text, length);
	ret_name[length] = '\0';
	return true;
}

bool egi_elf_file_find_function(const struct egi_elf_file *file, uint64_t address, char *ret_name,
				size_t size)
{
	/* .symtab first: it holds all that .dynsym does and the static functions. */
	static const uint32_t table_types[] = {SHT_SYMTAB, SHT_DYNSYM};
	ElfW(Shdr) code;

	if (size == 0 || !file_find_code(file, address, &code))
		return false;
	for (size_t t = 0; t < sizeof(table_types) / sizeof(table_types[0]); t++) {
		for (uint64_t i = 0; i < file->section_count; i++) {
			ElfW(Shdr) table, strings;
			struct symbol_match match;

			if (!file_read_section(file, i, &table))
				return false;
			if (table.sh_type != table_types[t])
				continue;
			if (file_match_symbols(file, &table, address, &code, &match) &&
			    file_read_section(file, table.sh_link, &strings) &&
			    file_read_name(file, &strings, match.name, ret_name, size))
				return true;
			break; /* files have one of each; a broken one with many would take for ever */
		}
	}
	return false;
}
