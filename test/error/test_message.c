/* SPDX-License-Identifier: MIT */
/*
 * What an error says: values that the program creates, the words that eg_fail attaches to a task's result,
 * and the text that is printed.
 */

#include "support.h"

#include <limits.h>
#include <signal.h>

enum {
	TEXT_MAX = 65536 /* the cap on an error's text */
};

static char *text_of(const eg_error *error)
{
	size_t length = eg_error_format(error, NULL, 0);
	char *text = malloc(length + 1);

	assert_non_null(text);
	assert_int_equal(eg_error_format(error, text, length + 1), length);
	assert_int_equal(strlen(text), length);
	return text;
}

/*
 * Values
 */

static void null_is_no_error(void **state)
{
	(void)state;
	assert_int_equal(eg_error_code(NULL), 0);
	assert_int_equal(eg_error_kind(NULL), EG_ERROR_NONE);
	assert_string_equal(eg_error_message(NULL), "");
	assert_null(eg_error_cause(NULL));
	assert_null(eg_error_joined(NULL));
	assert_int_equal(eg_error_task_index(NULL), -1);
	assert_int_equal(eg_error_worker_slot(NULL), -1);
	assert_null(eg_error_site(NULL));
	assert_null(eg_error_ref(NULL));
	eg_error_unref(NULL);
}

static void a_created_error_has_code_message_and_cause(void **state)
{
	eg_error *inner = eg_error_create(-EIO, "read %s at %d", "disk", 7);
	eg_error *outer = eg_error_create_from(inner, -EBADMSG, "load %s", "table");

	(void)state;
	assert_int_equal(eg_error_code(inner), -EIO);
	assert_int_equal(eg_error_kind(inner), EG_ERROR_RETURNED);
	assert_string_equal(eg_error_message(inner), "read disk at 7");
	assert_null(eg_error_cause(inner));
	assert_null(eg_error_joined(inner));
	assert_int_equal(eg_error_task_index(inner), -1);
	assert_int_equal(eg_error_worker_slot(inner), -1);
	assert_null(eg_error_site(inner));
	assert_ptr_equal(eg_error_cause(outer), inner);

	/* The cause has a reference of its own. */
	assert_ptr_equal(eg_error_ref(outer), outer);
	eg_error_unref(inner);
	eg_error_unref(outer);
	assert_string_equal(eg_error_message(eg_error_cause(outer)), "read disk at 7");
	eg_error_unref(outer);
}

static void an_error_never_reports_success(void **state)
{
	eg_error *error = eg_error_create(0, "nothing wrong");
	eg_error *from = eg_error_create_from(NULL, 0, "nothing wrong");

	(void)state;
	assert_int_equal(eg_error_code(error), -EINVAL);
	assert_int_equal(eg_error_code(from), -EINVAL);
	assert_null(eg_error_cause(from));
	eg_error_unref(error);
	eg_error_unref(from);
}

static void a_long_chain_of_causes_is_freed_without_recursion(void **state)
{
	eg_error *error = eg_error_create(-1, "root");

	(void)state;
	for (long i = 0; i < scaled(1000000); i++) {
		eg_error *next = eg_error_create_from(error, -1, "on top");

		eg_error_unref(error);
		error = next;
	}
	eg_error_unref(error);
}

static void every_code_has_words(void **state)
{
	(void)state;
	for (int code = 10; code > -5000; code--) {
		assert_non_null(eg_strerror(code));
		assert_true(eg_strerror(code)[0] != '\0');
	}
	assert_string_not_equal(eg_strerror(EG_EPANIC), "unknown code");
	assert_string_not_equal(eg_strerror(EG_EEXITED), "unknown code");
	assert_string_not_equal(eg_strerror(EG_EUNFINISHED), "unknown code");
	assert_string_not_equal(eg_strerror(EG_EINSIDE), "unknown code");
	assert_string_not_equal(eg_strerror(EG_EFORKED), "unknown code");
	assert_string_not_equal(eg_strerror(-EIO), "unknown code");
	assert_string_equal(eg_strerror(-100000), "unknown code");
	assert_string_equal(eg_strerror(INT_MIN), "unknown code");
	assert_string_equal(eg_strerror(INT_MAX), "unknown code");
}

static void the_signal_of_an_error_is_that_of_its_code(void **state)
{
	static const int others[] = {EG_ESIGNAL(0), EG_ESIGNAL(65), EG_EFAULTED, EG_EPANIC,
				     -EINTR,        SIGTERM,        INT_MIN};

	(void)state;
	assert_int_equal(eg_error_signal(NULL), 0);
	for (int signal = 1; signal <= 64; signal++) {
		eg_error *cause = eg_error_create(EG_ESIGNAL(signal), "signal %d", signal);
		eg_error *outer = eg_error_create_from(cause, -EIO, "not written");

		assert_int_equal(eg_error_signal(cause), signal);
		assert_int_equal(eg_error_signal(outer), 0);
		eg_error_unref(outer);
		eg_error_unref(cause);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		eg_error *error = eg_error_create(others[i], "something else");

		assert_int_equal(eg_error_signal(error), 0);
		eg_error_unref(error);
	}
}

/*
 * eg_fail
 */

enum fail_mode { FAIL_SAME, FAIL_OTHER, FAIL_DROPPED, FAIL_NOT };

static int task_fail(eg_ctx *ctx, void *arg)
{
	int code;

	(void)ctx;
	if ((intptr_t)arg == FAIL_NOT)
		return -EIO;
	code = eg_fail(-EIO, "read %s", "part 7");
	CHECK(code == -EIO);
	return (intptr_t)arg == FAIL_SAME ? code : (intptr_t)arg == FAIL_OTHER ? -EBADMSG : 0;
}

static void fail_attaches_its_message_to_the_result_it_names(void **state)
{
	eg_group group = EG_GROUP_INIT;
	eg_error *error;
	char *text;

	(void)state;
	eg_group_go(&group, task_fail, CODE(FAIL_SAME));
	assert_int_equal(eg_group_wait(&group), -EIO);
	error = eg_group_error(&group);
	assert_string_equal(eg_error_message(error), "read part 7");
	assert_int_equal(eg_error_kind(error), EG_ERROR_RETURNED);
	assert_null(eg_error_cause(error));
	assert_int_equal(eg_error_task_index(error), 0);
	text = text_of(error);
	assert_non_null(strstr(text, "read part 7"));
	assert_non_null(strstr(text, __func__));
	assert_non_null(strstr(text, "test_message.c"));
	free(text);
	eg_group_destroy(&group);
}

static void fail_becomes_the_cause_of_another_result(void **state)
{
	eg_group group = EG_GROUP_INIT;
	eg_error *error;

	(void)state;
	eg_group_go(&group, task_fail, CODE(FAIL_OTHER));
	assert_int_equal(eg_group_wait(&group), -EBADMSG);
	error = eg_group_error(&group);
	assert_int_equal(eg_error_code(error), -EBADMSG);
	assert_null(strstr(eg_error_message(error), "part 7"));
	assert_non_null(eg_error_cause(error));
	assert_string_equal(eg_error_message(eg_error_cause(error)), "read part 7");
	assert_int_equal(eg_error_code(eg_error_cause(error)), -EIO);
	eg_group_destroy(&group);
}

/* The next task on the same worker returns the same code and must not get words that were dropped. */
static void fail_is_dropped_by_success_and_does_not_reach_the_next_task(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_set_limit(&group, 1);
	eg_group_go(&group, task_fail, CODE(FAIL_DROPPED));
	eg_group_go(&group, task_fail, CODE(FAIL_NOT));
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_null(strstr(eg_error_message(eg_group_error(&group)), "part 7"));
	assert_null(eg_error_cause(eg_group_error(&group)));
	eg_group_destroy(&group);
}

static void fail_outside_a_task_only_returns_its_code(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(eg_fail(-EIO, "read %s", "part 7"), -EIO);
	assert_int_equal(eg_fail(0, "fine"), 0);
	eg_group_go(&group, task_fail, CODE(FAIL_NOT));
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_null(strstr(eg_error_message(eg_group_error(&group)), "part 7"));
	eg_group_destroy(&group);
}

/*
 * The cap on text
 */

static const char *long_text(void)
{
	static char text[(1 << 20) + 1];

	memset(text, 'x', sizeof(text) - 1);
	return text;
}

static int task_fail_at_length(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	return eg_fail(-EIO, "%s", (const char *)arg);
}

static int task_panic_at_length(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	eg_panic("%s", (const char *)arg);
}

static void error_text_is_cut_at_64_kib(void **state)
{
	eg_error *error = eg_error_create(-EIO, "%s", long_text());
	char *name = strdup(long_text());
	size_t length;

	(void)state;
	assert_non_null(name);
	length = strlen(eg_error_message(error));
	assert_in_range(length, TEXT_MAX - 64, TEXT_MAX);
	eg_error_unref(error);

	for (int i = 0; i < 2; i++) {
		eg_group group = EG_GROUP_INIT;

		eg_group_go(&group, i ? task_panic_at_length : task_fail_at_length, name);
		assert_int_equal(eg_group_wait(&group), i ? EG_EPANIC : -EIO);
		length = strlen(eg_error_message(eg_group_error(&group)));
		assert_in_range(length, i ? 128 : TEXT_MAX - 64, TEXT_MAX);
		eg_group_destroy(&group);
	}
	free(name);
}

/*
 * Printing
 */

static void format_cuts_as_snprintf_does(void **state)
{
	eg_error *error = eg_error_create(-EIO, "read part 7");
	char *whole = text_of(error);
	size_t length = strlen(whole);

	(void)state;
	for (size_t size = 1; size <= length + 2; size++) {
		char *buffer = malloc(size); /* exactly that much, for the sanitizers */

		assert_non_null(buffer);
		assert_int_equal(eg_error_format(error, buffer, size), length);
		assert_int_equal(strlen(buffer), size <= length ? size - 1 : length);
		assert_memory_equal(buffer, whole, strlen(buffer));
		free(buffer);
	}
	free(whole);
	eg_error_unref(error);
}

static void print_writes_what_format_writes(void **state)
{
	eg_error *inner = eg_error_create(-EIO, "read part 7");
	eg_error *error = eg_error_create_from(inner, -EBADMSG, "load table");
	char *text = text_of(error), *printed = NULL;
	size_t length = 0;
	FILE *stream = open_memstream(&printed, &length);

	(void)state;
	assert_non_null(stream);
	assert_int_equal(eg_error_print(error, stream), 0);
	fclose(stream);
	assert_string_equal(printed, text);
	assert_non_null(strstr(text, "load table"));
	assert_non_null(strstr(text, "read part 7"));
	assert_int_equal(eg_error_print(error, NULL), -EINVAL);
	free(printed);
	free(text);
	eg_error_unref(inner);
	eg_error_unref(error);
}

/* Words, names and places from elsewhere, as a terminal would get them. */
static const char hostile[] = "a\033[2Jb\xc2\x9b"
			      "1mc\x9b"
			      "d\r\x7f\xe2\x80\xae"
			      "e\a";
static const char hostile_shown[] = "a\\033[2Jb\\302\\2331mc\\233d\\015\\177\\342\\200\\256e\\007";

static int task_fail_hostile(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	return eg_fail(-EIO, "%s\nsecond line", hostile);
}

static int task_panic_hostile(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	eg_panic("%s", hostile);
}

static void nothing_that_a_terminal_acts_on_is_printed(void **state)
{
	static char function[sizeof(hostile) + 2], file[sizeof(hostile) + 2];
	static struct eg_site site = {file, function, 7, 0};
	eg_task_fn *const tasks[] = {task_fail_hostile, task_panic_hostile};

	(void)state;
	snprintf(function, sizeof(function), "%s\n", hostile);
	snprintf(file, sizeof(file), "%s\t", hostile);
	for (size_t i = 0; i < 2; i++) {
		eg_group group = EG_GROUP_INIT;
		char *text, expected[512];

		eg_group_go_at(&group, tasks[i], NULL, &site);
		assert_int_not_equal(eg_group_wait(&group), 0);
		text = text_of(eg_group_error(&group));
		/* What the error says is what it was given. */
		assert_non_null(strstr(eg_error_message(eg_group_error(&group)), hostile));
		snprintf(expected, sizeof(expected), "%s: %s%s\n", i ? "panic" : "error", hostile_shown,
			 i ? "" : "\nsecond line (-5)");
		assert_memory_equal(text, expected, strlen(expected));
		snprintf(expected, sizeof(expected), "created by %s\\012\n\t%s\\011:7\n", hostile_shown,
			 hostile_shown);
		assert_non_null(strstr(text, expected));
		for (const char *at = text; *at; at++)
			assert_true(*at == '\n' || *at == '\t' || (*at >= 0x20 && *at < 0x7f));
		free(text);
		eg_group_destroy(&group);
	}
}

/* What becomes four times as long is cut as well. */
static void text_that_grows_by_escapes_is_cut_at_64_kib(void **state)
{
	static char bytes[60000];
	eg_error *error;
	char *text;

	(void)state;
	memset(bytes, '\033', sizeof(bytes) - 1);
	error = eg_error_create(-EIO, "%s", bytes);
	text = text_of(error);
	assert_in_range(strlen(text), TEXT_MAX - 8192, TEXT_MAX - 1);
	assert_non_null(strstr(text, "\\033... (-5)\n"));
	assert_null(strchr(text, '\033'));
	free(text);
	eg_error_unref(error);
}

static void print_reports_a_stream_that_fails(void **state)
{
	eg_error *error = eg_error_create(-EIO, "read part 7");
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	if (full) {
		setvbuf(full, NULL, _IONBF, 0);
		assert_int_equal(eg_error_print(error, full), -EIO);
		fclose(full);
	}
	eg_error_unref(error);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(the_signal_of_an_error_is_that_of_its_code),
	    TEST(null_is_no_error),
	    TEST(a_created_error_has_code_message_and_cause),
	    TEST(an_error_never_reports_success),
	    TEST(a_long_chain_of_causes_is_freed_without_recursion),
	    TEST(every_code_has_words),
	    TEST(fail_attaches_its_message_to_the_result_it_names),
	    TEST(fail_becomes_the_cause_of_another_result),
	    TEST(fail_is_dropped_by_success_and_does_not_reach_the_next_task),
	    TEST(fail_outside_a_task_only_returns_its_code),
	    TEST(error_text_is_cut_at_64_kib),
	    TEST(format_cuts_as_snprintf_does),
	    TEST(print_writes_what_format_writes),
	    TEST(nothing_that_a_terminal_acts_on_is_printed),
	    TEST(text_that_grows_by_escapes_is_cut_at_64_kib),
	    TEST(print_reports_a_stream_that_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
