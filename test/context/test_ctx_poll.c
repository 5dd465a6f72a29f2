/* SPDX-License-Identifier: MIT */
/*
 * poll(2) that a context ends, and how durations and deadlines are written.
 */

#include "support.h"

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>

#define HOUR EG_SECONDS(3600)
#define MANY 40

/* Pipes, of which some have something to read. */
struct pipes {
	int ends[MANY][2];
	struct pollfd fds[MANY];
	nfds_t count;
};

static void pipes_open(struct pipes *pipes, nfds_t count)
{
	pipes->count = count;
	for (nfds_t i = 0; i < count; i++) {
		assert_int_equal(pipe(pipes->ends[i]), 0);
		pipes->fds[i] = (struct pollfd){pipes->ends[i][0], POLLIN, -1};
	}
}

static void pipes_fill(struct pipes *pipes, nfds_t i)
{
	assert_int_equal(write(pipes->ends[i][1], "x", 1), 1);
}

static void pipes_close(struct pipes *pipes)
{
	for (nfds_t i = 0; i < pipes->count; i++) {
		close(pipes->ends[i][0]);
		close(pipes->ends[i][1]);
	}
}

/*
 * Ready, late, over
 */

static void what_is_ready_is_told_as_poll_does_however_many_there_are(void **state)
{
	static const nfds_t counts[] = {1, 2, 15, 16, 17, MANY};
	eg_ctx *ctxs[] = {NULL, ctx_under(NULL)};

	(void)state;
	for (size_t c = 0; c < sizeof(counts) / sizeof(counts[0]) * 2; c++) {
		eg_ctx *ctx = ctxs[c % 2];
		struct pipes pipes;

		pipes_open(&pipes, counts[c / 2]);
		errno = 0;
		assert_int_equal(eg_ctx_poll(ctx, pipes.fds, pipes.count, 0), 0);
		for (nfds_t i = 0; i < pipes.count; i++)
			assert_int_equal(pipes.fds[i].revents, 0);
		pipes_fill(&pipes, 0);
		pipes_fill(&pipes, pipes.count - 1);
		assert_int_equal(eg_ctx_poll(ctx, pipes.fds, pipes.count, EG_CTX_NO_DEADLINE),
				 pipes.count > 1 ? 2 : 1);
		for (nfds_t i = 0; i < pipes.count; i++)
			assert_int_equal(pipes.fds[i].revents, i == 0 || i == pipes.count - 1 ? POLLIN : 0);
		pipes.fds[0].fd = -1;
		assert_int_equal(eg_ctx_poll(ctx, pipes.fds, pipes.count, eg_clock_after_ns(HOUR * 0)),
				 pipes.count > 1);
		assert_int_equal(errno, 0);
		pipes_close(&pipes);
	}
	eg_ctx_unref(ctxs[1]);
}

static void the_time_that_comes_first_is_zero_and_never_early(void **state)
{
	eg_ctx *ctxs[] = {NULL, ctx_under(NULL)};
	struct pipes pipes;

	(void)state;
	pipes_open(&pipes, 1);
	for (int i = 0; i < 2; i++) {
		int64_t soon = eg_clock_after_ns(EG_MILLISECONDS(2));

		pipes.fds[0].revents = POLLIN;
		assert_int_equal(eg_ctx_poll(ctxs[i], pipes.fds, 1, soon), 0);
		assert_true(eg_clock_now_ns() >= soon);
		assert_int_equal(pipes.fds[0].revents, 0);
		assert_int_equal(eg_ctx_poll(ctxs[i], NULL, 0, eg_clock_after_ns(EG_MICROSECONDS(100))), 0);
		assert_int_equal(eg_ctx_poll(ctxs[i], pipes.fds, 1, INT64_MIN), 0);
	}
	eg_ctx_unref(ctxs[1]);
	pipes_close(&pipes);
}

static void a_context_that_is_over_counts_for_more_than_what_is_ready(void **state)
{
	eg_ctx *ctx = ctx_under(NULL), *timed;
	struct pipes pipes;

	(void)state;
	pipes_open(&pipes, 1);
	pipes_fill(&pipes, 0);
	eg_ctx_cancel(ctx, NULL);
	assert_int_equal(eg_ctx_poll(ctx, pipes.fds, 1, 0), -ECANCELED);
	assert_int_equal(pipes.fds[0].revents, -1);
	eg_ctx_unref(ctx);

	/* While it sleeps: by a deadline, which is the context's own. */
	pipes.fds[0].events = 0;
	assert_int_equal(eg_ctx_with_timeout(NULL, EG_MILLISECONDS(2), &timed), 0);
	assert_int_equal(eg_ctx_poll(timed, pipes.fds, 1, EG_CTX_NO_DEADLINE), -ETIMEDOUT);
	assert_true(eg_clock_now_ns() >= eg_ctx_deadline(timed));
	assert_int_equal(pipes.fds[0].revents, -1);
	eg_ctx_unref(timed);
	pipes_close(&pipes);
}

struct poller {
	eg_ctx *ctx;
	struct pipes pipes;
	int64_t deadline_ns;
	_Atomic pid_t thread;
	atomic_bool returned;
	int result;
};

static void *poller_main(void *arg)
{
	struct poller *poller = arg;

	atomic_store(&poller->thread, thread_id());
	poller->result =
	    eg_ctx_poll(poller->ctx, poller->pipes.fds, poller->pipes.count, poller->deadline_ns);
	atomic_store(&poller->returned, true);
	return NULL;
}

static void the_end_of_the_context_or_something_to_read_wakes_a_sleeper(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		struct poller poller = {.ctx = ctx_under(NULL),
					.deadline_ns = i < 2 ? EG_CTX_NO_DEADLINE : eg_clock_after_ns(HOUR)};
		pthread_t thread;

		pipes_open(&poller.pipes, 3);
		assert_int_equal(pthread_create(&thread, NULL, poller_main, &poller), 0);
		assert_true(thread_blocks(&poller.thread, &poller.returned));
		if (i % 2)
			pipes_fill(&poller.pipes, 2);
		else
			eg_ctx_cancel(poller.ctx, NULL);
		pthread_join(thread, NULL);
		assert_int_equal(poller.result, i % 2 ? 1 : -ECANCELED);
		assert_int_equal(poller.pipes.fds[2].revents, i % 2 ? POLLIN : -1);
		pipes_close(&poller.pipes);
		eg_ctx_unref(poller.ctx);
	}
}

static void ignore(int signal)
{
	(void)signal;
}

static void signals_do_not_cut_it_short(void **state)
{
	struct sigaction action = {.sa_handler = ignore};
	struct poller poller = {.ctx = ctx_under(NULL), .deadline_ns = eg_clock_after_ns(HOUR)};
	int64_t soon;
	pthread_t thread;

	(void)state;
	assert_int_equal(sigaction(SIGUSR1, &action, NULL), 0);
	pipes_open(&poller.pipes, 1);
	assert_int_equal(pthread_create(&thread, NULL, poller_main, &poller), 0);
	for (int i = 0; i < 20; i++) {
		assert_true(thread_blocks(&poller.thread, &poller.returned));
		pthread_kill(thread, SIGUSR1);
	}
	assert_true(thread_blocks(&poller.thread, &poller.returned));
	eg_ctx_cancel(poller.ctx, NULL);
	pthread_join(thread, NULL);
	assert_int_equal(poller.result, -ECANCELED);

	/* Interrupted more often than it sleeps, it ends when it is to. */
	storm_begin();
	soon = eg_clock_after_ns(EG_MILLISECONDS(10));
	assert_int_equal(eg_ctx_poll(NULL, poller.pipes.fds, 1, soon), 0);
	assert_true(eg_clock_now_ns() >= soon);
	storm_end();
	signal(SIGUSR1, SIG_DFL);
	pipes_close(&poller.pipes);
	eg_ctx_unref(poller.ctx);
}

/*
 * A task
 */

static int task_poll(eg_ctx *ctx, void *arg)
{
	struct poller *poller = arg;

	poller->ctx = ctx;
	poller_main(poller);
	return poller->result;
}

static void a_task_that_polls_ends_with_its_group(void **state)
{
	struct poller poller = {.deadline_ns = EG_CTX_NO_DEADLINE};
	eg_group group;

	(void)state;
	pipes_open(&poller.pipes, 1);
	assert_int_equal(eg_group_init(&group, NULL, NULL), 0);
	assert_int_equal(eg_group_go(&group, task_poll, &poller), 0);
	assert_true(thread_blocks(&poller.thread, &poller.returned));
	assert_int_equal(eg_group_go(&group, task_return, CODE(-EPIPE)), 0);
	assert_int_equal(eg_group_wait(&group), -EPIPE);
	assert_int_equal(poller.result, -ECANCELED);
	eg_group_destroy(&group);
	pipes_close(&poller.pipes);
}

/*
 * Refused
 */

static void what_cannot_be_polled_is_refused_and_nothing_written(void **state)
{
	eg_ctx *ctx = ctx_under(NULL);
	struct pollfd fd = {-1, POLLIN, -1};

	(void)state;
	assert_int_equal(eg_ctx_poll(ctx, NULL, 1, 0), -EINVAL);
	assert_int_equal(eg_ctx_poll(NULL, NULL, 1, 0), -EINVAL);
	assert_int_equal(eg_ctx_poll(ctx, &fd, (nfds_t)-1, 0), -EINVAL);
	assert_int_equal(eg_ctx_poll(ctx, &fd, INT32_MAX, 0), -EINVAL);
	assert_int_equal(fd.revents, -1);
	eg_ctx_unref(ctx);
}

static void without_descriptors_it_says_so_and_works_later(void **state)
{
	eg_ctx *ctx = ctx_under(NULL);
	struct pollfd fd = {-1, POLLIN, -1};
	struct rlimit before, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	errno = 0;
	assert_int_equal(eg_ctx_poll(ctx, &fd, 1, 0), -EMFILE);
	assert_int_equal(errno, 0);
	assert_int_equal(fd.revents, -1);
	/* The background needs none. */
	assert_int_equal(eg_ctx_poll(NULL, &fd, 1, 0), 0);
	assert_int_equal(fd.revents, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(eg_ctx_poll(ctx, &fd, 1, 0), 0);
	eg_ctx_unref(ctx);
}

/*
 * Durations
 */

_Static_assert(EG_MICROSECONDS(3) == 3000, "a constant");
_Static_assert(EG_MILLISECONDS(-3) == -3000000, "a constant");
_Static_assert(EG_SECONDS(9223372036) == INT64_C(9223372036000000000), "the last that fits");
_Static_assert(EG_SECONDS(-9223372036) == INT64_C(-9223372036000000000), "the last that fits");
_Static_assert(EG_SECONDS(9223372037) == INT64_MAX, "too long");
_Static_assert(EG_SECONDS(-9223372037) == INT64_MIN, "too long");
_Static_assert(EG_MILLISECONDS(INT64_MAX) == INT64_MAX, "too long");
_Static_assert(EG_MICROSECONDS(INT64_MIN) == INT64_MIN, "too long");
_Static_assert(EG_SECONDS(UINT64_MAX) == INT64_MAX, "too long, without a sign");

static void a_duration_that_is_too_long_is_the_longest_there_is(void **state)
{
	static const int64_t two_seconds = EG_SECONDS(2);
	volatile int some = -7;
	volatile unsigned char few = 255;
	volatile uint64_t huge = UINT64_C(1) << 63;
	volatile int64_t deep = -(INT64_C(1) << 62);

	(void)state;
	assert_true(two_seconds == 2000 * EG_MILLISECONDS(1) &&
		    EG_MILLISECONDS(1) == 1000 * EG_MICROSECONDS(1));
	assert_true(EG_SECONDS(some) == INT64_C(-7000000000));
	assert_true(EG_SECONDS(few) == INT64_C(255000000000));
	assert_true(EG_MICROSECONDS(huge) == INT64_MAX);
	assert_true(EG_MILLISECONDS(deep) == INT64_MIN);
}

static void a_deadline_beyond_the_clock_is_none(void **state)
{
	int64_t before = eg_clock_now_ns(), soon = eg_clock_after_ns(EG_SECONDS(5)),
		after = eg_clock_now_ns();

	(void)state;
	assert_true(soon >= before + EG_SECONDS(5) && soon <= after + EG_SECONDS(5));
	assert_true(eg_clock_after_ns(INT64_MAX) == EG_CTX_NO_DEADLINE);
	assert_true(eg_clock_after_ns(-EG_SECONDS(1)) < after);
	assert_true(eg_clock_after_ns(INT64_MIN) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(what_is_ready_is_told_as_poll_does_however_many_there_are),
	    TEST(the_time_that_comes_first_is_zero_and_never_early),
	    TEST(a_context_that_is_over_counts_for_more_than_what_is_ready),
	    TEST(the_end_of_the_context_or_something_to_read_wakes_a_sleeper),
	    TEST(signals_do_not_cut_it_short),
	    TEST(a_task_that_polls_ends_with_its_group),
	    TEST(what_cannot_be_polled_is_refused_and_nothing_written),
	    TEST(without_descriptors_it_says_so_and_works_later),
	    TEST(a_duration_that_is_too_long_is_the_longest_there_is),
	    TEST(a_deadline_beyond_the_clock_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
