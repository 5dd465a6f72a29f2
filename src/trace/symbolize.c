/* SPDX-License-Identifier: MIT */

/*
 * Looking names up: see symbolize.h.
 *
 * Each call has a lookup: the modules of this one backtrace, each opened when its first frame comes up, and
 * closed at the end. The mutex is taken for each frame's look-up and given back before the results are handed
 * on, because the callback may write to a stream, whose lock another thread may hold while it waits for the
 * mutex.
 *
 *   mutex protects   all calls into libdw and libelf, which are not safe in several threads at once, and
 *                    use_debuginfo
 *   lock order       innermost: nothing but malloc's locks is taken under it
 *   loader           loads libdw before the mutex is taken: who holds the loader's lock may be a constructor that
 *                    looks names up itself, or waits for a thread that does
 *   fork             does not wait for it. A look-up may take long, and reads files that may be anywhere. In the
 *                    child the mutex is a new one, and what a vanished thread had open is lost: nothing that libdw
 *                    keeps is shared by two look-ups.
 */

#include "trace/symbolize.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/mutex.h"
#include "trace/elf.h"
#include "trace/libdw.h"

#define INLINED_MAX 16 /* source frames shown for one address; deeper inlining loses its outermost calls */
#define FUNCTION_BYTES_MAX 512

static struct egi_mutex mutex = EGI_MUTEX_INIT;
static bool use_debuginfo = true;

/* Where separate debug files are, see symbolize.h; "": nowhere. Written once, when the library begins. */
static char debug_folder[PATH_MAX];

struct lookup_module {
	bool tried;
	struct egi_elf_file file;        /* fd -1: no file to use */
	struct egi_elf_file debug;       /* the separate debug file, likewise */
	struct egi_debuginfo *debuginfo; /* of one of the two */
};

struct lookup {
	const struct egi_trace *trace;
	struct lookup_module *modules; /* NULL without memory: no names are looked up */
	char function[FUNCTION_BYTES_MAX];
};

void egi_symbolize_start(void)
{
	const char *folder = secure_getenv(EGI_SYMBOLIZE_DEBUG_VARIABLE);

	if (folder != NULL && folder[0] == '/' && strlen(folder) < sizeof(debug_folder))
		strcpy(debug_folder, folder);
}

void egi_symbolize_start_child(void)
{
	egi_libdw_start_child();
	egi_mutex_init(&mutex);
}

void egi_symbolize_use_debuginfo(bool use)
{
	egi_mutex_lock(&mutex);
	use_debuginfo = use;
	egi_mutex_unlock(&mutex);
}

/*
 * The lookup
 */

/* Opens a file if it is the module that was captured. Without a build id, only a file without one can be. */
static bool module_open_file(const struct egi_module_file *module, const char *path,
			     struct egi_elf_file *ret_file)
{
	struct egi_build_id id = {0};
	struct egi_elf_file file;

	/* The loader's names of files have a slash. What the kernel maps by itself has none: no file. */
	if (strchr(path, '/') == NULL || egi_elf_file_open(path, &file) != 0)
		return false;
	egi_elf_file_build_id(&file, &id);
	if (id.size != module->build_id_size ||
	    (id.size > 0 && memcmp(id.bytes, module->build_id, id.size) != 0) ||
	    (module->fingerprint != 0 && !egi_elf_file_is_print(&file, module->fingerprint))) {
		egi_elf_file_close(&file);
		return false;
	}
	*ret_file = file;
	return true;
}

/* Opens the module's separate debug file, which its build id leads to: FOLDER/.build-id/ab/cdef.debug. */
static void module_open_debug_file(const struct egi_module_file *module, struct egi_elf_file *ret_file)
{
	char path[sizeof(debug_folder) + 2 * EGI_BUILD_ID_MAX + 32], id[2 * EGI_BUILD_ID_MAX + 1];

	if (debug_folder[0] == '\0' || module->build_id_size < 2)
		return;
	egi_build_id_format(module->build_id, module->build_id_size, id);
	sprintf(path, "%s/.build-id/%.2s/%s.debug", debug_folder, id, id + 2);
	module_open_file(module, path, ret_file);
}

static struct egi_debuginfo *file_open_debuginfo(const struct egi_elf_file *file)
{
	if (file->fd < 0 || !use_debuginfo)
		return NULL;
	return egi_debuginfo_open(file->fd, file->size);
}

static struct lookup_module *lookup_open_module(struct lookup *lookup, unsigned index)
{
	struct lookup_module *opened = &lookup->modules[index];
	const struct egi_module_file *module = egi_trace_module(lookup->trace, index);

	if (opened->tried)
		return opened;
	opened->tried = true;
	opened->file.fd = opened->debug.fd = -1;
	if (!module_open_file(module, module->path, &opened->file) && module->is_program)
		module_open_file(module, "/proc/self/exe", &opened->file);
	opened->debuginfo = file_open_debuginfo(&opened->file);
	if (opened->debuginfo == NULL) {
		module_open_debug_file(module, &opened->debug);
		opened->debuginfo = file_open_debuginfo(&opened->debug);
	}
	return opened;
}

static void lookup_finish(struct lookup *lookup)
{
	if (lookup->modules == NULL)
		return;
	egi_mutex_lock(&mutex);
	for (unsigned i = 0; i < egi_trace_module_count(lookup->trace); i++) {
		if (lookup->modules[i].tried) {
			egi_debuginfo_close(lookup->modules[i].debuginfo);
			egi_elf_file_close(&lookup->modules[i].file);
			egi_elf_file_close(&lookup->modules[i].debug);
		}
	}
	egi_mutex_unlock(&mutex);
	free(lookup->modules);
}

/* Finds a name in the symbol tables. The debug file's is the one that stripping took from the module's. */
static bool lookup_find_function(struct lookup *lookup, const struct lookup_module *module, uint64_t offset)
{
	return (module->debug.fd >= 0 && egi_elf_file_find_function(&module->debug, offset, lookup->function,
								    sizeof(lookup->function))) ||
	       (module->file.fd >= 0 && egi_elf_file_find_function(&module->file, offset, lookup->function,
								   sizeof(lookup->function)));
}

/* Looks a frame up. Return: how many source frames were stored, at least 1. */
static unsigned lookup_find(struct lookup *lookup, const struct egi_trace_frame *frame,
			    struct egi_source_frame *ret_frames)
{
	struct lookup_module *module = NULL;
	unsigned count = 0;

	egi_mutex_lock(&mutex);
	if (lookup->modules != NULL && frame->module != EGI_TRACE_NO_MODULE)
		module = lookup_open_module(lookup, frame->module);
	if (module != NULL && module->debuginfo != NULL)
		count = egi_debuginfo_find(module->debuginfo, frame->offset, ret_frames, INLINED_MAX);
	if (count == 0) {
		ret_frames[0] = (struct egi_source_frame){0};
		count = 1;
	}
	if (module != NULL && ret_frames[count - 1].function == NULL &&
	    lookup_find_function(lookup, module, frame->offset))
		ret_frames[count - 1].function = lookup->function;
	egi_mutex_unlock(&mutex);
	return count;
}

void egi_symbolize(const struct egi_trace *trace, egi_symbolize_fn *fn, void *arg)
{
	unsigned count = egi_trace_count(trace), modules = egi_trace_module_count(trace);
	struct lookup lookup = {.trace = trace};

	if (count == 0)
		return;
	if (egi_module_can_load())
		(void)egi_libdw_load();
	if (modules > 0)
		lookup.modules = calloc(modules, sizeof(lookup.modules[0]));

	for (unsigned i = 0; i < count; i++) {
		struct egi_trace_frame frame = egi_trace_frame(trace, i);
		struct egi_source_frame sources[INLINED_MAX];
		unsigned source_count = lookup_find(&lookup, &frame, sources);

		for (unsigned s = 0; s < source_count; s++)
			fn(arg, i, &sources[s]);
	}
	lookup_finish(&lookup);
}
