/* SPDX-License-Identifier: MIT */
/*
 * Programs that are ended: by a context, in a group, with all that they have started; and programs that end while others hold
 * what is theirs. A program says that it is ready by writing into a pipe, and that all of them are gone is seen by the pipe's
 * end.
 */

#include "support.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#define SH(script) EG_ARGV("sh", "-c", script)
#define HOUR EG_SECONDS(3600)

/* A program that a thread runs, with a pipe that it writes to as its standard error. */
struct program {
	eg_ctx *ctx;
	const char *script;
	int64_t grace_ns;
	unsigned flags;
	int said[2];
	pthread_t thread;
	struct eg_command_result result;
	int code;
};

static void *program_main(void *arg)
{
	struct program *program = arg;

	program->code = eg_command_run(program->ctx,
				       EG_COMMAND(SH(program->script), .err = EG_COMMAND_FD(program->said[1]),
						  .flags = program->flags, .grace_ns = program->grace_ns),
				       &program->result);
	close(program->said[1]);
	return NULL;
}

static void program_begin(struct program *program)
{
	program->result = (struct eg_command_result)EG_COMMAND_RESULT_INIT;
	assert_int_equal(pipe2(program->said, O_CLOEXEC), 0);
	assert_int_equal(pthread_create(&program->thread, NULL, program_main, program), 0);
}

/* A number that it says. */
static long program_await(const struct program *program)
{
	char text[32];
	size_t length = 0;

	while (length < sizeof(text) - 1 && read(program->said[0], text + length, 1) == 1 &&
	       text[length] != '\n')
		length++;
	text[length] = '\0';
	return strtol(text, NULL, 10);
}

static void program_join(struct program *program)
{
	pthread_join(program->thread, NULL);
}

/* Everybody who could write is gone, or the hang guard says so. */
static void program_await_all(struct program *program)
{
	char byte;

	while (read(program->said[0], &byte, 1) > 0)
		;
	close(program->said[0]);
}

static void program_finish(struct program *program)
{
	eg_command_result_finish(&program->result);
}

/* Has it run until it says a number, ends its context, and expects how it ends. */
static void expect_ended(const char *script, int64_t grace_ns, unsigned flags, int exit_status, int signal)
{
	struct program program = {
	    .ctx = ctx_under(NULL), .script = script, .grace_ns = grace_ns, .flags = flags};

	program_begin(&program);
	(void)program_await(&program);
	eg_ctx_cancel(program.ctx, NULL);
	program_join(&program);
	program_await_all(&program);
	assert_int_equal(program.code, -ECANCELED);
	assert_int_equal(program.result.exit_status, exit_status);
	assert_int_equal(program.result.signal, signal);
	program_finish(&program);
	eg_ctx_unref(program.ctx);
}

/*
 * The context's end
 */

static void a_program_is_asked_to_end_then_made_to(void **state)
{
	(void)state;
	expect_ended("echo >&2; exec sleep 1000", 0, 0, -1, SIGTERM);
	expect_ended("trap 'exit 5' TERM; sleep 1000 & echo >&2; wait", 0, 0, 5, 0);
	expect_ended("trap '' TERM; echo >&2; while :; do sleep 1000; done", EG_MILLISECONDS(20), 0, -1,
		     SIGKILL);
	expect_ended("trap '' TERM; echo >&2; while :; do sleep 1000; done", -1, 0, -1, SIGKILL);
	/* What it writes meanwhile is kept, and that it has exited with success does not count. */
	expect_ended("trap 'echo bye; exit 0' TERM; sleep 1000 & echo >&2; wait", 0, 0, 0, 0);
}

static void one_that_is_stopped_is_asked_as_well(void **state)
{
	struct program program = {
	    .ctx = ctx_under(NULL), .script = "echo $$ >&2; kill -STOP $$", .grace_ns = HOUR};
	siginfo_t info;

	(void)state;
	program_begin(&program);
	assert_int_equal(waitid(P_PID, (id_t)program_await(&program), &info, WSTOPPED | WNOWAIT), 0);
	eg_ctx_cancel(program.ctx, NULL);
	program_join(&program);
	program_await_all(&program);
	assert_int_equal(program.code, -ECANCELED);
	assert_int_equal(program.result.signal, SIGTERM);
	program_finish(&program);
	eg_ctx_unref(program.ctx);
}

static void what_a_program_has_started_ends_with_it(void **state)
{
	(void)state;
	expect_ended("sleep 1000 & sleep 1000 & echo >&2; wait", HOUR, 0, -1, SIGTERM);
	/* The program ends at once, and what is left does not want to. */
	expect_ended("sh -c 'trap \"\" TERM; echo >&2; while :; do sleep 1000; done' & wait",
		     EG_MILLISECONDS(20), 0, -1, SIGTERM);
	/* What has no output of ours goes with the program. */
	expect_ended("sh -c 'trap \"\" TERM; echo >&2; while :; do sleep 1000; done' >/dev/null & wait", HOUR,
		     0, -1, SIGTERM);
	/* The output of what is left is not waited for, but it is ended all the same. */
	expect_ended("sh -c 'trap \"\" TERM; echo >&2; while :; do sleep 1000; done' & wait", HOUR,
		     EG_COMMAND_UNTIL_EXIT, -1, SIGTERM);
}

static void a_deadline_ends_it_with_the_deadlines_code(void **state)
{
	struct eg_command_result result = EG_COMMAND_RESULT_INIT;
	eg_ctx *ctx;

	(void)state;
	assert_int_equal(eg_ctx_with_timeout(NULL, EG_MILLISECONDS(30), &ctx), 0);
	assert_int_equal(eg_command_run(ctx, EG_COMMAND(EG_ARGV("sleep", "1000")), &result), -ETIMEDOUT);
	assert_true(eg_clock_now_ns() >= eg_ctx_deadline(ctx));
	eg_command_result_finish(&result);
	eg_ctx_unref(ctx);
}

/*
 * Tasks
 */

#define SLEEPERS 8

struct sleepers {
	int said[2];
	atomic_int ended;
};

static int task_sleep(eg_ctx *ctx, void *arg)
{
	struct sleepers *sleepers = arg;
	int err = eg_command_run(
	    ctx, EG_COMMAND(SH("echo >&2; exec sleep 1000"), .err = EG_COMMAND_FD(sleepers->said[1])), NULL);

	CHECK(err == -ECANCELED);
	atomic_fetch_add(&sleepers->ended, 1);
	return err;
}

/* Fails when all the others run. */
static int task_fail_then(eg_ctx *ctx, void *arg)
{
	struct sleepers *sleepers = arg;
	char bytes[SLEEPERS];

	for (int i = 0; i < SLEEPERS; i++)
		CHECK(read(sleepers->said[0], bytes, 1) == 1);
	return eg_command_run(ctx, EG_COMMAND(SH("echo no good >&2; exit 3")), NULL);
}

static void the_first_command_that_fails_ends_the_others(void **state)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	struct sleepers sleepers = {.ended = 0};
	eg_error *errors[SLEEPERS + 1];
	eg_group group;

	(void)state;
	options.collect = SLEEPERS + 1;
	assert_int_equal(pipe2(sleepers.said, O_CLOEXEC), 0);
	assert_int_equal(eg_group_init(&group, NULL, &options), 0);
	for (int i = 0; i < SLEEPERS; i++)
		assert_int_equal(eg_group_go(&group, task_sleep, &sleepers), 0);
	assert_int_equal(eg_group_go(&group, task_fail_then, &sleepers), 0);
	assert_int_equal(eg_group_wait(&group), EG_ESTATUS(3));
	assert_string_equal(eg_error_message(eg_group_error(&group)), "sh: exit status 3: no good");
	assert_int_equal(atomic_load(&sleepers.ended), SLEEPERS);
	assert_int_equal(eg_group_errors(&group, SLEEPERS + 1, errors), SLEEPERS + 1);
	for (int i = 1; i <= SLEEPERS; i++) {
		assert_string_equal(eg_error_message(errors[i]), "sh: ended with its context");
		assert_int_equal(eg_error_code(eg_error_cause(errors[i])), EG_ESTATUS(3));
	}
	close(sleepers.said[1]);
	assert_int_equal(read(sleepers.said[0], &options, 1), 0);
	close(sleepers.said[0]);
	eg_group_destroy(&group);
}

static int task_echo(eg_ctx *ctx, void *arg)
{
	struct eg_command_result result = EG_COMMAND_RESULT_INIT;
	int number = (int)(intptr_t)arg;
	char text[16];

	snprintf(text, sizeof(text), "%d", number);
	CHECK(eg_command_run(ctx,
			     EG_COMMAND(EG_ARGV("sh", "-c", "cat; echo $0; exit $0", text), .input = text,
					.input_size = strlen(text)),
			     &result) == (number ? EG_ESTATUS(number) : 0));
	snprintf(text, sizeof(text), "%d%d\n", number, number);
	CHECK(strcmp(result.output, text) == 0);
	eg_command_result_finish(&result);
	return 0;
}

/* No pipe of one is in another: else it would wait for that one's end. */
static void several_tasks_run_programs_at_once(void **state)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group;

	(void)state;
	options.limit = 8;
	assert_int_equal(eg_group_init(&group, NULL, &options), 0);
	for (int i = 0; goes_on(i, 48); i++)
		assert_int_equal(eg_group_go(&group, task_echo, CODE(i % 100)), 0);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

/*
 * The program's end
 */

/* Waits until the child has exited, and leaves it. */
static void await_exit(pid_t child)
{
	siginfo_t info;

	assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
}

static void what_holds_the_output_open_is_not_waited_for(void **state)
{
	struct program program = {.script = "sleep 1000 & echo $! >&2; echo out"};
	pid_t sleeper;

	(void)state;
	for (int i = 0; i < 3; i++) {
		program.grace_ns = i == 0 ? EG_MILLISECONDS(20) : i == 1 ? -1 : HOUR;
		program.flags = i == 2 ? EG_COMMAND_UNTIL_EXIT : 0;
		program_begin(&program);
		sleeper = (pid_t)program_await(&program);
		program_join(&program);
		assert_int_equal(program.code, 0);
		assert_string_equal(program.result.output, "out\n");
		assert_int_equal(program.result.is_open, 1);
		/* It is left alone. */
		assert_int_equal(kill(sleeper, SIGKILL), 0);
		program_await_all(&program);
		program_finish(&program);
	}
}

static void the_context_ends_what_a_program_has_left_running(void **state)
{
	struct program program = {
	    .ctx = ctx_under(NULL), .script = "sleep 1000 & echo $$ >&2; echo out", .grace_ns = HOUR};

	(void)state;
	program_begin(&program);
	await_exit((pid_t)program_await(&program));
	eg_ctx_cancel(program.ctx, NULL);
	program_join(&program);
	program_await_all(&program);
	/* Itself it has ended before. */
	assert_true(program.code == 0);
	assert_string_equal(program.result.output, "out\n");
	assert_int_equal(program.result.is_open, 0);
	program_finish(&program);
	eg_ctx_unref(program.ctx);
}

/*
 * A process that is in the way
 */

static void with_children_ignored_nothing_is_run(void **state)
{
	struct eg_command_result result = EG_COMMAND_RESULT_INIT;
	struct sigaction none = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};

	(void)state;
	signal(SIGCHLD, SIG_IGN);
	assert_int_equal(eg_command_run(NULL, EG_COMMAND(SH("exit 0")), &result), -ECHILD);
	assert_int_equal(sigaction(SIGCHLD, &none, NULL), 0);
	assert_int_equal(eg_command_run(NULL, EG_COMMAND(SH("exit 0")), &result), -ECHILD);
	signal(SIGCHLD, SIG_DFL);
	assert_null(result.output);
}

static void a_status_that_somebody_has_taken_is_not_made_up(void **state)
{
	struct program program = {.script = "echo $$ >&2; read line; echo out"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		pid_t child;

		program.script = i ? "echo $$ >&2; kill -STOP $$; echo out; exit 1"
				   : "echo $$ >&2; echo out; kill -STOP $$; exit 1";
		program_begin(&program);
		child = (pid_t)program_await(&program);
		/* It is stopped, so that nobody comes before. */
		assert_int_equal(waitpid(child, NULL, WUNTRACED), child);
		if (i)
			signal(SIGCHLD, SIG_IGN);
		kill(child, SIGCONT);
		if (i) {
			program_join(&program);
			signal(SIGCHLD, SIG_DFL);
			assert_int_equal(program.code, -ECHILD);
		} else {
			bool is_ours = waitpid(child, NULL, 0) == child;

			program_join(&program);
			assert_int_equal(program.code, is_ours ? -ECHILD : EG_ESTATUS(1));
		}
		assert_string_equal(program.result.output, "out\n");
		program_await_all(&program);
		program_finish(&program);
	}
}

static void signals_do_not_disturb(void **state)
{
	struct eg_command_result result = EG_COMMAND_RESULT_INIT;
	static char input[300000];
	eg_ctx *ctx = ctx_under(NULL);

	(void)state;
	storm_begin();
	assert_int_equal(
	    eg_command_run(ctx, EG_COMMAND(EG_ARGV("cat"), .input = input, .input_size = sizeof(input)),
			   &result),
	    0);
	storm_end();
	assert_int_equal(result.output_size, sizeof(input));
	eg_command_result_finish(&result);
	eg_ctx_unref(ctx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST_CLEAN(a_program_is_asked_to_end_then_made_to),
	    TEST_CLEAN(one_that_is_stopped_is_asked_as_well),
	    TEST_CLEAN(what_a_program_has_started_ends_with_it),
	    TEST_CLEAN(a_deadline_ends_it_with_the_deadlines_code),
	    TEST_CLEAN(the_first_command_that_fails_ends_the_others),
	    TEST_CLEAN(several_tasks_run_programs_at_once),
	    TEST_CLEAN(what_holds_the_output_open_is_not_waited_for),
	    TEST_CLEAN(the_context_ends_what_a_program_has_left_running),
	    TEST_CLEAN(with_children_ignored_nothing_is_run),
	    TEST_CLEAN(a_status_that_somebody_has_taken_is_not_made_up),
	    TEST_CLEAN(signals_do_not_disturb),
	};

	/* An emulator of one process has no vfork, which posix_spawn learns by why it failed. */
	if (is_emulated()) {
		puts("1..0 # skip: emulated");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
