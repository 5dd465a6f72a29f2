/* SPDX-License-Identifier: MIT */
/*
 * Errors for whoever uses the program: one as a line (eg_error_print_line, eg_error_format_line), many as a report
 * (eg_group_report).
 */

#include "support.h"

static void expect_line(eg_error *error, const char *line)
{
	char text[4096], *printed = NULL;
	size_t length = eg_error_format_line(error, text, sizeof(text)), size;
	FILE *stream = open_memstream(&printed, &size);

	assert_string_equal(text, line);
	assert_int_equal(length, strlen(line));
	assert_int_equal(eg_error_print_line(error, stream), 0);
	fclose(stream);
	assert_int_equal(size, error ? length + 1 : 0);
	assert_memory_equal(printed, line, length);
	free(printed);
	eg_error_unref(error);
}

static void a_line_has_the_name_of_the_code(void **state)
{
	(void)state;
	expect_line(NULL, "");
	expect_line(eg_error_create(-ENOENT, "cannot open %s", "x"),
		    "cannot open x: No such file or directory");
	expect_line(eg_error_create(-ENOENT, "open: No such file or directory"),
		    "open: No such file or directory");
	expect_line(eg_error_create(-EIO, NULL), "Input/output error");
	expect_line(eg_error_create(7, "the parser gave up"), "the parser gave up");
	expect_line(eg_error_create(7, NULL), "failed with code 7");
	expect_line(eg_error_create(-ECANCELED, NULL), "canceled");
}

static void causes_are_in_it_if_they_add_something(void **state)
{
	eg_error *cause = eg_error_create(-ENOENT, "cannot open x"), *same = eg_error_create(-EIO, "read");

	(void)state;
	expect_line(eg_error_create_from(cause, -EINVAL, "cannot load the settings"),
		    "cannot load the settings: cannot open x: No such file or directory");
	expect_line(eg_error_create_from(same, -EIO, "read"), "read: Input/output error");
	expect_line(eg_error_create_from(cause, -EIO, NULL),
		    "Input/output error: cannot open x: No such file or directory");
	eg_error_unref(cause);
	eg_error_unref(same);
}

static void a_line_is_one_line(void **state)
{
	char longest[5000], line[4096];
	eg_error *error;

	(void)state;
	expect_line(eg_error_create(1, " two\n\tlines\r\n"), "two lines");
	expect_line(eg_error_create(1, "bell \a, escape \033[1m"), "bell \\007, escape \\033[1m");
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	error = eg_error_create(-EIO, "%s", longest);
	assert_int_equal(eg_error_format_line(error, line, sizeof(line)), 4095);
	assert_string_equal(line + 4092, "...");
	assert_int_equal(eg_error_format_line(error, line, 4), 4095);
	assert_string_equal(line, "xxx");
	assert_int_equal(eg_error_format_line(error, NULL, 0), 4095);
	assert_int_equal(eg_error_print_line(error, NULL), -EINVAL);
	eg_error_unref(error);
}

static int task_panics(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	eg_panic("out of order");
}

static void a_panic_is_its_message(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_go(&group, task_panics, NULL);
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);
	expect_line(eg_error_ref(eg_group_error(&group)), "panic: out of order");
	eg_group_destroy(&group);
}

/* Many */

static void expect_report(const eg_group *group, const char *report)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	assert_int_equal(eg_group_report(group, stream), 0);
	fclose(stream);
	assert_string_equal(text, report);
	free(text);
}

static int task_misses(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	return eg_fail(-ENOENT, "cannot open %s", (const char *)arg);
}

static void group_begin(eg_group *group, unsigned collect, unsigned halt)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;

	options.limit = 1;
	options.collect = collect;
	options.halt = halt;
	assert_int_equal(eg_group_init(group, NULL, &options), 0);
}

static void a_report_counts_what_reads_the_same(void **state)
{
	eg_group group;

	(void)state;
	group_begin(&group, EG_COLLECT_ALL, EG_HALT_NEVER);
	expect_report(&group, "");
	for (int i = 0; i < 300; i++) {
		eg_group_go(&group, task_misses, i % 3 == 0 ? "a" : "b");
		if (i == 5)
			eg_group_go(&group, task_return, CODE(-EIO));
	}
	assert_int_equal(eg_group_wait(&group), -ENOENT);
	expect_report(&group, "100 times: cannot open a: No such file or directory\n"
			      "200 times: cannot open b: No such file or directory\n"
			      "Input/output error\n");
	eg_group_destroy(&group);
}

static void a_report_says_how_many_were_not_kept(void **state)
{
	eg_group group;

	(void)state;
	for (int more = 1; more <= 83; more += 82) {
		group_begin(&group, 2, EG_HALT_NEVER);
		eg_group_go(&group, task_misses, "a");
		eg_group_go(&group, task_misses, "b");
		for (int i = 0; i < more; i++)
			eg_group_go(&group, task_misses, "a");
		assert_int_equal(eg_group_wait(&group), -ENOENT);
		expect_report(&group, more == 1 ? "cannot open a: No such file or directory\n"
						  "cannot open b: No such file or directory\n"
						  "1 more error\n"
						: "cannot open a: No such file or directory\n"
						  "cannot open b: No such file or directory\n"
						  "83 more errors\n");
		eg_group_destroy(&group);
	}
}

static void skipped_tasks_say_why(void **state)
{
	eg_group group;

	(void)state;
	group_begin(&group, EG_COLLECT_ALL, EG_HALT_SOON);
	for (int i = 0; i < 10; i++)
		eg_group_go(&group, task_misses, "a");
	assert_int_equal(eg_group_wait(&group), -ENOENT);
	expect_report(&group,
		      "cannot open a: No such file or directory\n"
		      "9 times: canceled before it started: cannot open a: No such file or directory\n");
	eg_group_destroy(&group);
}

static void a_report_needs_a_group_and_a_stream(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(eg_group_report(NULL, stderr), -EINVAL);
	assert_int_equal(eg_group_report(&group, NULL), -EINVAL);
	expect_report(&group, "");
}

static void a_stream_that_fails_is_told(void **state)
{
	eg_error *error = eg_error_create(-EIO, "x");
	FILE *full = fopen("/dev/full", "w");
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_non_null(full);
	setvbuf(full, NULL, _IONBF, 0);
	assert_int_equal(eg_error_print_line(error, full), -EIO);
	assert_int_equal(eg_group_fail(&group, error), 0);
	assert_int_equal(eg_group_report(&group, full), -EIO);
	eg_group_destroy(&group);
	eg_error_unref(error);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_line_has_the_name_of_the_code),
	    TEST(causes_are_in_it_if_they_add_something),
	    TEST(a_line_is_one_line),
	    TEST(a_panic_is_its_message),
	    TEST(a_report_counts_what_reads_the_same),
	    TEST(a_report_says_how_many_were_not_kept),
	    TEST(skipped_tasks_say_why),
	    TEST(a_report_needs_a_group_and_a_stream),
	    TEST(a_stream_that_fails_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
