/* SPDX-License-Identifier: MIT */
/*
 * Running programs: what they are given, what comes back, and that nothing of them is left.
 */

#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>

#define SH(script) EG_ARGV("sh", "-c", script)

/* Runs a script and expects what comes back. */
static void expect_run(const char *script, int code, const char *output, const char *errors)
{
	struct eg_command_result result = EG_COMMAND_RESULT_INIT;

	errno = EXDEV;
	assert_int_equal(eg_command_run(NULL, EG_COMMAND(SH(script)), &result), code);
	assert_int_equal(errno, EXDEV);
	assert_string_equal(result.output, output);
	assert_int_equal(result.output_size, strlen(output));
	assert_string_equal(result.errors, errors);
	assert_int_equal(result.errors_size, strlen(errors));
	assert_int_equal(result.output_dropped + result.errors_dropped, 0);
	assert_int_equal(result.is_open, 0);
	assert_true(result.elapsed_ns > 0 && result.user_ns >= 0 && result.system_ns >= 0);
	assert_true(result.memory_max > 0);
	eg_command_result_finish(&result);
	assert_null(result.output);
	assert_null(result.errors);
}

/*
 * The end of a program
 */

static void what_it_writes_and_how_it_ends_comes_back(void **state)
{
	struct eg_command_result result = EG_COMMAND_RESULT_INIT;

	(void)state;
	expect_run("exit 0", 0, "", "");
	expect_run("echo out; echo err >&2", 0, "out\n", "err\n");
	expect_run("printf abc; exit 1", EG_ESTATUS(1), "abc", "");
	expect_run("exit 255", EG_ESTATUS(255), "", "");
	expect_run("echo so far; kill -KILL $$", EG_ESTATUS(128 + SIGKILL), "so far\n", "");
	assert_int_equal(eg_command_run(NULL, EG_COMMAND(SH("exit 7")), &result), EG_ESTATUS(7));
	assert_int_equal(result.exit_status, 7);
	assert_int_equal(result.signal, 0);
	eg_command_result_finish(&result);
	assert_int_equal(eg_command_run(NULL, EG_COMMAND(SH("kill -TERM $$")), &result),
			 EG_ESTATUS(128 + SIGTERM));
	assert_int_equal(result.exit_status, -1);
	assert_int_equal(result.signal, SIGTERM);
	eg_command_result_finish(&result);
	/* With a result of zeros; and without one. */
	memset(&result, 0, sizeof(result));
	assert_int_equal(eg_command_run(NULL, EG_COMMAND(SH("exit 7")), &result), EG_ESTATUS(7));
	assert_int_equal(result.exit_status, 7);
	eg_command_result_finish(&result);
	assert_int_equal(eg_command_run(NULL, EG_COMMAND(SH("echo unheard")), NULL), 0);
	assert_int_equal(eg_command_run(NULL, EG_COMMAND(SH("echo unheard; exit 3")), NULL), EG_ESTATUS(3));
	assert_string_equal(eg_strerror(EG_ESTATUS(3)), "program failed");
	eg_command_result_finish(NULL);
}

static int task_run(eg_ctx *ctx, void *arg)
{
	return eg_command_run(ctx, arg, NULL);
}

static void expect_message(const struct eg_command *command, int code, const char *message)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group;

	assert_int_equal(eg_group_init(&group, NULL, &options), 0);
	assert_int_equal(eg_group_go(&group, task_run, (void *)(uintptr_t)command), 0);
	assert_int_equal(eg_group_wait(&group), code);
	assert_string_equal(eg_error_message(eg_group_error(&group)), message);
	eg_group_destroy(&group);
}

static void a_task_fails_with_what_the_program_said(void **state)
{
	(void)state;
	expect_message(EG_COMMAND(SH("exit 2")), EG_ESTATUS(2), "sh: exit status 2");
	expect_message(EG_COMMAND(SH("echo unheard; echo no such thing >&2; exit 2")), EG_ESTATUS(2),
		       "sh: exit status 2: no such thing");
	expect_message(EG_COMMAND(SH("echo one >&2; echo two >&2; exit 2")), EG_ESTATUS(2),
		       "sh: exit status 2\none\ntwo");
	expect_message(EG_COMMAND(SH("echo out; echo err >&2; exit 9"), .flags = EG_COMMAND_MERGE),
		       EG_ESTATUS(9), "sh: exit status 9\nout\nerr");
	expect_message(EG_COMMAND(SH("kill -KILL $$")), EG_ESTATUS(137), "sh: ended by signal 9 (Killed)");
	/* Of much the end, from the beginning of a line. */
	expect_message(EG_COMMAND(SH("for i in 1 2 3 4 5 6 7 8 9; do printf '%63s\\n' $i >&2; done; exit 1")),
		       EG_ESTATUS(1),
		       "sh: exit status 1\n"
		       "                                                              3\n"
		       "                                                              4\n"
		       "                                                              5\n"
		       "                                                              6\n"
		       "                                                              7\n"
		       "                                                              8\n"
		       "                                                              9");
	expect_message(EG_COMMAND(EG_ARGV("/nonesuch/program")), -ENOENT, "cannot run /nonesuch/program");
	expect_message(EG_COMMAND(SH("exit 0"), .dir = "/nonesuch"), -ENOENT, "cannot run sh in /nonesuch");
}

/*
 * What it is given
 */

static void much_goes_in_and_out_at_once(void **state)
{
	struct eg_command_result result = EG_COMMAND_RESULT_INIT;
	size_t size = (size_t)3 << 20;
	char *input = malloc(size);

	(void)state;
	assert_non_null(input);
	for (size_t i = 0; i < size; i++)
		input[i] = (char)(i * 7919 >> 3);
	assert_int_equal(
	    eg_command_run(
		NULL, EG_COMMAND(EG_ARGV("tee", "/dev/stderr"), .input = input, .input_size = size), &result),
	    0);
	assert_int_equal(result.output_size, size);
	assert_int_equal(result.errors_size, size);
	assert_memory_equal(result.output, input, size);
	assert_memory_equal(result.errors, input, size);
	assert_int_equal(result.output[size], 0);
	eg_command_result_finish(&result);
	free(input);
}

static void input_that_is_not_read_is_no_error_and_no_signal(void **state)
{
	static char input[1 << 20];
	sigset_t sigpipe, before, pending;

	(void)state;
	signal(SIGPIPE, SIG_DFL);
	assert_int_equal(eg_command_run(NULL,
					EG_COMMAND(SH("exec <&-; echo read nothing"), .input = input,
						   .input_size = sizeof(input)),
					NULL),
			 0);
	assert_int_equal(eg_command_run(NULL,
					EG_COMMAND(SH("head -c 10 >/dev/null; exit 4"), .input = input,
						   .input_size = sizeof(input)),
					NULL),
			 EG_ESTATUS(4));
	sigpending(&pending);
	assert_int_equal(sigismember(&pending, SIGPIPE), 0);

	/* One that the caller keeps for later is still there. */
	sigemptyset(&sigpipe);
	sigaddset(&sigpipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
	pthread_kill(pthread_self(), SIGPIPE);
	assert_int_equal(
	    eg_command_run(NULL, EG_COMMAND(SH("exec <&-"), .input = input, .input_size = sizeof(input)),
			   NULL),
	    0);
	sigpending(&pending);
	assert_int_equal(sigismember(&pending, SIGPIPE), 1);
	assert_int_equal(sigwaitinfo(&sigpipe, NULL), SIGPIPE);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void more_than_the_bound_is_dropped_and_counted(void **state)
{
	static const size_t bounds[] = {1, 99, 4095, 4096, 4097, 99999, 100000, 100001, SIZE_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(bounds) / sizeof(bounds[0]); i++) {
		struct eg_command_result result = EG_COMMAND_RESULT_INIT;
		size_t kept = bounds[i] < 100000 ? bounds[i] : 100000;

		assert_int_equal(eg_command_run(NULL,
						EG_COMMAND(EG_ARGV("head", "-c", "100000", "/dev/zero"),
							   .output_max = bounds[i]),
						&result),
				 0);
		assert_int_equal(result.output_size, kept);
		assert_int_equal(result.output_dropped, 100000 - kept);
		assert_int_equal(result.output[kept], 0);
		eg_command_result_finish(&result);
	}
}

static void it_gets_the_folder_and_the_environment_that_are_named(void **state)
{
	static const char *const environment[] = {"NAME=value of it", "PATH=/bin:/usr/bin", NULL};
	struct eg_command_result result = EG_COMMAND_RESULT_INIT;

	(void)state;
	assert_int_equal(eg_command_run(NULL,
					EG_COMMAND(SH("pwd; echo $NAME $HOME; env | wc -l"),
						   .dir = "/proc/sys", .envp = environment),
					&result),
			 0);
	/* PWD is the shell's own. */
	assert_true(!strncmp(result.output, "/proc/sys\nvalue of it\n", 22));
	eg_command_result_finish(&result);
	setenv("ERRGROUP_TEST_VARIABLE", "inherited", 1);
	expect_run("echo $ERRGROUP_TEST_VARIABLE", 0, "inherited\n", "");
	unsetenv("ERRGROUP_TEST_VARIABLE");
	/* By default there is nothing to read. */
	assert_int_equal(eg_command_run(NULL, EG_COMMAND(EG_ARGV("cat")), &result), 0);
	assert_int_equal(result.output_size, 0);
	eg_command_result_finish(&result);
}

static void read_file(int fd, char text[256])
{
	ssize_t length = pread(fd, text, 255, 0);

	assert_true(length >= 0);
	text[length] = '\0';
}

static void its_streams_may_be_descriptors_of_the_caller(void **state)
{
	struct eg_command_result result = EG_COMMAND_RESULT_INIT;
	int files[2];
	char text[256];

	(void)state;
	for (int i = 0; i < 2; i++) {
		files[i] = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		assert_true(files[i] >= 0);
	}
	assert_int_equal(write(files[0], "lines\nto read\n", 14), 14);
	assert_int_equal(lseek(files[0], 0, SEEK_SET), 0);
	assert_int_equal(eg_command_run(NULL,
					EG_COMMAND(SH("cat; echo err >&2"), .in = EG_COMMAND_FD(files[0]),
						   .out = EG_COMMAND_FD(files[1])),
					&result),
			 0);
	assert_null(result.output);
	assert_string_equal(result.errors, "err\n");
	eg_command_result_finish(&result);
	read_file(files[1], text);
	assert_string_equal(text, "lines\nto read\n");
	assert_true(fcntl(files[1], F_GETFD) & FD_CLOEXEC);

	/* One for both, and none. */
	assert_int_equal(ftruncate(files[1], 0), 0);
	assert_int_equal(lseek(files[1], 0, SEEK_SET), 0);
	assert_int_equal(eg_command_run(NULL,
					EG_COMMAND(SH("echo out; echo err >&2"),
						   .out = EG_COMMAND_FD(files[1]), .flags = EG_COMMAND_MERGE),
					&result),
			 0);
	assert_null(result.output);
	assert_null(result.errors);
	eg_command_result_finish(&result);
	read_file(files[1], text);
	assert_string_equal(text, "out\nerr\n");
	assert_int_equal(eg_command_run(NULL,
					EG_COMMAND(SH("echo out; echo err >&2"), .in = EG_COMMAND_NULL,
						   .out = EG_COMMAND_NULL, .err = EG_COMMAND_NULL),
					&result),
			 0);
	assert_null(result.output);
	assert_null(result.errors);
	eg_command_result_finish(&result);

	/* The two in one. */
	assert_int_equal(
	    eg_command_run(
		NULL, EG_COMMAND(SH("echo out; echo err >&2; echo out"), .flags = EG_COMMAND_MERGE), &result),
	    0);
	assert_string_equal(result.output, "out\nerr\nout\n");
	assert_null(result.errors);
	eg_command_result_finish(&result);
	for (int i = 0; i < 2; i++)
		close(files[i]);
}

/* Somebody who prints, whether there is anything to print to or not. */
static void print_all_the_same(int signal)
{
	int saved = errno;

	(void)signal;
	for (int fd = 0; fd < 3; fd++)
		(void)!write(fd, "printed", 7);
	errno = saved;
}

/* Standard output and standard error crossed; and none at all. */
static void run_crossed(void *arg)
{
	struct eg_command_result result = EG_COMMAND_RESULT_INIT;
	struct sigaction action = {.sa_handler = print_all_the_same};
	struct itimerval often = {{0, 200}, {0, 200}};
	static char input[200000];
	int files[2];
	char text[8] = "";

	(void)arg;
	for (int i = 0; i < 2; i++) {
		files[i] = open("/tmp", O_TMPFILE | O_RDWR, 0600);
		EXPECT(dup2(files[i], 1 + i) == 1 + i);
	}
	EXPECT(eg_command_run(
		   NULL,
		   EG_COMMAND(SH("echo out; echo err >&2"), .out = EG_COMMAND_FD(2), .err = EG_COMMAND_FD(1)),
		   NULL) == 0);
	if (pread(files[0], text, 4, 0) != 4 || strcmp(text, "err\n") != 0)
		_exit(2);
	if (pread(files[1], text, 4, 0) != 4 || strcmp(text, "out\n") != 0)
		_exit(3);
	/* The caller's own. */
	EXPECT(eg_command_run(NULL,
			      EG_COMMAND(SH("echo more; echo more >&2"), .out = EG_COMMAND_FD(1),
					 .err = EG_COMMAND_FD(2)),
			      NULL) == 0);
	if (lseek(1, 0, SEEK_CUR) != 9 || lseek(2, 0, SEEK_CUR) != 9)
		_exit(4);
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	if (eg_command_run(
		NULL,
		EG_COMMAND(SH("sleep 0.01; cat; echo err >&2"), .input = input, .input_size = sizeof(input)),
		&result) != 0)
		_exit(5);
	if (result.output_size != sizeof(input) || strcmp(result.errors, "err\n") != 0)
		_exit(6);
	eg_command_result_finish(&result);
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			_exit(7);
}

static void no_stream_is_taken_for_another(void **state)
{
	struct child child;

	(void)state;
	child_run(run_crossed, NULL, &child);
	assert_true(child_exited(&child, 0));
}

/*
 * How it begins
 */

/* The value of a line of /proc/self/status, as the program sees it. */
static uint64_t signals_in(const char *status, const char *name)
{
	const char *line = strstr(status, name);

	assert_non_null(line);
	/* The C library keeps two for itself. */
	return strtoull(line + strlen(name), NULL, 16) & ~(UINT64_C(3) << 31);
}

static int task_status(eg_ctx *ctx, void *arg)
{
	return eg_command_run(ctx, EG_COMMAND(EG_ARGV("cat", "/proc/self/status")), arg);
}

static void it_has_the_signals_of_the_process_and_default_actions(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
		struct eg_command_result result = EG_COMMAND_RESULT_INIT;
		eg_group group;

		signal(SIGPIPE, SIG_IGN);
		signal(SIGHUP, i / 2 ? SIG_IGN : SIG_DFL);
		options.flags = i % 2 ? EG_GROUP_NO_HELP : 0;
		options.limit = 1;
		assert_int_equal(eg_group_init(&group, NULL, &options), 0);
		assert_int_equal(eg_group_go(&group, task_status, &result), 0);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(signals_in(result.output, "SigIgn:"), i / 2 ? 1 << (SIGHUP - 1) : 0);
		assert_int_equal(signals_in(result.output, "SigBlk:"), 0);
		eg_command_result_finish(&result);
		eg_group_destroy(&group);
		signal(SIGPIPE, SIG_DFL);
		signal(SIGHUP, SIG_DFL);
	}
}

static void it_inherits_no_descriptor_unless_it_is_to(void **state)
{
	struct eg_command_result result = EG_COMMAND_RESULT_INIT;
	int fd = dup(STDERR_FILENO);
	char name[32], line[32];

	(void)state;
	assert_true(fd > STDERR_FILENO);
	snprintf(name, sizeof(name), "test -e /proc/self/fd/%d", fd);
	assert_int_equal(eg_command_run(NULL, EG_COMMAND(SH(name)), NULL), EG_ESTATUS(1));
	assert_int_equal(eg_command_run(NULL, EG_COMMAND(SH(name), .flags = EG_COMMAND_KEEP_FDS), NULL), 0);
	/* Of the library's none, even then. */
	close(fd);
	assert_int_equal(
	    eg_command_run(NULL, EG_COMMAND(SH("ls /proc/self/fd"), .flags = EG_COMMAND_KEEP_FDS), &result),
	    0);
	for (fd = 3; fd < 20; fd++) {
		snprintf(line, sizeof(line), "%d\n", fd);
		assert_true(fd == 3 || !strstr(result.output, line) || fcntl(fd, F_GETFD) == 0);
	}
	eg_command_result_finish(&result);
}

/*
 * Refused
 */

static int output_unheard(void *arg, int stream, const char *bytes, size_t size)
{
	(void)arg, (void)stream, (void)bytes, (void)size;
	return 0;
}

static void what_cannot_be_run_is_refused_and_the_result_untouched(void **state)
{
	struct eg_command_result result = EG_COMMAND_RESULT_INIT, none = EG_COMMAND_RESULT_INIT,
				 small = {.size = 8};
	struct {
		struct eg_command known;
		long more;
	} newer = {{.size = sizeof(newer), .argv = SH("exit 0")}, 0};
	const struct eg_command *refused[] = {
	    NULL,
	    EG_COMMAND(NULL),
	    EG_COMMAND(EG_ARGV(NULL)),
	    &(struct eg_command){.size = 8, .argv = SH("exit 0")},
	    &(struct eg_command){.size = SIZE_MAX, .argv = SH("exit 0")},
	    EG_COMMAND(SH("exit 0"), .flags = 1u << 31),
	    EG_COMMAND(SH("exit 0"), .in = -2),
	    EG_COMMAND(SH("exit 0"), .out = -2),
	    EG_COMMAND(SH("exit 0"), .err = -2),
	    EG_COMMAND(SH("exit 0"), .input_size = 1),
	    EG_COMMAND(SH("exit 0"), .input = "x", .input_size = 1, .in = EG_COMMAND_NULL),
	    EG_COMMAND(SH("exit 0"), .err = EG_COMMAND_NULL, .flags = EG_COMMAND_MERGE),
	    EG_COMMAND(SH("exit 0"), .output = output_unheard, .out = EG_COMMAND_NULL,
		       .err = EG_COMMAND_NULL),
	    EG_COMMAND(SH("exit 0"), .output = output_unheard, .out = EG_COMMAND_NULL,
		       .flags = EG_COMMAND_MERGE),
	    EG_COMMAND(SH("exit 0"), .output = output_unheard, .output_max = 1),
	};
	eg_ctx *ctx = ctx_under(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(eg_command_run(NULL, refused[i], &result), -EINVAL);
	assert_int_equal(eg_command_run(NULL, EG_COMMAND(SH("exit 0")), &small), -EINVAL);
	assert_int_equal(eg_command_run(NULL, EG_COMMAND(EG_ARGV("no-such-program-anywhere")), &result),
			 -ENOENT);
	assert_int_equal(eg_command_run(NULL, EG_COMMAND(EG_ARGV("/etc/passwd")), &result), -EACCES);
	assert_int_equal(eg_command_run(NULL, EG_COMMAND(SH("exit 0"), .out = EG_COMMAND_FD(987)), &result),
			 -EBADF);
	eg_ctx_cancel(ctx, NULL);
	assert_int_equal(eg_command_run(ctx, EG_COMMAND(SH("exit 0")), &result), -ECANCELED);
	eg_ctx_unref(ctx);
	assert_memory_equal(&result, &none, sizeof(result));

	/* A newer header's, without anything new; and with. */
	assert_int_equal(eg_command_run(NULL, &newer.known, NULL), 0);
	newer.more = 1;
	assert_int_equal(eg_command_run(NULL, &newer.known, NULL), -EINVAL);
}

/* All descriptors but so many are taken, which the program does not inherit. */
static void run_with_few_descriptors(void *arg)
{
	struct eg_command_result result = EG_COMMAND_RESULT_INIT;
	struct rlimit limit = {64, 64};
	eg_ctx *ctx = ctx_under(NULL);
	long before = descriptors_open();
	int refused = 0, ran = 0;

	(void)arg;
	EXPECT(setrlimit(RLIMIT_NOFILE, &limit) == 0);
	/* Three pipes, the context's, and the pidfd, which is no must. */
	for (int left = 0; left < 10; left++) {
		int taken[64], count = 0, err;

		while ((taken[count] = dup(STDERR_FILENO)) >= 0)
			count++;
		for (int i = 0; i < left; i++)
			close(taken[--count]);
		err = eg_command_run(ctx, EG_COMMAND(SH("cat; echo err >&2"), .input = "in", .input_size = 2),
				     &result);
		while (count > 0)
			close(taken[--count]);
		EXPECT(err == 0 || (err == -EMFILE && ran == 0));
		if (err == 0)
			EXPECT(!strcmp(result.output, "in") && !strcmp(result.errors, "err\n"));
		else
			EXPECT(!result.output);
		err == 0 ? ran++ : refused++;
		eg_command_result_finish(&result);
		/* The context keeps its own. */
		EXPECT(descriptors_open() <= before + 1);
		EXPECT(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
	}
	EXPECT(refused >= 6 && ran >= 2);
	eg_ctx_unref(ctx);
	EXPECT(descriptors_open() == before);
}

static void without_descriptors_nothing_is_run_and_nothing_left(void **state)
{
	struct child child;

	(void)state;
	child_run(run_with_few_descriptors, NULL, &child);
	assert_true(child_exited(&child, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST_CLEAN(what_it_writes_and_how_it_ends_comes_back),
	    TEST_CLEAN(a_task_fails_with_what_the_program_said),
	    TEST_CLEAN(much_goes_in_and_out_at_once),
	    TEST_CLEAN(input_that_is_not_read_is_no_error_and_no_signal),
	    TEST_CLEAN(more_than_the_bound_is_dropped_and_counted),
	    TEST_CLEAN(it_gets_the_folder_and_the_environment_that_are_named),
	    TEST_CLEAN(its_streams_may_be_descriptors_of_the_caller),
	    TEST_CLEAN(no_stream_is_taken_for_another),
	    TEST_CLEAN(it_has_the_signals_of_the_process_and_default_actions),
	    TEST_CLEAN(it_inherits_no_descriptor_unless_it_is_to),
	    TEST_CLEAN(what_cannot_be_run_is_refused_and_the_result_untouched),
	    TEST_CLEAN(without_descriptors_nothing_is_run_and_nothing_left),
	};

	/* An emulator of one process has no vfork, which posix_spawn learns by why it failed. */
	if (is_emulated()) {
		puts("1..0 # skip: emulated");
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
