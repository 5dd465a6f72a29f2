/* SPDX-License-Identifier: MIT */

/*
 * Names for backtraces through modules that are stripped, closed, replaced or damaged, and the reader of ELF files.
 *
 * Each test works on a small shared object, built in a temporary folder when the program starts. Without a C
 * compiler these tests are skipped; the compiler is $CC or cc.
 */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "trace/elf.h"
#include "trace/libdw.h"
#include "trace/symbolize.h"
#include "trace/text.h"
#include "trace/trace.h"

/*
 * AddressSanitizer asks this for its defaults. Its leak check guesses where a library loaded with dlopen has its
 * thread-local data, and crashes on a wrong guess about libdw's.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "intercept_tls_get_addr=0";
}

/* probe_inner is static and has a frame of its own; its call stands on line 6. */
static const char probe_source[] = "typedef void *call(void);\n"
				   "static __attribute__((noinline)) void *probe_inner(call *fn)\n"
				   "{\n"
				   "	void *result;\n"
				   "\n"
				   "	result = fn();\n"
				   "	__asm__ volatile(\"\" ::: \"memory\");\n"
				   "	return result;\n"
				   "}\n"
				   "void *probe_call(call *fn);\n"
				   "void *probe_call(call *fn)\n"
				   "{\n"
				   "	void *result = probe_inner(fn);\n"
				   "	__asm__ volatile(\"\" ::: \"memory\");\n"
				   "	return result;\n"
				   "}\n"
#define PROBE_LINE 6
    ;

typedef void *probe_call_fn(void *(*fn)(void));

static char folder[] = "/tmp/egi_symbolize_XXXXXX";
static bool is_built;

/* What the tests look at: the frame of probe_inner and the one below it in the same module, probe_call. */
struct seen {
	unsigned count; /* symbols of the module seen so far */
	struct {
		char function[64];
		char file[256];
		char build_id[2 * EGI_BUILD_ID_MAX + 1];
		int line;
		uint64_t offset;
	} symbols[4];
};

static const char *path_of(const char *name, char *path, size_t size)
{
	snprintf(path, size, "%s/%s", folder, name);
	return path;
}

static int run(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int run(const char *format, ...)
{
	char inner[1024], command[1200];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(inner, sizeof(inner), format, arguments);
	va_end(arguments);
	/* A sanitizer that was preloaded for this program is not for the tools. */
	snprintf(command, sizeof(command), "cd %s && unset LD_PRELOAD && { %s; } >/dev/null 2>&1", folder,
		 inner);
	return system(command);
}

static int build(void **state)
{
	const char *cc = getenv("CC") != NULL ? getenv("CC") : "cc";
	char path[256];
	FILE *source;

	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	source = fopen(path_of("probe.c", path, sizeof(path)), "w");
	if (source == NULL)
		return -1;
	fputs(probe_source, source);
	if (fclose(source) != 0)
		return -1;
	is_built = run("%s -g -O1 -fPIC -shared -Wl,--build-id=sha1 -o probe.so probe.c", cc) == 0;
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return run("rm -rf %s", folder);
}

static const void *stop;

static void *capture(void)
{
	return egi_trace_capture(0, stop);
}

/* Captures through a module: capture, probe_inner, probe_call. */
static __attribute__((noinline)) struct egi_trace *capture_through(const char *name, void **ret_handle)
{
	struct egi_trace *backtrace;
	probe_call_fn *probe_call;
	char path[256];
	void *handle = dlopen(path_of(name, path, sizeof(path)), RTLD_NOW | RTLD_LOCAL);

	assert_non_null(handle);
	*(void **)&probe_call = dlsym(handle, "probe_call");
	assert_non_null(probe_call);
	stop = __builtin_frame_address(0);
	backtrace = probe_call(capture);
	assert_non_null(backtrace);
	*ret_handle = handle;
	return backtrace;
}

struct text {
	size_t length;
	char bytes[8192];
};

static void text_add(void *arg, const char *bytes, size_t size)
{
	struct text *text = arg;

	assert_true(text->length + size < sizeof(text->bytes));
	memcpy(text->bytes + text->length, bytes, size);
	text->length += size;
}

static const char *name_of(const struct egi_module_file *module)
{
	const char *slash = module != NULL ? strrchr(module->path, '/') : NULL;

	return slash != NULL ? slash + 1 : module != NULL ? module->path : "";
}

/* The frames in the module, as they are known now: from a backtrace that says no more than the other. */
static struct seen see(const struct egi_trace *backtrace)
{
	struct egi_trace_record record = {.count = egi_trace_count(backtrace)};
	struct egi_frames frames;
	struct egi_trace *again;
	struct seen seen = {0};

	record.module_count = egi_trace_module_count(backtrace);
	for (unsigned i = 0; i < record.module_count; i++)
		record.modules[i].file = *egi_trace_module(backtrace, i);
	for (unsigned i = 0; i < record.count; i++)
		record.frames[i] = egi_trace_frame(backtrace, i);
	again = egi_trace_create(&record);
	assert_non_null(again);
	frames = egi_frames_find(again, true);
	for (size_t i = 0; i < egi_frames_count(frames); i++) {
		struct egi_frame frame = egi_frames_read(frames, i);

		if (strcmp(name_of(frame.module), "module.so") != 0)
			continue;
		assert_true(seen.count < sizeof(seen.symbols) / sizeof(seen.symbols[0]));
		snprintf(seen.symbols[seen.count].function, sizeof(seen.symbols[0].function), "%s",
			 frame.function == NULL ? "" : frame.function);
		snprintf(seen.symbols[seen.count].file, sizeof(seen.symbols[0].file), "%s",
			 frame.file == NULL ? "" : frame.file);
		egi_build_id_format(frame.module->build_id, frame.module->build_id_size,
				    seen.symbols[seen.count].build_id);
		seen.symbols[seen.count].line = (int)frame.line;
		seen.symbols[seen.count].offset = frame.offset;
		seen.count++;
	}
	egi_trace_free(again);
	return seen;
}

static struct seen symbolize(const struct egi_trace *backtrace)
{
	struct seen seen = see(backtrace);

	assert_int_equal(seen.count, 2);
	return seen;
}

static void need_module(void)
{
	if (!is_built || run("rm -f module.so && cp probe.so module.so") != 0)
		skip();
}

static void module_is_named_with_its_lines(void **state)
{
	struct egi_trace *backtrace;
	struct seen seen;
	void *handle;

	(void)state;
	need_module();
	if (!egi_libdw_load())
		skip();
	backtrace = capture_through("module.so", &handle);
	seen = symbolize(backtrace);
	assert_string_equal(seen.symbols[0].function, "probe_inner");
	assert_string_equal(seen.symbols[0].file, "probe.c");
	assert_int_equal(seen.symbols[0].line, PROBE_LINE);
	assert_string_equal(seen.symbols[1].function, "probe_call");
	assert_int_equal(strlen(seen.symbols[0].build_id), 40);
	egi_trace_free(backtrace);
	dlclose(handle);
}

static void closed_module_is_still_named(void **state)
{
	struct egi_trace *backtrace;
	struct seen seen;
	void *handle;

	(void)state;
	need_module();
	backtrace = capture_through("module.so", &handle);
	dlclose(handle);
	seen = symbolize(backtrace);
	assert_string_equal(seen.symbols[0].function, "probe_inner");
	assert_string_equal(seen.symbols[1].function, "probe_call");
	egi_trace_free(backtrace);
}

static void symbol_table_names_static_functions(void **state)
{
	struct egi_trace *backtrace;
	struct seen seen;
	void *handle;

	(void)state;
	need_module();
	backtrace = capture_through("module.so", &handle);
	egi_symbolize_use_debuginfo(false);
	seen = symbolize(backtrace);
	egi_symbolize_use_debuginfo(true);
	assert_string_equal(seen.symbols[0].function, "probe_inner");
	assert_string_equal(seen.symbols[0].file, "");
	assert_string_equal(seen.symbols[1].function, "probe_call");
	egi_trace_free(backtrace);
	dlclose(handle);
}

static void stripped_module_resolves_with_its_unstripped_file(void **state)
{
	struct egi_trace *backtrace;
	char command[512], answer[512];
	struct seen seen;
	size_t length;
	void *handle;
	FILE *tool;

	(void)state;
	need_module();
	if (run("strip --strip-all module.so") != 0 || run("command -v eu-addr2line") != 0)
		skip();
	backtrace = capture_through("module.so", &handle);
	seen = symbolize(backtrace);
	assert_string_equal(seen.symbols[0].function, "");
	assert_string_equal(seen.symbols[0].file, "");
	assert_string_equal(seen.symbols[1].function, "probe_call"); /* exported, so .dynsym still has it */
	assert_int_equal(strlen(seen.symbols[0].build_id), 40);

	snprintf(command, sizeof(command), "unset LD_PRELOAD; eu-addr2line -f -e %s/probe.so 0x%llx", folder,
		 (unsigned long long)seen.symbols[0].offset);
	tool = popen(command, "r");
	assert_non_null(tool);
	length = fread(answer, 1, sizeof(answer) - 1, tool);
	answer[length] = '\0';
	assert_int_equal(pclose(tool), 0);
	assert_non_null(strstr(answer, "probe_inner\n"));
	assert_non_null(strstr(answer, "probe.c:6"));
	egi_trace_free(backtrace);
	dlclose(handle);
}

static void replaced_file_gives_no_names(void **state)
{
	const char *cc = getenv("CC") != NULL ? getenv("CC") : "cc";
	struct egi_trace *backtrace;
	char build_id[2 * EGI_BUILD_ID_MAX + 1];
	struct seen seen;
	void *handle;

	(void)state;
	need_module();
	backtrace = capture_through("module.so", &handle);
	seen = symbolize(backtrace);
	strcpy(build_id, seen.symbols[0].build_id);
	assert_int_equal(
	    run("rm module.so && %s -g -O0 -fPIC -shared -Wl,--build-id=sha1 -o module.so probe.c", cc), 0);
	seen = symbolize(backtrace);
	assert_string_equal(seen.symbols[0].function, "");
	assert_string_equal(seen.symbols[1].function, "");
	assert_string_equal(seen.symbols[0].build_id, build_id);
	assert_true(seen.symbols[0].offset > 0);

	assert_int_equal(run("rm module.so"), 0);
	seen = symbolize(backtrace);
	assert_string_equal(seen.symbols[0].function, "");
	assert_string_equal(seen.symbols[0].build_id, build_id);
	egi_trace_free(backtrace);
	dlclose(handle);
}

/* Without a build id, the two files are told apart by how long their parts are. */
static void replaced_file_without_a_build_id_gives_no_names(void **state)
{
	const char *cc = getenv("CC") != NULL ? getenv("CC") : "cc";
	struct egi_trace *backtrace;
	struct seen seen;
	void *handle;

	(void)state;
	need_module();
	if (run("%s -g -O1 -fPIC -shared -Wl,--build-id=none -o module.so probe.c", cc) != 0)
		skip();
	backtrace = capture_through("module.so", &handle);
	dlclose(handle);
	seen = symbolize(backtrace);
	assert_string_equal(seen.symbols[0].build_id, "");
	assert_string_equal(seen.symbols[0].function, "probe_inner");
	assert_int_equal(
	    run("rm module.so && %s -g -O0 -fPIC -shared -Wl,--build-id=none -o module.so probe.c", cc), 0);
	seen = symbolize(backtrace);
	assert_string_equal(seen.symbols[0].function, "");
	assert_string_equal(seen.symbols[1].function, "");
	assert_true(seen.symbols[0].offset > 0);
	egi_trace_free(backtrace);
}

/* What the kernel maps has a name without a folder, and must not be taken for a file of that name. */
static void module_that_is_no_file_is_not_looked_for(void **state)
{
	struct egi_trace_record record = {.count = 1, .module_count = 1};
	struct egi_trace *backtrace, *renamed;
	struct seen seen;
	void *handle;
	char *before;

	(void)state;
	need_module();
	backtrace = capture_through("module.so", &handle);
	record.frames[0] = (struct egi_trace_frame){0, symbolize(backtrace).symbols[0].offset};
	for (unsigned i = 0; i < egi_trace_module_count(backtrace); i++)
		if (strcmp(name_of(egi_trace_module(backtrace, i)), "module.so") == 0)
			record.modules[0].file = *egi_trace_module(backtrace, i);
	record.modules[0].file.path = "module.so";
	before = getcwd(NULL, 0);
	assert_non_null(before);
	assert_int_equal(chdir(folder), 0);
	renamed = egi_trace_create(&record);
	seen = see(renamed);
	egi_trace_free(renamed);
	assert_int_equal(chdir(before), 0);
	assert_int_equal(seen.count, 1);
	assert_string_equal(seen.symbols[0].function, "");
	free(before);
	egi_trace_free(backtrace);
	dlclose(handle);
}

static void vdso_is_a_module_of_its_own(void **state)
{
	struct egi_trace_record record = {.count = 1, .module_count = 1};
	uintptr_t start = getauxval(AT_SYSINFO_EHDR);
	struct egi_trace *backtrace;
	struct text text = {0};

	(void)state;
	if (start == 0 || !egi_module_find(start, &record.modules[0]))
		skip();
	backtrace = egi_trace_create(&record);
	assert_non_null(backtrace);
	egi_frames_format(egi_frames_find(backtrace, false), sizeof(text.bytes), text_add, &text);
	assert_ptr_equal(strstr(text.bytes, "??\n\tlinux-"), text.bytes);
	egi_trace_free(backtrace);
}

/*
 * In a stripped file a function without a name may come after an exported label of assembly code: it is not
 * the label's.
 */
static void label_reaches_no_further_than_the_next_function(void **state)
{
	static const struct {
		uint64_t offset; /* from `label` */
		const char *name;
	} cases[] = {{0, "label"}, {3, "label"}, {4, "sized"}, {7, "sized"}, {8, ""}, {15, ""}, {16, "last"}};
	const char *cc = getenv("CC") != NULL ? getenv("CC") : "cc";
	struct egi_elf_file file;
	char path[256], *label;
	Dl_info info;
	void *handle;
	FILE *source;

	(void)state;
	need_module();
	source = fopen(path_of("label.s", path, sizeof(path)), "w");
	assert_non_null(source);
	fputs(".text\n.p2align 4\n.skip 16\n.globl label\nlabel: .skip 4\n"
	      ".globl sized\n.type sized, %function\nsized: .skip 4\n.size sized, 4\n"
	      "hidden: .skip 8\n.globl last\nlast: .skip 8\n.section .note.GNU-stack\n",
	      source);
	fclose(source);
	if (run("%s -shared -nostdlib -o label.so label.s && strip label.so", cc) != 0)
		skip();
	handle = dlopen(path_of("label.so", path, sizeof(path)), RTLD_NOW | RTLD_LOCAL);
	assert_non_null(handle);
	label = dlsym(handle, "label");
	assert_non_null(label);
	assert_int_not_equal(dladdr(label, &info), 0);
	assert_int_equal(egi_elf_file_open(path, &file), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint64_t address = (uint64_t)(label - (char *)info.dli_fbase) + cases[i].offset;
		char name[64] = "";

		egi_elf_file_find_function(&file, address, name, sizeof(name));
		assert_string_equal(name, cases[i].name);
	}
	egi_elf_file_close(&file);
	dlclose(handle);
}

/*
 * Damage
 */

static unsigned char *file_load(const char *name, size_t *ret_size)
{
	unsigned char *bytes;
	char path[256];
	FILE *file = fopen(path_of(name, path, sizeof(path)), "rb");
	struct stat status;

	assert_non_null(file);
	assert_int_equal(fstat(fileno(file), &status), 0);
	*ret_size = (size_t)status.st_size;
	bytes = malloc(*ret_size);
	assert_non_null(bytes);
	assert_int_equal(fread(bytes, 1, *ret_size, file), *ret_size);
	fclose(file);
	return bytes;
}

/* Opens a file again for each damage done to it in place, and asks all there is to ask. Return: could it be read? */
static bool file_ask(const char *path, uint64_t address)
{
	struct egi_build_id id;
	struct egi_elf_file file;
	char name[64];

	if (egi_elf_file_open(path, &file) != 0)
		return false;
	egi_elf_file_build_id(&file, &id);
	egi_elf_file_is_print(&file, 1);
	egi_elf_file_find_function(&file, address, name, sizeof(name));
	egi_elf_file_close(&file);
	return true;
}

static void truncated_files_are_refused(void **state)
{
	struct egi_trace *backtrace;
	char path[256];
	struct seen seen;
	size_t size;
	void *handle;

	(void)state;
	need_module();
	free(file_load("module.so", &size));
	backtrace = capture_through("module.so", &handle);
	seen = symbolize(backtrace);
	dlclose(handle);

	/* The section headers come last: no truncated file is whole. */
	path_of("module.so", path, sizeof(path));
	for (size_t left = size - 1; left > 0; left -= left > 97 ? 97 : 1) {
		assert_int_equal(truncate(path, (off_t)left), 0);
		assert_false(file_ask(path, seen.symbols[0].offset));
	}
	seen = symbolize(backtrace);
	assert_string_equal(seen.symbols[0].function, "");
	egi_trace_free(backtrace);
}

static void file_that_shrinks_while_open_gives_no_name(void **state)
{
	struct egi_trace *backtrace;
	struct egi_build_id id = {0};
	struct egi_elf_file file;
	char path[256], name[64] = "untouched";
	struct seen seen;
	void *handle;

	(void)state;
	need_module();
	backtrace = capture_through("module.so", &handle);
	seen = symbolize(backtrace);
	dlclose(handle);
	assert_int_equal(egi_elf_file_open(path_of("module.so", path, sizeof(path)), &file), 0);
	assert_true(egi_elf_file_find_function(&file, seen.symbols[0].offset, name, sizeof(name)));
	assert_string_equal(name, "probe_inner");
	strcpy(name, "untouched");
	assert_int_equal(truncate(path, 64), 0);
	assert_false(egi_elf_file_build_id(&file, &id));
	assert_false(egi_elf_file_find_function(&file, seen.symbols[0].offset, name, sizeof(name)));
	assert_string_equal(name, "untouched");
	egi_elf_file_close(&file);
	egi_trace_free(backtrace);
}

static void damaged_tables_are_read_safely(void **state)
{
	static const unsigned char values[] = {0x00, 0x7f, 0xff};
	struct egi_trace *backtrace;
	unsigned char *bytes;
	ElfW(Ehdr) header;
	uint64_t table;
	char path[256];
	struct seen seen;
	size_t size;
	void *handle;
	int fd;

	(void)state;
	need_module();
	backtrace = capture_through("module.so", &handle);
	seen = symbolize(backtrace);
	dlclose(handle);
	egi_trace_free(backtrace);
	bytes = file_load("module.so", &size);
	fd = open(path_of("module.so", path, sizeof(path)), O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);

	/* Every byte of the header, of the segments after it, and of the section headers at the end, one by one. */
	memcpy(&header, bytes, sizeof(header));
	table = header.e_shoff;
	for (size_t at = 0; at < size; at++) {
		if (at == 1024 && table > 1024)
			at = (size_t)table; /* from here on: the section headers */
		for (size_t v = 0; v < sizeof(values); v++) {
			assert_int_equal(pwrite(fd, &values[v], 1, (off_t)at), 1);
			file_ask(path, seen.symbols[0].offset);
		}
		assert_int_equal(pwrite(fd, &bytes[at], 1, (off_t)at), 1);
	}
	assert_true(file_ask(path, seen.symbols[0].offset));
	close(fd);
	free(bytes);
}

/* A sequence that is the same in each run. */
static uint32_t random_next(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

static void files_damaged_at_random_are_read_safely(void **state)
{
	static const uint64_t values[] = {0,      1,          7,          0x7f,      0xff,
					  0xffff, 0x7fffffff, UINT32_MAX, INT64_MAX, UINT64_MAX};
	uint32_t random = 2463534242;
	unsigned char *bytes;
	ElfW(Ehdr) header;
	char path[256];
	size_t size;
	int fd;

	(void)state;
	need_module();
	bytes = file_load("module.so", &size);
	memcpy(&header, bytes, sizeof(header));
	fd = open(path_of("module.so", path, sizeof(path)), O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	for (int round = 0; round < 3000; round++) {
		for (uint32_t n = 1 + random_next(&random) % 6; n > 0; n--) {
			const size_t starts[] = {0, sizeof(header), header.e_shoff, 0};
			const size_t sizes[] = {sizeof(header), 1024, size - header.e_shoff, size};
			uint32_t part = random_next(&random) % 4, width = 1u << random_next(&random) % 4;
			size_t at = starts[part] + random_next(&random) % sizes[part];
			uint64_t value = values[random_next(&random) % (sizeof(values) / sizeof(values[0]))];

			at -= at % width;
			if (random_next(&random) % 3 == 0)
				value = random_next(&random) % (size * 2);
			if (at + width <= size)
				assert_int_equal(pwrite(fd, &value, width, (off_t)at), width);
		}
		file_ask(path, random_next(&random) % size);
		assert_int_equal(pwrite(fd, bytes, size, 0), size);
	}
	assert_true(file_ask(path, 0));
	close(fd);
	free(bytes);
}

static void other_files_are_refused(void **state)
{
	struct egi_elf_file file;
	char path[256];

	(void)state;
	assert_int_equal(egi_elf_file_open(folder, &file), -ENOEXEC);
	assert_int_equal(egi_elf_file_open("", &file), -ENOENT);
	assert_int_equal(egi_elf_file_open(path_of("probe.c", path, sizeof(path)), &file), -ENOEXEC);
	assert_int_equal(mkfifo(path_of("fifo", path, sizeof(path)), 0600), 0);
	assert_int_equal(egi_elf_file_open(path, &file), -ENOEXEC);
}

static void build_id_notes_with_impossible_sizes_are_refused(void **state)
{
	unsigned char notes[64] = {0};
	uint32_t *words = (uint32_t *)(void *)notes;
	size_t size = 0;

	(void)state;
	words[0] = 4; /* name size, content size, type: a build id */
	words[1] = 20;
	words[2] = 3;
	memcpy(notes + 12, "GNU", 4);
	assert_ptr_equal(egi_build_id_find(notes, 36, 4, &size), notes + 16);
	assert_int_equal(size, 20);
	assert_null(egi_build_id_find(notes, 35, 4, &size));
	assert_null(egi_build_id_find(notes, 11, 4, &size));
	assert_null(egi_build_id_find(notes, 0, 4, &size));
	words[1] = UINT32_MAX;
	assert_null(egi_build_id_find(notes, sizeof(notes), 4, &size));
	words[1] = 0;
	assert_null(egi_build_id_find(notes, sizeof(notes), 8, &size));
	words[0] = UINT32_MAX;
	assert_null(egi_build_id_find(notes, sizeof(notes), 8, &size));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(module_is_named_with_its_lines),
	    cmocka_unit_test(closed_module_is_still_named),
	    cmocka_unit_test(symbol_table_names_static_functions),
	    cmocka_unit_test(stripped_module_resolves_with_its_unstripped_file),
	    cmocka_unit_test(replaced_file_gives_no_names),
	    cmocka_unit_test(replaced_file_without_a_build_id_gives_no_names),
	    cmocka_unit_test(module_that_is_no_file_is_not_looked_for),
	    cmocka_unit_test(vdso_is_a_module_of_its_own),
	    cmocka_unit_test(label_reaches_no_further_than_the_next_function),
	    cmocka_unit_test(truncated_files_are_refused),
	    cmocka_unit_test(file_that_shrinks_while_open_gives_no_name),
	    cmocka_unit_test(damaged_tables_are_read_safely),
	    cmocka_unit_test(files_damaged_at_random_are_read_safely),
	    cmocka_unit_test(other_files_are_refused),
	    cmocka_unit_test(build_id_notes_with_impossible_sizes_are_refused),
	};

	egi_module_prime();
	return cmocka_run_group_tests(tests, build, remove_folder);
}
