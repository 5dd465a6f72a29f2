/* SPDX-License-Identifier: MIT */

/*
 * Backtraces: what a capture keeps, and what names and text it gets, on this program's own stack. Modules that
 * are stripped, closed, replaced or damaged are test_symbolize.c's.
 */

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "trace/libdw.h"
#include "trace/symbolize.h"
#include "trace/text.h"
#include "trace/trace.h"
#include "trace/unwind/build_id.h"

/*
 * AddressSanitizer asks this for its defaults. Its leak check guesses where a library loaded with dlopen has its
 * thread-local data, and crashes on a wrong guess about libdw's.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "intercept_tls_get_addr=0";
}

#if defined(__clang__)
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif

/* Keeps the call before it from becoming a tail call, which would have no frame. */
#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

#define SYMBOLS_MAX 256

struct seen_symbol {
	char function[128];
	char file[512];
	char module[256];
	char build_id[129];
	int line;
	bool inlined;
	bool is_cut;
	uint64_t offset;
	uint64_t elided;
};

struct seen {
	unsigned count;
	struct seen_symbol symbols[SYMBOLS_MAX];
};

static void text_copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from == NULL ? "" : from);
}

static struct seen *symbolize(const struct egi_trace *backtrace)
{
	struct egi_frames frames = egi_frames_find(backtrace, true);
	struct seen *seen = calloc(1, sizeof(*seen));

	assert_non_null(seen);
	seen->count = (unsigned)egi_frames_count(frames);
	assert_true(seen->count <= SYMBOLS_MAX);
	for (unsigned i = 0; i < seen->count; i++) {
		struct egi_frame frame = egi_frames_read(frames, i);
		struct seen_symbol *copy = &seen->symbols[i];

		text_copy(copy->function, sizeof(copy->function), frame.function);
		text_copy(copy->file, sizeof(copy->file), frame.file);
		if (frame.module != NULL) {
			text_copy(copy->module, sizeof(copy->module), strrchr(frame.module->path, '/') + 1);
			egi_build_id_format(frame.module->build_id, frame.module->build_id_size,
					    copy->build_id);
		}
		copy->line = (int)frame.line;
		copy->inlined = frame.is_inlined;
		copy->is_cut = frame.is_cut;
		copy->offset = frame.offset;
		copy->elided = frame.elided;
	}
	return seen;
}

static bool ends_with(const char *text, const char *end)
{
	size_t text_length = strlen(text), end_length = strlen(end);

	return text_length >= end_length && strcmp(text + text_length - end_length, end) == 0;
}

/* Whether lines can be expected of this very program: libdw is there, and the program was compiled with -g. */
static bool lines_are_available(void)
{
	static const char section[] = "\0.debug_line";
	FILE *program = fopen("/proc/self/exe", "rb");
	bool found = false;
	size_t matched = 0;
	int c;

	if (program == NULL)
		return false;
	while (!found && (c = getc(program)) != EOF) {
		if (c == section[matched])
			matched++;
		else
			matched = c == section[0];
		found = matched == sizeof(section) - 1;
	}
	fclose(program);
	return found && egi_libdw_load();
}

/*
 * A short stack: base, middle, leaf
 */

struct request {
	unsigned skip;
	const void *stop_frame;
	bool stop_at_base;
	int line; /* of the call that captured */
	struct egi_trace *backtrace;
};

static NOINLINE void leaf(struct request *request)
{
	request->line = __LINE__ + 1;
	request->backtrace = egi_trace_capture(request->skip, request->stop_frame);
	NO_TAIL_CALL();
}

static NOINLINE void middle(struct request *request)
{
	leaf(request);
	NO_TAIL_CALL();
}

static NOINLINE void base(struct request *request)
{
	if (request->stop_at_base)
		request->stop_frame = __builtin_frame_address(0);
	middle(request);
	NO_TAIL_CALL();
}

/* Captures leaf, middle, base; or down to where the request says. */
static NOINLINE struct egi_trace *capture_short(struct request request, int *ret_line)
{
	request.stop_frame = __builtin_frame_address(0);
	base(&request);
	assert_non_null(request.backtrace);
	if (ret_line != NULL)
		*ret_line = request.line;
	return request.backtrace;
}

static void names_static_functions_innermost_first(void **state)
{
	struct egi_trace *backtrace = capture_short((struct request){0}, NULL);
	struct seen *seen = symbolize(backtrace);

	(void)state;
	assert_int_equal(seen->count, 3);
	assert_string_equal(seen->symbols[0].function, "leaf");
	assert_string_equal(seen->symbols[1].function, "middle");
	assert_string_equal(seen->symbols[2].function, "base");
	free(seen);
	egi_trace_free(backtrace);
}

static void names_file_and_line_of_the_call(void **state)
{
	struct egi_trace *backtrace;
	struct seen *seen;
	int line;

	(void)state;
	if (!lines_are_available())
		skip();
	backtrace = capture_short((struct request){0}, &line);
	seen = symbolize(backtrace);
	assert_true(ends_with(seen->symbols[0].file, "test_backtrace.c"));
	assert_int_equal(seen->symbols[0].line, line);
	free(seen);
	egi_trace_free(backtrace);
}

static void names_static_functions_without_debug_information(void **state)
{
	struct egi_trace *backtrace = capture_short((struct request){0}, NULL);
	struct seen *seen;

	(void)state;
	egi_symbolize_use_debuginfo(false);
	seen = symbolize(backtrace);
	egi_symbolize_use_debuginfo(true);
	assert_string_equal(seen->symbols[0].function, "leaf");
	assert_string_equal(seen->symbols[0].file, "");
	assert_string_equal(seen->symbols[1].function, "middle");
	assert_string_equal(seen->symbols[2].function, "base");
	free(seen);
	egi_trace_free(backtrace);
}

static void skip_leaves_out_the_innermost_frames(void **state)
{
	struct egi_trace *all = capture_short((struct request){0}, NULL);
	struct egi_trace *some = capture_short((struct request){.skip = 2}, NULL);
	struct egi_trace *none = capture_short((struct request){.skip = ~0u}, NULL);
	struct seen *seen = symbolize(some);

	(void)state;
	assert_string_equal(seen->symbols[0].function, "base");
	assert_int_equal(egi_trace_count(some), egi_trace_count(all) - 2);
	assert_int_equal(egi_trace_count(none), 0);
	free(seen);
	egi_trace_free(all);
	egi_trace_free(some);
	egi_trace_free(none);
}

static void stop_frame_leaves_out_its_function_and_all_callers(void **state)
{
	struct egi_trace *backtrace = capture_short((struct request){.stop_at_base = true}, NULL);
	struct seen *seen = symbolize(backtrace);

	(void)state;
	assert_int_equal(egi_trace_count(backtrace), 2);
	assert_string_equal(seen->symbols[0].function, "leaf");
	assert_string_equal(seen->symbols[1].function, "middle");
	free(seen);
	egi_trace_free(backtrace);
}

/* Whether an address that was a local's is nowhere near the stack. */
static bool is_off_stack(const void *address)
{
	uintptr_t here = (uintptr_t)__builtin_frame_address(0), there = (uintptr_t)address;

	return (here > there ? here - there : there - here) > (1 << 20);
}

static NOINLINE void base_with_locals(struct request *request, size_t position)
{
	volatile char locals[512];

	locals[position] = 0;
	request->stop_frame = (const void *)&locals[position];
	middle(request);
	locals[position] = 1;
}

static void stop_frame_may_be_any_local_of_the_function(void **state)
{
	static const size_t positions[] = {0, 255, 511};

	(void)state;
	for (size_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++) {
		struct request request = {0};

		base_with_locals(&request, positions[i]);
		assert_non_null(request.backtrace);
		if (is_off_stack(request.stop_frame)) {
			egi_trace_free(request.backtrace);
			skip(); /* AddressSanitizer keeps locals on the heap */
		}
		assert_int_equal(egi_trace_count(request.backtrace), 2);
		egi_trace_free(request.backtrace);
	}
}

static void capture_keeps_errno(void **state)
{
	struct egi_trace *backtrace;

	(void)state;
	errno = EDOM;
	backtrace = egi_trace_capture(0, __builtin_frame_address(0));
	assert_int_equal(errno, EDOM);
	egi_trace_free(backtrace);
}

static void null_backtrace_is_empty(void **state)
{
	struct seen *seen = symbolize(NULL);

	(void)state;
	assert_int_equal(seen->count, 0);
	assert_int_equal(egi_trace_count(NULL), 0);
	assert_int_equal(egi_trace_elided(NULL), 0);
	assert_int_equal(egi_trace_module_count(NULL), 0);
	egi_trace_free(NULL);
	free(seen);
}

/*
 * Inlined calls
 */

static inline __attribute__((always_inline)) void inlined_inner(struct request *request)
{
	request->line = __LINE__ + 1;
	request->backtrace = egi_trace_capture(0, request->stop_frame);
}

static inline __attribute__((always_inline)) int inlined_outer(struct request *request)
{
	int line = __LINE__ + 1;
	inlined_inner(request);
	return line;
}

static NOINLINE int inlined_into(struct request *request, int *ret_line)
{
	int line;

	*ret_line = __LINE__ + 1;
	line = inlined_outer(request);
	NO_TAIL_CALL();
	return line;
}

static void inlined_calls_are_shown_as_calls(void **state)
{
	struct request request = {.stop_frame = __builtin_frame_address(0)};
	int outer_line, into_line;
	struct seen *seen;

	(void)state;
	if (!lines_are_available())
		skip();
	outer_line = inlined_into(&request, &into_line);
	seen = symbolize(request.backtrace);
	assert_string_equal(seen->symbols[0].function, "inlined_inner");
	assert_true(seen->symbols[0].inlined);
	assert_int_equal(seen->symbols[0].line, request.line);
	assert_string_equal(seen->symbols[1].function, "inlined_outer");
	assert_true(seen->symbols[1].inlined);
	assert_int_equal(seen->symbols[1].line, outer_line);
	assert_string_equal(seen->symbols[2].function, "inlined_into");
	assert_false(seen->symbols[2].inlined);
	assert_int_equal(seen->symbols[2].line, into_line);
	assert_true(ends_with(seen->symbols[2].file, "test_backtrace.c"));
	assert_true(seen->symbols[0].offset == seen->symbols[2].offset);
	free(seen);
	egi_trace_free(request.backtrace);
}

/*
 * Deep stacks
 */

/* ThreadSanitizer has room for 65,536 calls. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define HAVE_TSAN 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define HAVE_TSAN 1
#endif
#ifdef HAVE_TSAN
#define DEPTH 50000
#else
#define DEPTH 100000
#endif

static NOINLINE void deep(struct request *request, unsigned depth)
{
	if (depth > 0)
		deep(request, depth - 1);
	else
		leaf(request);
	NO_TAIL_CALL();
}

struct deep_run {
	struct request request;
	unsigned depth;
};

static NOINLINE void deep_base(struct deep_run *run)
{
	deep(&run->request, run->depth);
	NO_TAIL_CALL();
}

static NOINLINE void *deep_thread(void *arg)
{
	struct deep_run *run = arg;

	run->request.stop_frame = __builtin_frame_address(0);
	deep_base(run);
	NO_TAIL_CALL();
	return NULL;
}

/* Captures leaf, depth + 1 times deep, deep_base, on a stack that is large enough. */
static struct egi_trace *capture_deep(unsigned depth)
{
	struct deep_run run = {.depth = depth};
	pthread_attr_t attributes;
	pthread_t thread;

	assert_int_equal(pthread_attr_init(&attributes), 0);
	assert_int_equal(pthread_attr_setstacksize(&attributes, (size_t)64 << 20), 0);
	assert_int_equal(pthread_create(&thread, &attributes, deep_thread, &run), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	pthread_attr_destroy(&attributes);
	assert_non_null(run.request.backtrace);
	return run.request.backtrace;
}

static void deep_stack_keeps_both_ends_and_counts_the_middle(void **state)
{
	struct egi_trace *backtrace = capture_deep(DEPTH);
	struct seen *seen = symbolize(backtrace);
	unsigned last = EGI_WALK_HEAD + EGI_WALK_TAIL;

	(void)state;
	assert_int_equal(egi_trace_count(backtrace), EGI_WALK_HEAD + EGI_WALK_TAIL);
	assert_int_equal(egi_trace_elided(backtrace), DEPTH + 3 - EGI_WALK_HEAD - EGI_WALK_TAIL);
	assert_int_equal(seen->count, last);
	assert_string_equal(seen->symbols[0].function, "leaf");
	assert_string_equal(seen->symbols[1].function, "deep");
	assert_int_equal(seen->symbols[EGI_WALK_HEAD - 1].elided, 0);
	assert_int_equal(seen->symbols[EGI_WALK_HEAD].elided, egi_trace_elided(backtrace));
	assert_string_equal(seen->symbols[last - 2].function, "deep");
	assert_string_equal(seen->symbols[last - 1].function, "deep_base");
	free(seen);
	egi_trace_free(backtrace);
}

static void stack_of_just_the_kept_size_loses_nothing(void **state)
{
	unsigned kept = EGI_WALK_HEAD + EGI_WALK_TAIL;

	(void)state;
	for (unsigned frames = kept - 1; frames <= kept + 18; frames++) {
		struct egi_trace *backtrace = capture_deep(frames - 3);
		struct seen *seen = symbolize(backtrace);

		assert_int_equal(egi_trace_count(backtrace), frames < kept ? frames : kept);
		assert_int_equal(egi_trace_elided(backtrace), frames < kept ? 0 : frames - kept);
		assert_string_equal(seen->symbols[seen->count - 1].function, "deep_base");
		assert_string_equal(seen->symbols[seen->count - 2].function, "deep");
		free(seen);
		egi_trace_free(backtrace);
	}
}

struct text {
	size_t length;
	char bytes[65536];
};

static void text_add(void *arg, const char *bytes, size_t size)
{
	struct text *text = arg;

	assert_true(text->length + size < sizeof(text->bytes));
	memcpy(text->bytes + text->length, bytes, size);
	text->length += size;
	text->bytes[text->length] = '\0';
}

static struct text *format(const struct egi_trace *backtrace)
{
	struct text *text = calloc(1, sizeof(*text));

	assert_non_null(text);
	egi_frames_format(egi_frames_find(backtrace, false), sizeof(text->bytes), text_add, text);
	return text;
}

/*
 * Broken stacks
 */

#if defined(__x86_64__)

/* Captures while the function's return address is another. It lies above the saved frame pointer. */
static NOINLINE __attribute__((no_sanitize_address)) struct egi_trace *
capture_with_return_address(uintptr_t address, const void *stop_frame)
{
	volatile uintptr_t *slot = (volatile uintptr_t *)__builtin_frame_address(0) + 1;
	struct egi_trace *backtrace;
	uintptr_t saved = *slot;

	*slot = address;
	backtrace = egi_trace_capture(0, stop_frame);
	*slot = saved;
	return backtrace;
}

static void wild_return_address_ends_the_trace(void **state)
{
	static char data[64];
	const uintptr_t addresses[] = {1,           4095,           0x123456789000, (uintptr_t)1 << 63,
				       UINTPTR_MAX, (uintptr_t)data};

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct egi_trace *backtrace =
		    capture_with_return_address(addresses[i], __builtin_frame_address(0));
		struct seen *seen = symbolize(backtrace);

		assert_int_equal(egi_trace_count(backtrace), 2);
		assert_string_equal(seen->symbols[0].function, "capture_with_return_address");
		assert_string_equal(seen->symbols[1].function, "");
		assert_false(seen->symbols[0].is_cut);
		assert_true(seen->symbols[1].is_cut);
		free(format(backtrace));
		free(seen);
		egi_trace_free(backtrace);
	}
}

/* Captures while the frame pointer that the function saved for its caller is another. */
static NOINLINE __attribute__((no_sanitize_address)) struct egi_trace *
capture_with_frame_pointer(uintptr_t address, const void *stop_frame)
{
	volatile uintptr_t *slot = (volatile uintptr_t *)__builtin_frame_address(0);
	struct egi_trace *backtrace;
	uintptr_t saved = *slot;

	*slot = address;
	backtrace = egi_trace_capture(0, stop_frame);
	*slot = saved;
	return backtrace;
}

static void wild_frame_pointer_ends_the_trace(void **state)
{
	const uintptr_t addresses[] = {0, 1, 0x1000, (uintptr_t)1 << 63, UINTPTR_MAX - 7};

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		struct egi_trace *backtrace =
		    capture_with_frame_pointer(addresses[i], __builtin_frame_address(0));

		assert_non_null(backtrace);
		assert_true(egi_trace_count(backtrace) <= 2);
		egi_trace_free(backtrace);
	}
}

#endif

/*
 * Text
 */

static void text_has_function_then_place_and_module(void **state)
{
	struct egi_trace *backtrace = capture_short((struct request){.stop_at_base = true}, NULL);
	struct seen *seen = symbolize(backtrace);
	struct text *text = format(backtrace);
	char expected[4096] = "";

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct seen_symbol *symbol = &seen->symbols[i];
		char place[512];
		size_t length = strlen(expected);

		if (symbol->build_id[0] != '\0')
			snprintf(place, sizeof(place), "%s+0x%llx%sbuild-id %.8s", symbol->module,
				 (unsigned long long)symbol->offset, symbol->file[0] != '\0' ? ", " : " (",
				 symbol->build_id);
		else
			snprintf(place, sizeof(place), "%s+0x%llx", symbol->module,
				 (unsigned long long)symbol->offset);
		if (symbol->file[0] != '\0')
			snprintf(expected + length, sizeof(expected) - length, "%s(...)\n\t%s:%d (%s)\n",
				 symbol->function, symbol->file, symbol->line, place);
		else
			snprintf(expected + length, sizeof(expected) - length, "%s(...)\n\t%s%s\n",
				 symbol->function, place, symbol->build_id[0] != '\0' ? ")" : "");
	}
	assert_string_equal(text->bytes, expected);
	free(text);
	free(seen);
	egi_trace_free(backtrace);
}

static void text_counts_the_frames_left_out(void **state)
{
	struct egi_trace *backtrace = capture_deep(200);
	struct text *text = format(backtrace);

	(void)state;
	assert_non_null(strstr(text->bytes, "\n...139 frames elided...\n"));
	free(text);
	egi_trace_free(backtrace);
}

static void symbolize_again(void *arg, unsigned index, const struct egi_source_frame *source)
{
	(void)index;
	(void)source;
	free(symbolize(arg));
}

static void callback_may_symbolize_and_so_runs_unlocked(void **state)
{
	struct egi_trace *backtrace = capture_short((struct request){.stop_at_base = true}, NULL);

	(void)state;
	egi_symbolize(backtrace, symbolize_again, backtrace);
	egi_trace_free(backtrace);
}

static void *format_thread(void *arg)
{
	return format(arg);
}

/* libdw needs more stack than this thread has; the names must come without it. */
static void small_stack_is_no_obstacle(void **state)
{
	struct egi_trace *backtrace = capture_short((struct request){0}, NULL);
	pthread_attr_t attributes;
	pthread_t thread;
	void *text;

	(void)state;
	assert_int_equal(pthread_attr_init(&attributes), 0);
	assert_int_equal(pthread_attr_setstacksize(&attributes, (size_t)128 << 10), 0);
	assert_int_equal(pthread_create(&thread, &attributes, format_thread, backtrace), 0);
	assert_int_equal(pthread_join(thread, &text), 0);
	pthread_attr_destroy(&attributes);
	assert_ptr_equal(strstr(((struct text *)text)->bytes, "leaf(...)"), ((struct text *)text)->bytes);
	free(text);
	egi_trace_free(backtrace);
}

static void threads_get_the_same_text(void **state)
{
	struct egi_trace *backtrace = capture_short((struct request){0}, NULL);
	struct text *expected = format(backtrace);
	pthread_t threads[4];

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, format_thread, backtrace), 0);
	for (size_t i = 0; i < 4; i++) {
		void *text;

		assert_int_equal(pthread_join(threads[i], &text), 0);
		assert_string_equal(((struct text *)text)->bytes, expected->bytes);
		free(text);
	}
	free(expected);
	egi_trace_free(backtrace);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_static_functions_innermost_first),
		cmocka_unit_test(names_file_and_line_of_the_call),
		cmocka_unit_test(names_static_functions_without_debug_information),
		cmocka_unit_test(skip_leaves_out_the_innermost_frames),
		cmocka_unit_test(stop_frame_leaves_out_its_function_and_all_callers),
		cmocka_unit_test(stop_frame_may_be_any_local_of_the_function),
		cmocka_unit_test(capture_keeps_errno),
		cmocka_unit_test(null_backtrace_is_empty),
		cmocka_unit_test(inlined_calls_are_shown_as_calls),
		cmocka_unit_test(deep_stack_keeps_both_ends_and_counts_the_middle),
		cmocka_unit_test(stack_of_just_the_kept_size_loses_nothing),
#if defined(__x86_64__)
		cmocka_unit_test(wild_return_address_ends_the_trace),
		cmocka_unit_test(wild_frame_pointer_ends_the_trace),
#endif
		cmocka_unit_test(text_has_function_then_place_and_module),
		cmocka_unit_test(text_counts_the_frames_left_out),
		cmocka_unit_test(callback_may_symbolize_and_so_runs_unlocked),
		cmocka_unit_test(threads_get_the_same_text),
		cmocka_unit_test(small_stack_is_no_obstacle),
	};

	egi_module_prime();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
