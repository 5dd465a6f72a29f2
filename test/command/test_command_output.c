/* SPDX-License-Identifier: MIT */
/*
 * A function that takes what a program writes; and output that ends with the program, whoever else has it open.
 */

#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#define SH(script) EG_ARGV("sh", "-c", script)
#define HOUR EG_SECONDS(3600)

/* What was taken of each stream, and what to say to that. */
struct taken {
	char *bytes[2];
	size_t size[2];
	int calls[2];
	pthread_t thread;
	int code; /* returned from so many bytes on */
	size_t code_from;
	int answer; /* a descriptor to which the first call writes; or 0 */
};

static int take(void *arg, int stream, const char *bytes, size_t size)
{
	struct taken *taken = arg;
	int i = stream - STDOUT_FILENO;
	char *grown;

	CHECK((i == 0 || i == 1) && size > 0 && pthread_equal(taken->thread, pthread_self()));
	grown = realloc(taken->bytes[i], taken->size[i] + size + 1);
	CHECK(grown != NULL);
	memcpy(grown + taken->size[i], bytes, size);
	taken->bytes[i] = grown;
	taken->size[i] += size;
	grown[taken->size[i]] = '\0';
	if (taken->calls[i]++ == 0 && taken->answer > 0)
		CHECK(write(taken->answer, "go on\n", 6) == 6);
	return taken->size[i] >= taken->code_from ? taken->code : 0;
}

static int run(const char *script, struct taken *taken, unsigned flags, struct eg_command_result *ret_result)
{
	taken->thread = pthread_self();
	return eg_command_run(
	    NULL,
	    EG_COMMAND(SH(script), .output = take, .output_arg = taken, .flags = flags, .grace_ns = HOUR),
	    ret_result);
}

static void taken_free(struct taken *taken)
{
	free(taken->bytes[0]);
	free(taken->bytes[1]);
}

/*
 * The function
 */

static void it_is_given_all_of_each_stream(void **state)
{
	struct eg_command_result result = EG_COMMAND_RESULT_INIT;
	struct taken taken = {.code = 0};

	(void)state;
	assert_int_equal(run("seq 200000; seq 100000 >&2", &taken, 0, &result), 0);
	/* Nothing is captured. */
	assert_null(result.output);
	assert_null(result.errors);
	assert_int_equal(result.output_size + result.output_dropped + result.errors_size, 0);
	assert_int_equal(result.is_open, 0);
	assert_int_equal(taken.size[0], 1288895);
	assert_int_equal(taken.size[1], 588895);
	for (int i = 0; i < 2; i++) {
		char *line = taken.bytes[i];

		for (long number = 1; number <= (i == 0 ? 200000 : 100000); number++)
			assert_int_equal(strtol(line, &line, 10), number);
	}
	eg_command_result_finish(&result);
	taken_free(&taken);
}

static void it_needs_no_result_and_may_get_both_streams_as_one(void **state)
{
	struct taken taken = {.code = 0};

	(void)state;
	assert_int_equal(run("echo out; echo err >&2; exit 3", &taken, EG_COMMAND_MERGE, NULL),
			 EG_ESTATUS(3));
	assert_string_equal(taken.bytes[0], "out\nerr\n");
	assert_int_equal(taken.calls[1], 0);
	taken_free(&taken);
}

static void it_is_called_while_the_program_runs(void **state)
{
	struct taken taken = {.thread = pthread_self()};
	int answer[2];

	(void)state;
	assert_int_equal(pipe2(answer, O_CLOEXEC), 0);
	taken.answer = answer[1];
	assert_int_equal(
	    eg_command_run(NULL,
			   EG_COMMAND(SH("echo first; read line; echo $line"), .in = EG_COMMAND_FD(answer[0]),
				      .output = take, .output_arg = &taken),
			   NULL),
	    0);
	assert_string_equal(taken.bytes[0], "first\ngo on\n");
	close(answer[0]);
	close(answer[1]);
	taken_free(&taken);
}

static int task_run(eg_ctx *ctx, void *taken)
{
	(void)ctx;
	return run("echo heard; echo why >&2; exit 2", taken, 0, NULL);
}

static void the_message_has_the_last_lines_all_the_same(void **state)
{
	struct taken taken = {.code = 0};
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(eg_group_go(&group, task_run, &taken), 0);
	assert_int_equal(eg_group_wait(&group), EG_ESTATUS(2));
	assert_string_equal(eg_error_message(eg_group_error(&group)), "sh: exit status 2: why");
	assert_string_equal(taken.bytes[0], "heard\n");
	eg_group_destroy(&group);
	taken_free(&taken);
}

static void what_refuses_more_is_not_called_again(void **state)
{
	static const unsigned flags[] = {0, EG_COMMAND_UNTIL_EXIT};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct eg_command_result result = EG_COMMAND_RESULT_INIT;
		struct taken taken = {.code = -ENOSPC, .code_from = 100000};
		int calls;

		assert_int_equal(run("exec yes", &taken, flags[i], &result), -ENOSPC);
		assert_int_equal(result.signal, SIGPIPE);
		calls = taken.calls[0];
		assert_true(calls > 1 && taken.size[0] >= 100000 && taken.size[0] < 200000);
		eg_command_result_finish(&result);
		taken_free(&taken);

		/* The other stream goes on. */
		taken = (struct taken){.code = -ENOSPC, .code_from = 4};
		assert_int_equal(
		    run("echo out; trap '' PIPE; until ! echo more 2>/dev/null; do :; done; echo er >&2",
			&taken, flags[i], NULL),
		    -ENOSPC);
		assert_int_equal(taken.calls[0], 1);
		assert_string_equal(taken.bytes[1], "er\n");
		taken_free(&taken);
	}
}

static int take_and_panic(void *arg, int stream, const char *bytes, size_t size)
{
	(void)arg, (void)stream, (void)bytes, (void)size;
	eg_panic("in a call that must return");
}

static int task_panic(eg_ctx *ctx, void *arg)
{
	(void)arg;
	return eg_command_run(ctx, EG_COMMAND(SH("echo out"), .output = take_and_panic), NULL);
}

static void run_panic(void *arg)
{
	eg_group group = EG_GROUP_INIT;

	(void)arg;
	EXPECT(eg_group_go(&group, task_panic, NULL) == 0);
	EXPECT(eg_group_wait(&group) == 0);
}

static void it_must_not_panic(void **state)
{
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		skip();
	child_run(run_panic, NULL, &child);
	assert_true(child_killed(&child, SIGABRT));
	assert_non_null(strstr(child.text, "panic between eg_panic_forbid and eg_panic_allow"));
}

/*
 * Output that ends with the program
 */

static void what_was_written_by_the_exit_is_there(void **state)
{
	(void)state;
	for (long i = 0; goes_on(i, 100); i++) {
		struct eg_command_result result = EG_COMMAND_RESULT_INIT;
		struct taken taken = {.code = 0};

		/* As much as a pipe holds, at the last moment. */
		assert_int_equal(run("head -c 65000 /dev/zero; echo end >&2", &taken, EG_COMMAND_UNTIL_EXIT,
				     i % 2 ? &result : NULL),
				 0);
		assert_int_equal(taken.size[0], 65000);
		assert_string_equal(taken.bytes[1], "end\n");
		assert_int_equal(result.is_open, 0);
		eg_command_result_finish(&result);
		taken_free(&taken);
	}
}

static void much_more_than_a_pipe_holds_is_captured(void **state)
{
	struct eg_command_result result = EG_COMMAND_RESULT_INIT;

	(void)state;
	assert_int_equal(
	    eg_command_run(NULL, EG_COMMAND(SH("seq 200000"), .flags = EG_COMMAND_UNTIL_EXIT), &result), 0);
	assert_int_equal(result.output_size, 1288895);
	eg_command_result_finish(&result);
}

static void what_it_has_left_running_prints_no_more(void **state)
{
	struct eg_command_result result = EG_COMMAND_RESULT_INIT;
	struct taken taken = {.code = 0};
	int gate[2];

	(void)state;
	assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
	taken.thread = pthread_self();
	/* It is left behind when the program has exited, and is told so by the end of its input. */
	assert_int_equal(
	    eg_command_run(NULL,
			   EG_COMMAND(SH("exec 3<&0; (cat <&3; echo late; echo gone >&2) & echo out"),
				      .in = EG_COMMAND_FD(gate[0]), .output = take, .output_arg = &taken,
				      .flags = EG_COMMAND_UNTIL_EXIT, .grace_ns = HOUR),
			   &result),
	    0);
	assert_int_equal(result.is_open, 1);
	close(gate[1]);
	close(gate[0]);
	assert_string_equal(taken.bytes[0], "out\n");
	assert_int_equal(taken.calls[1], 0);
	eg_command_result_finish(&result);
	taken_free(&taken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST_CLEAN(it_is_given_all_of_each_stream),
	    TEST_CLEAN(it_needs_no_result_and_may_get_both_streams_as_one),
	    TEST_CLEAN(it_is_called_while_the_program_runs),
	    TEST_CLEAN(the_message_has_the_last_lines_all_the_same),
	    TEST_CLEAN(what_refuses_more_is_not_called_again),
	    TEST(it_must_not_panic),
	    TEST_CLEAN(what_was_written_by_the_exit_is_there),
	    TEST_CLEAN(much_more_than_a_pipe_holds_is_captured),
	    TEST_CLEAN(what_it_has_left_running_prints_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
