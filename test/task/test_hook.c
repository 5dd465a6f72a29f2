/* SPDX-License-Identifier: MIT */
/*
 * The hook that is told of panics as they happen, and messages of panics that are hard to format.
 */

#include "support.h"

#include <printf.h>
#include <signal.h>

static __attribute__((noinline)) void give_up(int part)
{
	eg_panic("bad header in part %d", part);
}

static atomic_int told, cleaned;
static char told_text[8192];
static pthread_t told_thread;
static int cleaned_when_told;

static void count_cleaned(void *arg)
{
	(void)arg;
	atomic_fetch_add(&cleaned, 1);
}

static int task_panic(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	told_thread = pthread_self();
	CHECK(eg_defer(count_cleaned, NULL) == 0);
	give_up((int)(intptr_t)arg);
	return 0;
}

static void hook_note(eg_error *error, void *arg)
{
	*(eg_error **)arg = eg_error_ref(error);
	cleaned_when_told = atomic_load(&cleaned);
	eg_error_format(error, told_text, sizeof(told_text));
	CHECK(pthread_equal(pthread_self(), told_thread));
	CHECK(eg_defer(count_cleaned, NULL) == 0); /* it runs as the task does */
	atomic_fetch_add(&told, 1);
}

static int run_one(eg_group *group, eg_task_fn *fn, void *arg)
{
	memset(group, 0, sizeof(*group));
	eg_group_set_limit(group, 1);
	eg_group_go(group, fn, arg);
	return eg_group_wait(group);
}

static void the_hook_gets_the_complete_error_before_any_deferred_call(void **state)
{
	eg_error *given = NULL;
	eg_group group;

	(void)state;
	atomic_store(&cleaned, 0);
	eg_panic_set_hook(hook_note, &given);
	assert_int_equal(run_one(&group, task_panic, CODE(7)), EG_EPANIC);
	eg_panic_set_hook(NULL, NULL);
	assert_ptr_equal(given, eg_group_error(&group));
	assert_int_equal(cleaned_when_told, 0);
	assert_int_equal(atomic_load(&cleaned), 2);
	assert_non_null(strstr(told_text, "panic: bad header in part 7"));
	assert_non_null(strstr(told_text, "give_up"));
	assert_non_null(strstr(told_text, "created by"));
	assert_non_null(strstr(told_text, "task 0"));
	eg_group_destroy(&group);
	assert_string_equal(eg_error_message(given), "panic: bad header in part 7");
	eg_error_unref(given);

	/* No hook, no call. */
	atomic_store(&told, 0);
	assert_int_equal(run_one(&group, task_panic, CODE(7)), EG_EPANIC);
	assert_int_equal(atomic_load(&told), 0);
	eg_group_destroy(&group);
}

static void hook_panic(eg_error *error, void *arg)
{
	(void)error;
	atomic_fetch_add(&told, 1);
	eg_panic("in the hook, %s", (const char *)arg);
}

static void a_panic_in_the_hook_joins_and_is_not_told(void **state)
{
	eg_group group;
	eg_error *error;

	(void)state;
	atomic_store(&told, 0);
	atomic_store(&cleaned, 0);
	eg_panic_set_hook(hook_panic, (void *)(uintptr_t) "of all");
	for (int i = 1; i <= 3; i++) {
		assert_int_equal(run_one(&group, task_panic, CODE(7)), EG_EPANIC);
		error = eg_group_error(&group);
		assert_string_equal(eg_error_message(error), "panic: bad header in part 7");
		assert_string_equal(eg_error_message(eg_error_joined(error)), "panic: in the hook, of all");
		assert_null(eg_error_joined(eg_error_joined(error)));
		assert_int_equal(atomic_load(&told), i);
		assert_int_equal(atomic_load(&cleaned), i);
		eg_group_destroy(&group);
	}
	eg_panic_set_hook(NULL, NULL);
}

/* Whether the tasks run on the hook's own thread or on others is in the group's flags. */
static int task_run_group_that_panics(eg_ctx *ctx, void *arg)
{
	eg_group group;
	int err;

	(void)ctx;
	CHECK(eg_group_init(&group, NULL, EG_GROUP_OPTIONS(.limit = 1, .flags = *(unsigned *)arg)) == 0);
	CHECK(eg_group_go(&group, task_panic, CODE(8)) == 0);
	err = eg_group_wait(&group);
	CHECK(eg_group_destroy(&group) == 0);
	return err;
}

static void hook_run_group(eg_error *error, void *arg)
{
	unsigned flags = *(unsigned *)arg;
	eg_group group;

	(void)error;
	atomic_fetch_add(&told, 1);
	CHECK(eg_group_init(&group, NULL, EG_GROUP_OPTIONS(.limit = 1, .flags = flags)) == 0);
	CHECK(eg_group_go(&group, task_run_group_that_panics, arg) == 0);
	CHECK(eg_group_wait(&group) == EG_EPANIC);
	CHECK(eg_group_destroy(&group) == 0);
}

static void panics_in_groups_of_the_hook_are_not_told(void **state)
{
	static unsigned flags[] = {0, EG_GROUP_NO_HELP};
	eg_group group;

	(void)state;
	for (int i = 0; i < 4; i++) {
		atomic_store(&told, 0);
		eg_panic_set_hook(hook_run_group, &flags[i % 2]);
		assert_int_equal(run_one(&group, task_panic, CODE(7)), EG_EPANIC);
		assert_int_equal(atomic_load(&told), 1);
		eg_group_destroy(&group);
	}
	eg_panic_set_hook(NULL, NULL);
}

static void hook_count(eg_error *error, void *arg)
{
	(void)error;
	atomic_fetch_add((atomic_int *)arg, 1);
}

static int task_panic_only(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	give_up((int)(intptr_t)arg);
	return 0;
}

/* Hooks are changed while panics happen; a pair of function and argument is never torn. */
static atomic_int counts[2];
static atomic_bool changing;

static void hook_count_first(eg_error *error, void *arg)
{
	CHECK(arg == &counts[0]);
	hook_count(error, arg);
}

static void hook_count_second(eg_error *error, void *arg)
{
	CHECK(arg == &counts[1]);
	hook_count(error, arg);
}

static void *change_hooks(void *arg)
{
	(void)arg;
	while (atomic_load(&changing)) {
		eg_panic_set_hook(hook_count_first, &counts[0]);
		eg_panic_set_hook(hook_count_second, &counts[1]);
		sched_yield();
	}
	return NULL;
}

static void the_hook_may_change_while_tasks_panic(void **state)
{
	long count = scaled(20000);
	size_t heap = heap_in_use();
	eg_group group = EG_GROUP_INIT;
	pthread_t thread;

	(void)state;
	eg_panic_set_hook(hook_count_first, &counts[0]);
	atomic_store(&changing, true);
	assert_int_equal(pthread_create(&thread, NULL, change_hooks, NULL), 0);
	for (long i = 0; i < count; i++)
		eg_group_go(&group, task_panic_only, CODE(1));
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);
	atomic_store(&changing, false);
	pthread_join(thread, NULL);
	eg_panic_set_hook(NULL, NULL);
	assert_int_equal(atomic_load(&counts[0]) + atomic_load(&counts[1]), count);
	eg_group_destroy(&group);
	assert_true(heap_in_use() < heap + (8 << 20));
}

static void hooks_that_were_set_before_take_no_memory(void **state)
{
	static char arguments[20000];
	size_t heap;

	(void)state;
	eg_panic_set_hook(hook_count, &counts[0]);
	heap = heap_in_use();
	for (size_t i = 0; i < sizeof(arguments); i++)
		eg_panic_set_hook(hook_count, &arguments[i]);
	eg_panic_set_hook(NULL, NULL);
	assert_true(heap_in_use() < heap + sizeof(arguments));
}

static void hook_set_next(eg_error *error, void *arg)
{
	(void)error;
	atomic_fetch_add(&told, 1);
	eg_panic_set_hook(hook_count, arg);
}

static void a_hook_may_set_another(void **state)
{
	eg_group group;

	(void)state;
	atomic_store(&told, 0);
	atomic_store(&counts[0], 0);
	eg_panic_set_hook(hook_set_next, &counts[0]);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(run_one(&group, task_panic_only, CODE(1)), EG_EPANIC);
		eg_group_destroy(&group);
	}
	eg_panic_set_hook(NULL, NULL);
	assert_int_equal(atomic_load(&told), 1);
	assert_int_equal(atomic_load(&counts[0]), 2);
}

/*
 * Abort on panic: told first.
 */

static void hook_write(eg_error *error, void *arg)
{
	(void)arg;
	fprintf(stderr, "told of %s\n", eg_error_message(error));
}

static void abort_with_hook(void *arg)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group;

	(void)arg;
	options.flags = EG_GROUP_ABORT_ON_PANIC;
	eg_panic_set_hook(hook_write, NULL);
	if (eg_group_init(&group, NULL, &options))
		_Exit(3);
	eg_group_go(&group, task_panic, CODE(7));
	if (eg_group_wait(&group))
		_Exit(4);
}

static void the_hook_is_told_before_an_abort(void **state)
{
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		skip();
	child_run(abort_with_hook, NULL, &child);
	assert_true(child_killed(&child, SIGABRT));
	assert_ptr_equal(strstr(child.text, "told of panic: bad header in part 7\n"), child.text);
}

/*
 * Messages
 */

static int task_panic_at_length(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	eg_panic("<%s>", (const char *)arg);
}

static int task_panic_without_arguments(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	eg_panic(arg, NULL);
}

static void long_messages_are_cut(void **state)
{
	char *text = malloc(100000);

	(void)state;
	assert_non_null(text);
	for (size_t length = 4050; length < 100000; length += length < 4150 ? 1 : 31415) {
		for (int i = 0; i < 2; i++) {
			const char *message;
			eg_group group;

			memset(text, 'x', length);
			text[length] = '\0';
			run_one(&group, i ? task_panic_at_length : task_panic_without_arguments, text);
			message = eg_error_message(eg_group_error(&group));
			assert_true(strlen(message) < 4096);
			assert_true(strlen(message) >= 4050);
			assert_ptr_equal(strstr(message, i ? "panic: <xx" : "panic: xx"), message);
			eg_group_destroy(&group);
		}
	}
	free(text);
}

static void a_panic_without_a_message_says_so(void **state)
{
	eg_group group;

	(void)state;
	run_one(&group, task_panic_without_arguments, NULL);
	assert_string_equal(eg_error_message(eg_group_error(&group)), "panic: (no message)");
	eg_group_destroy(&group);
}

/* A conversion of the program's own, %Y, that panics while it is formatted; and so does that panic's message. */
static const char *inner_format = "while formatting %Y", *outer_format = "first %Y";

static int convert_and_panic(FILE *stream, const struct printf_info *info, const void *const *args)
{
	(void)stream;
	(void)info;
	(void)args;
	eg_panic(inner_format, 1);
}

static int convert_info(const struct printf_info *info, size_t count, int *types, int *sizes)
{
	(void)info;
	if (count > 0) {
		types[0] = PA_INT;
		sizes[0] = sizeof(int);
	}
	return 1;
}

static int task_panic_while_formatting(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	eg_panic(outer_format, 1);
}

static void a_panic_while_formatting_a_panic_takes_its_place(void **state)
{
	(void)state;
	assert_int_equal(register_printf_specifier('Y', convert_and_panic, convert_info), 0);
	for (int i = 0; i < 100; i++) {
		eg_group group;

		assert_int_equal(run_one(&group, task_panic_while_formatting, NULL), EG_EPANIC);
		assert_string_equal(eg_error_message(eg_group_error(&group)), "panic: while formatting %Y");
		assert_null(eg_error_joined(eg_group_error(&group)));
		eg_group_destroy(&group);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(the_hook_gets_the_complete_error_before_any_deferred_call),
	    TEST(a_panic_in_the_hook_joins_and_is_not_told),
	    TEST(panics_in_groups_of_the_hook_are_not_told),
	    TEST(the_hook_may_change_while_tasks_panic),
	    TEST(hooks_that_were_set_before_take_no_memory),
	    TEST(a_hook_may_set_another),
	    TEST(the_hook_is_told_before_an_abort),
	    TEST(long_messages_are_cut),
	    TEST(a_panic_without_a_message_says_so),
	    TEST(a_panic_while_formatting_a_panic_takes_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
