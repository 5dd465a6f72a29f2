/* SPDX-License-Identifier: MIT */
/*
 * The backtrace of an error as frames for programs, and as text of bounded size.
 */

#include <unistd.h>

#include "support.h"

#define NOINLINE __attribute__((noinline))

/* Keeps the call before it from becoming a tail call, which would have no frame. */
#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

#define TEXT_SIZE 65536 /* holds every text, with its final NUL */

static int panic_line;

static inline __attribute__((always_inline)) void panic_inlined(const char *text)
{
	panic_line = __LINE__ + 1;
	eg_panic("%s", text);
}

static NOINLINE void panic_here(const char *text)
{
	if (text != NULL) /* or compilers see that nothing returns, and warn of recursion without end */
		panic_inlined(text);
	NO_TAIL_CALL();
}

static int task_panic(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	panic_here(arg);
	NO_TAIL_CALL();
	return 0;
}

static NOINLINE void descend(int depth)
{
	if (depth > 0)
		descend(depth - 1);
	else
		panic_here("deep");
	NO_TAIL_CALL();
}

static int task_descend(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	descend((int)(intptr_t)arg);
	NO_TAIL_CALL();
	return 0;
}

static NOINLINE void defer_panic(void *arg)
{
	eg_panic("%s", (const char *)arg);
}

static void defer_panic_with(void *arg)
{
	eg_panic_with(eg_error_ref(arg));
}

/* Runs one task that fails, and keeps its error. */
static eg_error *error_of(eg_task_fn *task, void *arg)
{
	eg_group group = EG_GROUP_INIT;
	eg_error *error;

	assert_int_equal(eg_group_go(&group, task, arg), 0);
	assert_true(eg_group_wait(&group) != 0);
	error = eg_error_ref(eg_group_error(&group));
	eg_group_destroy(&group);
	return error;
}

static char *text_of(const eg_error *error)
{
	char *text = malloc(TEXT_SIZE);

	assert_non_null(text);
	assert_in_range(eg_error_format(error, text, TEXT_SIZE), 1, TEXT_SIZE - 1);
	return text;
}

static int times_in(const char *text, const char *part)
{
	int times = 0;

	for (; (text = strstr(text, part)) != NULL; text++)
		times++;
	return times;
}

static struct eg_frame frame_of(const eg_error *error, size_t index)
{
	struct eg_frame frame = EG_FRAME_INIT;

	assert_int_equal(eg_error_frame(error, index, &frame), 0);
	return frame;
}

/*
 * What a frame says
 */

static void frames_name_place_and_module_of_each_call(void **state)
{
	eg_error *error = error_of(task_panic, "here");
	size_t count = eg_error_frame_count(error), i = 0;
	struct eg_frame frame = frame_of(error, 0);
	char program[4096] = "";

	(void)state;
	assert_true(readlink("/proc/self/exe", program, sizeof(program) - 1) > 0);
	assert_in_range(count, 2, 8);
	if (frame.inlined) {
		assert_string_equal(frame.function, "panic_inlined");
		assert_int_equal(frame.line, panic_line);
		assert_non_null(strstr(frame.file, "test_frames.c"));
		assert_true(frame.offset == frame_of(error, 1).offset);
		i++;
	}
	frame = frame_of(error, i);
	assert_string_equal(frame.function, "panic_here");
	assert_int_equal(frame.inlined, 0);
	frame = frame_of(error, i + 1);
	assert_string_equal(frame.function, "task_panic");
	for (i = 0; i < count; i++) {
		frame = frame_of(error, i);
		assert_string_equal(frame.module, program);
		assert_true(frame.offset > 0);
		assert_true((frame.line == 0) == (frame.file == NULL));
		assert_true(frame.elided == 0);
		assert_int_equal(strlen(frame.build_id), strspn(frame.build_id, "0123456789abcdef"));
		assert_string_equal(frame.build_id, frame_of(error, 0).build_id);
	}
	eg_error_unref(error);
}

static void frames_are_what_the_text_shows(void **state)
{
	eg_error *error = error_of(task_panic, "here");
	char *text = text_of(error), *at = text;

	(void)state;
	for (size_t i = 0; i < eg_error_frame_count(error); i++) {
		struct eg_frame frame = frame_of(error, i);
		char line[8192];

		snprintf(line, sizeof(line), "\n%s(...)\n\t", frame.function);
		at = strstr(at, line);
		assert_non_null(at);
		at += strlen(line) - 1;
		if (frame.file) {
			snprintf(line, sizeof(line), "\t%s:%u (", frame.file, (unsigned)frame.line);
			assert_memory_equal(at, line, strlen(line));
		}
		snprintf(line, sizeof(line), "+0x%llx", (unsigned long long)frame.offset);
		assert_ptr_equal(strstr(at, line), strstr(at, "+0x"));
		if (frame.build_id[0]) {
			snprintf(line, sizeof(line), "build-id %.8s)\n", frame.build_id);
			assert_non_null(strstr(at, line));
		}
	}
	free(text);
	eg_error_unref(error);
}

static void frames_of_a_deep_stack_say_where_calls_are_left_out(void **state)
{
	eg_error *error = error_of(task_descend, CODE(300));
	size_t count = eg_error_frame_count(error), gaps = 0;
	uint64_t calls = 0;

	(void)state;
	for (size_t i = 0; i < count; i++) {
		struct eg_frame frame = frame_of(error, i);

		calls += frame.elided + !frame.inlined;
		gaps += frame.elided > 0;
		if (frame.elided > 0)
			assert_string_equal(frame.function, "descend");
	}
	assert_int_equal(gaps, 1);
	assert_in_range(calls, 303, 310); /* panic_here, descend 301 times, task_descend, the worker's own */
	eg_error_unref(error);
}

#if defined(__x86_64__)

/* Calls its argument, with a frame that no unwind table describes. */
void call_without_table(void (*fn)(void));

__asm__(".text\n"
	".type call_without_table, @function\n"
	"call_without_table:\n"
	"	subq $24, %rsp\n"
	"	call *%rdi\n"
	"	addq $24, %rsp\n"
	"	ret\n"
	".size call_without_table, . - call_without_table\n");

static void panic_plainly(void)
{
	panic_here("here");
	NO_TAIL_CALL();
}

static int task_call_without_table(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	call_without_table(panic_plainly);
	return 0;
}

static void a_trace_that_is_cut_says_so_at_its_last_frame(void **state)
{
	eg_error *cut = error_of(task_call_without_table, NULL), *whole = error_of(task_panic, "here");
	size_t count = eg_error_frame_count(cut);
	char *text = text_of(cut), *text_whole = text_of(whole);

	(void)state;
	assert_in_range(count, 3, 4);
	assert_string_equal(frame_of(cut, count - 2).function, "panic_plainly");
	assert_string_equal(frame_of(cut, count - 1).function, "call_without_table");
	for (size_t i = 0; i < count; i++)
		assert_int_equal(frame_of(cut, i).cut, i + 1 == count);
	for (size_t i = 0; i < eg_error_frame_count(whole); i++)
		assert_int_equal(frame_of(whole, i).cut, 0);
	assert_non_null(strstr(text, ")\n...more frames, not known...\ncreated by error_of\n"));
	assert_null(strstr(text_whole, "not known"));
	free(text);
	free(text_whole);
	eg_error_unref(cut);
	eg_error_unref(whole);
}

#endif

static void errors_without_a_backtrace_have_no_frames(void **state)
{
	struct eg_frame frame = EG_FRAME_INIT, before;
	eg_error *created = eg_error_create(-EIO, "created"), *returned = error_of(task_return, CODE(-EIO));

	(void)state;
	memset(&frame.function, 0x5a, sizeof(frame) - offsetof(struct eg_frame, function));
	before = frame;
	assert_int_equal(eg_error_frame_count(NULL), 0);
	assert_int_equal(eg_error_frame_count(created), 0);
	assert_int_equal(eg_error_frame_count(returned), 0);
	assert_int_equal(eg_error_frame(NULL, 0, &frame), -ENOENT);
	assert_int_equal(eg_error_frame(created, 0, &frame), -ENOENT);
	assert_int_equal(eg_error_frame(returned, SIZE_MAX, &frame), -ENOENT);
	assert_memory_equal(&frame, &before, sizeof(frame));
	eg_error_unref(created);
	eg_error_unref(returned);
}

static void structures_of_other_sizes_are_refused_or_filled_as_far_as_known(void **state)
{
	eg_error *error = error_of(task_panic, "here");
	struct {
		struct eg_frame frame;
		unsigned char newer[16];
	} larger = {.frame = EG_FRAME_INIT};
	struct eg_frame frame = EG_FRAME_INIT;

	(void)state;
	frame.size = sizeof(frame) - 1;
	frame.line = 12345;
	assert_int_equal(eg_error_frame(error, 0, &frame), -EINVAL);
	assert_int_equal(frame.line, 12345);
	frame.size = 0;
	assert_int_equal(eg_error_frame(error, 0, &frame), -EINVAL);
	assert_int_equal(eg_error_frame(error, 0, NULL), -EINVAL);

	larger.frame.size = sizeof(larger);
	memset(larger.newer, 7, sizeof(larger.newer));
	assert_int_equal(eg_error_frame(error, 0, &larger.frame), 0);
	assert_int_equal(larger.frame.size, sizeof(larger));
	assert_non_null(larger.frame.module);
	for (size_t i = 0; i < sizeof(larger.newer); i++)
		assert_int_equal(larger.newer[i], 7);
	eg_error_unref(error);
}

struct reader {
	pthread_t thread;
	struct tally *start;
	eg_error *error;
	struct eg_frame frames[8];
	size_t count;
};

static void *reader_main(void *arg)
{
	struct reader *reader = arg;

	tally_meet(reader->start, 4);
	for (size_t i = 0; i < 8; i++) {
		reader->frames[i] = (struct eg_frame)EG_FRAME_INIT;
		if (eg_error_frame(reader->error, i, &reader->frames[i]) == 0)
			reader->count++;
	}
	return NULL;
}

/* The strings live as long as the error, so all who ask must be told of the same ones. */
static void threads_that_ask_first_at_once_get_the_same_strings(void **state)
{
	(void)state;
	for (long round = 0; goes_on(round, 20); round++) {
		struct tally start = TALLY_INIT;
		eg_error *error = error_of(task_panic, "here");
		struct reader readers[4];

		for (int i = 0; i < 4; i++) {
			readers[i] = (struct reader){.start = &start, .error = error};
			assert_int_equal(pthread_create(&readers[i].thread, NULL, reader_main, &readers[i]),
					 0);
		}
		for (int i = 0; i < 4; i++) {
			assert_int_equal(pthread_join(readers[i].thread, NULL), 0);
			assert_true(readers[i].count > 0);
			assert_memory_equal(readers[i].frames, readers[0].frames, sizeof(readers[0].frames));
		}
		eg_error_unref(error);
	}
}

/*
 * Each error has its own
 */

static int task_panic_with(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	eg_panic_with(eg_error_ref(arg));
}

static int task_panic_thrice(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	CHECK(eg_defer(defer_panic, "once more") == 0);
	CHECK(eg_defer(defer_panic_with, arg) == 0);
	eg_panic_with(eg_error_ref(arg));
}

static void a_cause_and_a_joined_panic_have_backtraces_of_their_own(void **state)
{
	eg_error *inner = error_of(task_panic, "inner"), *error = error_of(task_panic_thrice, inner), *joined;
	char *text;

	(void)state;
	joined = eg_error_joined(error);
	assert_string_equal(frame_of(error, 0).function, "task_panic_thrice");
	assert_ptr_equal(eg_error_cause(error), inner);
	assert_string_equal(frame_of(joined, 0).function, "defer_panic_with");
	assert_ptr_equal(eg_error_cause(joined), inner);
	assert_string_equal(frame_of(eg_error_joined(joined), 0).function, "defer_panic");

	/* In the text each is shown once: what both were caused by as well. */
	text = text_of(error);
	assert_int_equal(times_in(text, "\npanic_here(...)"), 1);
	assert_int_equal(times_in(text, "\ncaused by panic: inner\n"), 1);
	assert_int_equal(times_in(text, "\ncaused by panic: inner, shown above\n"), 1);
	assert_int_equal(times_in(text, "\nand then panic: panic: inner\n"), 1);
	assert_int_equal(times_in(text, "\nand then panic: once more\n"), 1);
	assert_true(strstr(text, "caused by panic: inner\n") < strstr(text, "and then"));
	free(text);
	eg_error_unref(error);
	eg_error_unref(inner);
}

static void an_error_is_told_the_same_after_its_group_is_gone(void **state)
{
	eg_error *inner = error_of(task_panic, "inner"), *error = error_of(task_panic_with, inner);
	char *first = text_of(error), *second = text_of(error);

	(void)state;
	assert_string_equal(first, second);
	free(first);
	free(second);
	eg_error_unref(inner);
	eg_error_unref(error);
}

/*
 * The size of text
 */

static char *long_text(char letter)
{
	char *text = malloc(TEXT_SIZE);

	assert_non_null(text);
	memset(text, letter, TEXT_SIZE - 1);
	text[TEXT_SIZE - 1] = '\0';
	return text;
}

static void a_long_message_leaves_room_for_the_backtrace(void **state)
{
	char *message = long_text('m'), *text;
	eg_error *error = error_of(task_panic, message);

	(void)state;
	text = text_of(error);
	assert_true(strlen(eg_error_message(error)) > 300);
	assert_non_null(strstr(text, "mmm"));
	assert_non_null(strstr(text, "\ntask_panic(...)\n"));
	assert_non_null(strstr(text, "\ncreated by error_of\n"));
	assert_int_equal(text[strlen(text) - 1], '\n');
	free(text);
	free(message);
	eg_error_unref(error);
}

static void causes_share_64_kib(void **state)
{
	eg_error *error = eg_error_create(-EIO, "the innermost");
	char *message = long_text('m'), *text;

	(void)state;
	for (int i = 0; i < 100; i++) {
		eg_error *outer = eg_error_create_from(error, -EIO, "%d %s", i, message);

		eg_error_unref(error);
		error = outer;
	}
	text = text_of(error);
	assert_memory_equal(text, "error: 99 mmm", 13);
	assert_non_null(strstr(text, "mmm... (-5)\ncaused by error: 98 mmm"));
	assert_non_null(strstr(text, "\n...more errors not shown...\n"));
	free(text);
	eg_error_unref(error);
	free(message);

	/* Short ones are shown, up to 64. */
	error = NULL;
	for (int i = 0; i < 100; i++) {
		eg_error *outer = eg_error_create_from(error, -EIO, "number %d", i);

		eg_error_unref(error);
		error = outer;
	}
	text = text_of(error);
	assert_int_equal(times_in(text, "error: number"), 64);
	assert_non_null(strstr(text, "\ncaused by error: number 36 (-5)\n...more errors not shown...\n"));
	free(text);
	eg_error_unref(error);
}

/* What is shown of numbers in a backtrace are offsets in files, behind a module's name. */
static void text_shows_no_addresses(void **state)
{
	eg_error *error = error_of(task_descend, CODE(100));
	char *text = text_of(error), address[32];

	(void)state;
	assert_int_equal(times_in(text, "0x"), times_in(text, "+0x"));
	snprintf(address, sizeof(address), "%llx", (unsigned long long)(uintptr_t)&error >> 20);
	assert_int_equal(times_in(text, address), 0);
	free(text);
	eg_error_unref(error);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(frames_name_place_and_module_of_each_call),
	    TEST(frames_are_what_the_text_shows),
	    TEST(frames_of_a_deep_stack_say_where_calls_are_left_out),
#if defined(__x86_64__)
	    TEST(a_trace_that_is_cut_says_so_at_its_last_frame),
#endif
	    TEST(errors_without_a_backtrace_have_no_frames),
	    TEST(structures_of_other_sizes_are_refused_or_filled_as_far_as_known),
	    TEST(threads_that_ask_first_at_once_get_the_same_strings),
	    TEST(a_cause_and_a_joined_panic_have_backtraces_of_their_own),
	    TEST(an_error_is_told_the_same_after_its_group_is_gone),
	    TEST(a_long_message_leaves_room_for_the_backtrace),
	    TEST(causes_share_64_kib),
	    TEST(text_shows_no_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
