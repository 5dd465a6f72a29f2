/* SPDX-License-Identifier: MIT */

/*
 * Symbolizing a backtrace.
 *
 * Each call has a lookup: the modules of this one backtrace, each opened when its first frame comes up, and closed
 * at the end. The mutex is taken for each frame's look-up and given back before the results are handed on, because
 * the callback may write to a stream, whose lock another thread may hold while it waits for the mutex.
 *
 *   symbolize_mutex protects   all calls into libdw and libelf, which are not safe in several threads at once,
 *                              `dw` in debuginfo.c, and use_debuginfo
 *   lock order                 innermost: nothing but the loader's and malloc's locks is taken under it
 */

#include "symbolize.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "debuginfo.h"
#include "elf_file.h"

#define INLINED_MAX 16 /* source frames shown for one address; deeper inlining loses its outermost calls */
#define FUNCTION_BYTES_MAX 512
#define BUILD_ID_DIGITS 8 /* of the build id, in text */

static pthread_mutex_t symbolize_mutex = PTHREAD_MUTEX_INITIALIZER;
static bool use_debuginfo = true;

struct lookup_module {
	bool tried;
	struct egi_elf_file file; /* fd -1: no file to use */
	struct egi_debuginfo *debuginfo;
};

struct lookup {
	const struct egi_backtrace *backtrace;
	struct lookup_module *modules; /* NULL without memory: no names are looked up */
	char function[FUNCTION_BYTES_MAX];
	char build_id[2 * EGI_BUILD_ID_MAX + 1];
};

void egi_symbolize_lock(void)
{
	pthread_mutex_lock(&symbolize_mutex);
}

void egi_symbolize_unlock(void)
{
	pthread_mutex_unlock(&symbolize_mutex);
}

void egi_symbolize_use_debuginfo(bool use)
{
	egi_symbolize_lock();
	use_debuginfo = use;
	egi_symbolize_unlock();
}

/*
 * The lookup
 */

/* Opens a file if it is the module that was captured. Without a build id, only a file without one can be. */
static bool module_open_file(const struct egi_backtrace_module *module, const char *path,
			     struct egi_elf_file *ret_file)
{
	struct egi_build_id id = {0};
	struct egi_elf_file file;

	if (egi_elf_file_open(path, &file) != 0)
		return false;
	egi_elf_file_build_id(&file, &id);
	if (id.size != module->build_id_size ||
	    (id.size > 0 && memcmp(id.bytes, module->build_id, id.size) != 0)) {
		egi_elf_file_close(&file);
		return false;
	}
	*ret_file = file;
	return true;
}

static struct lookup_module *lookup_open_module(struct lookup *lookup, unsigned index)
{
	struct lookup_module *opened = &lookup->modules[index];
	struct egi_backtrace_module module;

	if (!opened->tried) {
		opened->tried = true;
		opened->file.fd = -1;
		module = egi_backtrace_module(lookup->backtrace, index);
		if (module_open_file(&module, module.path, &opened->file) ||
		    (module.program && module_open_file(&module, "/proc/self/exe", &opened->file))) {
			if (use_debuginfo)
				opened->debuginfo = egi_debuginfo_open(opened->file.fd, opened->file.size);
		}
	}
	return opened->file.fd >= 0 ? opened : NULL;
}

static void lookup_finish(struct lookup *lookup)
{
	if (lookup->modules == NULL)
		return;
	egi_symbolize_lock();
	for (unsigned i = 0; i < egi_backtrace_module_count(lookup->backtrace); i++) {
		if (lookup->modules[i].tried) {
			egi_debuginfo_close(lookup->modules[i].debuginfo);
			egi_elf_file_close(&lookup->modules[i].file);
		}
	}
	egi_symbolize_unlock();
	free(lookup->modules);
}

/* Looks a frame up. Return: how many source frames were stored, at least 1. */
static unsigned lookup_find(struct lookup *lookup, const struct egi_backtrace_frame *frame,
			    struct egi_source_frame *ret_frames)
{
	struct lookup_module *module = NULL;
	unsigned count = 0;

	egi_symbolize_lock();
	if (lookup->modules != NULL && frame->module != EGI_BACKTRACE_NO_MODULE)
		module = lookup_open_module(lookup, frame->module);
	if (module != NULL && module->debuginfo != NULL)
		count = egi_debuginfo_find(module->debuginfo, frame->offset, ret_frames, INLINED_MAX);
	if (count == 0) {
		ret_frames[0] = (struct egi_source_frame){0};
		count = 1;
	}
	if (module != NULL && ret_frames[count - 1].function == NULL &&
	    egi_elf_file_find_function(&module->file, frame->offset, lookup->function,
				       sizeof(lookup->function)))
		ret_frames[count - 1].function = lookup->function;
	egi_symbolize_unlock();
	return count;
}

static void lookup_set_module(struct lookup *lookup, const struct egi_backtrace_frame *frame,
			      struct egi_symbol *symbol)
{
	struct egi_backtrace_module module;
	const char *slash;

	lookup->build_id[0] = '\0';
	symbol->build_id = lookup->build_id;
	if (frame->module == EGI_BACKTRACE_NO_MODULE)
		return;
	module = egi_backtrace_module(lookup->backtrace, frame->module);
	for (size_t i = 0; i < module.build_id_size && i < EGI_BUILD_ID_MAX; i++) {
		static const char digits[] = "0123456789abcdef";

		lookup->build_id[2 * i] = digits[module.build_id[i] >> 4];
		lookup->build_id[2 * i + 1] = digits[module.build_id[i] & 15];
		lookup->build_id[2 * i + 2] = '\0';
	}
	slash = strrchr(module.path, '/');
	symbol->module_path = module.path;
	symbol->module = slash == NULL ? module.path : slash + 1;
	symbol->offset = frame->offset;
}

void egi_symbolize(const struct egi_backtrace *backtrace, egi_symbol_fn *fn, void *arg)
{
	unsigned count = egi_backtrace_count(backtrace);
	struct lookup lookup = {.backtrace = backtrace};

	if (count == 0)
		return;
	if (egi_backtrace_module_count(backtrace) > 0)
		lookup.modules = calloc(egi_backtrace_module_count(backtrace), sizeof(lookup.modules[0]));

	for (unsigned i = 0; i < count; i++) {
		struct egi_backtrace_frame frame = egi_backtrace_frame(backtrace, i);
		struct egi_source_frame sources[INLINED_MAX];
		struct egi_symbol symbol = {0};
		unsigned source_count;

		if (i == EGI_BACKTRACE_HEAD && egi_backtrace_elided(backtrace) > 0) {
			symbol.build_id = "";
			symbol.elided = egi_backtrace_elided(backtrace);
			fn(arg, &symbol);
			symbol.elided = 0;
		}
		source_count = lookup_find(&lookup, &frame, sources);
		lookup_set_module(&lookup, &frame, &symbol);
		for (unsigned s = 0; s < source_count; s++) {
			symbol.function = sources[s].function;
			symbol.file = sources[s].file;
			symbol.line = sources[s].line;
			symbol.inlined = sources[s].inlined;
			fn(arg, &symbol);
		}
	}
	lookup_finish(&lookup);
}

/*
 * Text
 */

struct text_sink {
	egi_text_fn *fn;
	void *arg;
};

/* Hands on one line. Names come from files: what is not text in them must not reach a terminal. */
static void text_sink_put(const struct text_sink *sink, char *line, size_t size)
{
	size_t length = strnlen(line, size - 2); /* formatted text may have been cut to fit */

	for (size_t i = 0; i < length; i++) {
		unsigned char c = (unsigned char)line[i];

		if ((c < 0x20 && !(c == '\t' && i == 0)) || c == 0x7f)
			line[i] = '?';
	}
	line[length] = '\n';
	line[length + 1] = '\0';
	sink->fn(sink->arg, line, length + 1);
}

static void text_sink_put_symbol(void *arg, const struct egi_symbol *symbol)
{
	const struct text_sink *sink = arg;
	char line[EGI_SYMBOLIZE_LINE_MAX];
	char place[EGI_SYMBOLIZE_LINE_MAX / 2] = "??";

	if (symbol->elided > 0) {
		snprintf(line, sizeof(line), "...%llu frames elided...", (unsigned long long)symbol->elided);
		text_sink_put(sink, line, sizeof(line));
		return;
	}

	snprintf(line, sizeof(line), symbol->function == NULL ? "??" : "%.1000s(...)", symbol->function);
	text_sink_put(sink, line, sizeof(line));

	if (symbol->module != NULL)
		snprintf(place, sizeof(place), "%.255s+0x%llx",
			 symbol->module[0] == '\0' ? "??" : symbol->module,
			 (unsigned long long)symbol->offset);
	if (symbol->build_id[0] != '\0') {
		size_t length = strlen(place);

		snprintf(place + length, sizeof(place) - length,
			 symbol->file == NULL ? " (build-id %.*s)" : ", build-id %.*s", BUILD_ID_DIGITS,
			 symbol->build_id);
	}
	if (symbol->file == NULL)
		snprintf(line, sizeof(line), "\t%s", place);
	else
		snprintf(line, sizeof(line), "\t%.480s:%d (%s)", symbol->file, symbol->line, place);
	text_sink_put(sink, line, sizeof(line));
}

void egi_symbolize_format(const struct egi_backtrace *backtrace, egi_text_fn *fn, void *arg)
{
	struct text_sink sink = {fn, arg};

	egi_symbolize(backtrace, text_sink_put_symbol, &sink);
}
