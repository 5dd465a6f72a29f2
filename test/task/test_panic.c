/* SPDX-License-Identifier: MIT */
/*
 * Panics: a task gives up from any depth, becomes its group's error with the trace of its stack, and costs
 * neither a worker nor memory.
 */

#include "support.h"

#include <signal.h>

static char *text_of(const eg_error *error)
{
	size_t length = eg_error_format(error, NULL, 0);
	char *text = malloc(length + 1);

	assert_non_null(text);
	assert_int_equal(eg_error_format(error, text, length + 1), length);
	return text;
}

/*
 * A stack to recognise. The empty asm keeps the calls from becoming jumps.
 */

static __attribute__((noinline)) int parse_header(int part)
{
	if (part >= 0)
		eg_panic("bad header in part %d", part);
	return part;
}

static __attribute__((noinline)) int parse_part(int part)
{
	int result = parse_header(part);

	__asm__ volatile("" ::: "memory");
	return result;
}

static __attribute__((noinline)) int task_parse(eg_ctx *ctx, void *arg)
{
	int result;

	(void)ctx;
	result = parse_part((int)(intptr_t)arg);
	__asm__ volatile("" ::: "memory");
	return result;
}

static int task_parse_any(eg_ctx *ctx, void *arg)
{
	(void)arg;
	return task_parse(ctx, CODE(7));
}

static void a_panic_becomes_the_groups_error_and_cancels(void **state)
{
	eg_group group;
	eg_error *error;

	(void)state;
	assert_int_equal(eg_group_init(&group, NULL, NULL), 0);
	eg_group_set_limit(&group, 2);
	eg_group_go(&group, task_parse, CODE(-1));
	eg_group_go(&group, task_parse, CODE(7));
	assert_int_not_equal(eg_group_wait(&group), 0);
	assert_int_equal(eg_group_error_count(&group), 2);
	assert_int_equal(eg_group_reset(&group), 0);

	eg_group_go(&group, task_nothing, NULL);
	eg_group_go(&group, task_parse, CODE(7));
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);
	error = eg_group_error(&group);
	assert_int_equal(eg_error_code(error), EG_EPANIC);
	assert_int_equal(eg_error_kind(error), EG_ERROR_PANIC);
	assert_string_equal(eg_error_message(error), "panic: bad header in part 7");
	assert_int_equal(eg_error_task_index(error), 1);
	assert_in_range(eg_error_worker_slot(error), 0, 1);
	assert_ptr_equal(eg_ctx_cause(eg_group_ctx(&group)), error);
	assert_null(eg_error_cause(error));
	assert_null(eg_error_joined(error));
	eg_group_destroy(&group);
}

static int task_await_panic(eg_ctx *ctx, void *arg)
{
	(void)arg;
	ctx_await_cancel(ctx);
	return eg_error_kind(eg_ctx_cause(ctx)) == EG_ERROR_PANIC ? 0 : -EBADMSG;
}

static void a_panic_wakes_the_siblings(void **state)
{
	eg_group group;

	(void)state;
	assert_int_equal(eg_group_init(&group, NULL, NULL), 0);
	eg_group_go(&group, task_await_panic, NULL);
	eg_group_go(&group, task_parse, CODE(1));
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);
	assert_int_equal(eg_group_error_count(&group), 1);
	eg_group_destroy(&group);
}

static void the_trace_names_the_panicking_functions_and_the_creator(void **state)
{
	eg_group group = EG_GROUP_INIT;
	const char *inner, *middle, *outer, *created;
	char *text;

	(void)state;
	eg_group_go(&group, task_parse, CODE(7));
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);
	text = text_of(eg_group_error(&group));
	assert_ptr_equal(strstr(text, "panic: bad header in part 7"), text);
	inner = strstr(text, "parse_header");
	middle = strstr(text, "parse_part");
	outer = strstr(text, "task_parse");
	created = strstr(text, "created by");
	assert_non_null(inner);
	assert_non_null(middle);
	assert_non_null(outer);
	assert_non_null(created);
	assert_true(inner < middle && middle < outer && outer < created);
	assert_non_null(strstr(created, __func__));
	assert_non_null(strstr(created, "test_panic.c"));
	assert_non_null(strstr(text, "+0x")); /* module and offset, whatever else is known */

	/* The library's own frames are none of the reader's business at the top of the trace. */
	assert_true(!strstr(text, "eg_panic") || strstr(text, "eg_panic") > created);
	free(text);
	eg_group_destroy(&group);
}

/*
 * What text may not show: addresses, which differ from run to run and help an attacker.
 */
static void the_text_has_no_addresses(void **state)
{
	eg_group *group = calloc(1, sizeof(*group));
	char *text, *argument = malloc(64);
	const void *secrets[4];

	(void)state;
	assert_non_null(group);
	assert_non_null(argument);
	secrets[0] = group;
	secrets[1] = argument;
	secrets[2] = (const void *)(uintptr_t)task_parse;
	secrets[3] = &text;
	eg_group_go(group, task_parse_any, argument);
	assert_int_equal(eg_group_wait(group), EG_EPANIC);
	text = text_of(eg_group_error(group));
	for (const char *at = strstr(text, "0x"); at; at = strstr(at + 1, "0x"))
		assert_true(at > text && at[-1] == '+');
	for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
		char hex[32];

		snprintf(hex, sizeof(hex), "%lx", (unsigned long)(uintptr_t)secrets[i]);
		assert_null(strstr(text, hex));
	}
	free(text);
	free(argument);
	eg_group_destroy(group);
	free(group);
}

/*
 * Values
 */

static int task_panic_with(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	eg_panic_with(arg ? eg_error_ref(arg) : NULL);
}

static void panic_with_keeps_the_identity_and_the_code_of_the_value(void **state)
{
	eg_error *value = eg_error_create(-EBADMSG, "checksum of %s", "part 7");
	eg_group group = EG_GROUP_INIT;
	eg_error *error;

	(void)state;
	eg_group_go(&group, task_panic_with, value);
	assert_int_equal(eg_group_wait(&group), -EBADMSG);
	error = eg_group_error(&group);
	assert_int_equal(eg_error_code(error), -EBADMSG);
	assert_int_equal(eg_error_kind(error), EG_ERROR_PANIC);
	assert_ptr_equal(eg_error_cause(error), value);
	assert_ptr_equal(strstr(eg_error_message(error), "panic: "), eg_error_message(error));
	assert_non_null(strstr(eg_error_message(error), "checksum of part 7"));
	eg_group_destroy(&group);
	eg_error_unref(value);
}

static void panic_with_null_says_so(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_go(&group, task_panic_with, NULL);
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);
	assert_string_equal(eg_error_message(eg_group_error(&group)), "panic: (no error)");
	eg_group_destroy(&group);
}

static int task_fail_then_panic(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	(void)eg_fail(EG_EPANIC, "attached before");
	eg_panic("the panic");
}

static void a_panic_is_not_confused_with_what_fail_attached(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_set_limit(&group, 1);
	eg_group_go(&group, task_fail_then_panic, NULL);
	eg_group_go(&group, task_return, CODE(EG_EPANIC));
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);
	assert_string_equal(eg_error_message(eg_group_error(&group)), "panic: the panic");
	eg_group_destroy(&group);
}

/*
 * Depth
 */

static __attribute__((noinline)) int sink(int depth)
{
	int result;

	if (depth < 0)
		return depth;
	if (depth == 0)
		eg_panic("bottom");
	result = sink(depth - 1);
	__asm__ volatile("" ::: "memory");
	return result + 1;
}

static int task_sink(eg_ctx *ctx, void *arg)
{
	int result;

	(void)ctx;
	result = sink((int)(intptr_t)arg);
	__asm__ volatile("" ::: "memory");
	return result;
}

static void a_deep_stack_keeps_both_ends_of_its_trace(void **state)
{
	eg_group group = EG_GROUP_INIT;
	char *text;

	(void)state;
	eg_group_go(&group, task_sink, CODE(2000));
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);
	text = text_of(eg_group_error(&group));
	assert_non_null(strstr(text, "sink"));
	assert_non_null(strstr(text, "task_sink"));
	assert_non_null(strstr(text, "elided"));
	assert_true(strlen(text) <= 65536);
	free(text);
	eg_group_destroy(&group);
}

/*
 * Many
 */

static void panics_cost_no_worker_and_no_memory(void **state)
{
	eg_group group = EG_GROUP_INIT;
	struct tally met = TALLY_INIT;
	long threads = threads_now(), count = scaled(100000);
	size_t heap = 0;

	(void)state;
	eg_group_set_limit(&group, 2);
	for (int part = 0; part < 10; part++) {
		for (long i = 0; i < count / 10; i++)
			eg_group_go(&group, task_parse, CODE(7));
		assert_int_equal(eg_group_wait(&group), EG_EPANIC);
		if (part == 1)
			heap = heap_in_use();
	}
	assert_int_equal(eg_group_error_count(&group), count / 10 * 10);
	/* The limit, and what the library keeps at hand; not one for every so many panics. */
	assert_true(threads_now() <= threads + 8);
	assert_true(heap_in_use() < heap + (1 << 20));

	/* Both workers, or a worker and the waiter, are still there. */
	assert_int_equal(eg_group_reset(&group), 0);
	eg_group_go(&group, task_gate, &met);
	eg_group_go(&group, task_nothing, NULL);
	tally_add(&met, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

static int task_panic_sometimes(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	if ((intptr_t)arg % 3 == 0)
		eg_panic("part %ld", (long)(intptr_t)arg);
	return (intptr_t)arg % 3 == 1 ? -EIO : 0;
}

static void panics_errors_and_successes_mix_without_loss(void **state)
{
	static const int limits[] = {1, 2, 8, EG_LIMIT_NONE};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		eg_group group = EG_GROUP_INIT;
		long count = scaled(9000) / 3 * 3;

		eg_group_set_limit(&group, limits[i]);
		for (long k = 0; k < count; k++)
			eg_group_go(&group, task_panic_sometimes, CODE(k));
		assert_true(eg_group_wait(&group) != 0);
		assert_int_equal(eg_group_error_count(&group), count / 3 * 2);
		eg_group_destroy(&group);
	}
}

/*
 * Abort on panic
 */

static void abort_on_panic(void *arg)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group;

	(void)arg;
	options.flags = EG_GROUP_ABORT_ON_PANIC;
	options.limit = 2;
	if (eg_group_init(&group, NULL, &options))
		_Exit(3);
	eg_group_go(&group, task_return, CODE(-EIO));
	eg_group_go(&group, task_parse, CODE(7));
	if (eg_group_wait(&group))
		_Exit(4); /* returned, where it should have aborted */
}

static void abort_on_panic_prints_the_error_and_aborts(void **state)
{
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		skip();
	child_run(abort_on_panic, NULL, &child);
	assert_true(child_killed(&child, SIGABRT));
	assert_non_null(strstr(child.text, "panic: bad header in part 7"));
	assert_non_null(strstr(child.text, "parse_header"));
	assert_non_null(strstr(child.text, "created by"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_panic_becomes_the_groups_error_and_cancels),
	    TEST(a_panic_wakes_the_siblings),
	    TEST(the_trace_names_the_panicking_functions_and_the_creator),
	    TEST(the_text_has_no_addresses),
	    TEST(panic_with_keeps_the_identity_and_the_code_of_the_value),
	    TEST(panic_with_null_says_so),
	    TEST(a_panic_is_not_confused_with_what_fail_attached),
	    TEST(a_deep_stack_keeps_both_ends_of_its_trace),
	    TEST(panics_cost_no_worker_and_no_memory),
	    TEST(panics_errors_and_successes_mix_without_loss),
	    TEST(abort_on_panic_prints_the_error_and_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
