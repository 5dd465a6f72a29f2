/* SPDX-License-Identifier: MIT */
/*
 * loop: a group beside an event loop, which submits to it, asks how far it is, changes its limit and may give it up.
 *
 *     loop [MOST]
 *
 * At most as many tasks run at once as there are CPUs; or, with MOST, as many up to that as the library finds to get most done.
 * Reads lines from standard input and does what they say at once, while tasks run:
 *
 *     primes N    count the primes below N, in pieces
 *     limit N     at most so many tasks at once, unless the library finds that
 *     stats       print how far the tasks are
 *     stop        give up
 *
 * At the end of the input it waits for the tasks and prints the counts in order. The group is held open until then, and its
 * descriptor, polled beside standard input, says when everything is done: no thread waits.
 */

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errgroup.h>

struct job {
	size_t below;
	atomic_long primes;
	struct job *next;
};

struct loop {
	eg_group group;
	eg_limit *limit;
	struct job *first, **last;
};

static int is_prime(size_t number)
{
	for (size_t divisor = 2; divisor <= number / divisor; divisor++)
		if (number % divisor == 0)
			return 0;
	return number >= 2;
}

static int count_primes(eg_ctx *ctx, void *arg, size_t begin, size_t end)
{
	struct job *job = arg;
	long primes = 0;

	for (size_t number = begin; number < end && eg_ctx_err(ctx) == 0; number++)
		primes += is_prime(number);
	atomic_fetch_add(&job->primes, primes);
	return eg_ctx_err(ctx);
}

static int loop_count(struct loop *loop, size_t below)
{
	struct job *job = calloc(1, sizeof(*job));
	int err;

	if (job == NULL)
		return -ENOMEM;
	job->below = below;
	err = eg_group_go_pieces(&loop->group, below, 0, count_primes, job);
	if (err != 0) {
		free(job);
		return err;
	}
	*loop->last = job;
	loop->last = &job->next;
	return 0;
}

static int loop_show(const struct loop *loop)
{
	struct eg_stats stats = EG_STATS_INIT;
	int err = eg_group_stats(&loop->group, &stats);

	if (err == 0)
		printf("%llu done, %llu running, at most %d\n", (unsigned long long)stats.done,
		       (unsigned long long)stats.running, eg_limit_now(loop->limit));
	return err;
}

/* Fails the group from outside: what runs is cancelled, what has not started does not start. */
static int loop_stop(struct loop *loop)
{
	eg_error *error = eg_error_create(-ECANCELED, "stopped by a command");
	int err = eg_group_fail(&loop->group, error);

	eg_error_unref(error);
	return err;
}

static int loop_obey(struct loop *loop, const char *line)
{
	size_t number;
	int limit;

	if (sscanf(line, "primes %zu", &number) == 1)
		return loop_count(loop, number);
	if (sscanf(line, "limit %d", &limit) == 1)
		return eg_limit_set(loop->limit, limit);
	if (strcmp(line, "stats\n") == 0)
		return loop_show(loop);
	if (strcmp(line, "stop\n") == 0)
		return loop_stop(loop);
	return -EINVAL;
}

/* Until everything is done. Lines are read from a terminal or a pipe that has whole ones. */
static int loop_run(struct loop *loop)
{
	struct pollfd fds[] = {{eg_group_fd(&loop->group), POLLIN, 0}, {0, POLLIN, 0}};
	char line[100];

	if (fds[0].fd < 0)
		return fds[0].fd;
	setvbuf(stdin, NULL, _IONBF, 0);
	while (fds[0].revents == 0) {
		if (poll(fds, 2, -1) < 0)
			return -errno;
		if (fds[1].revents == 0)
			continue;
		if (fgets(line, sizeof(line), stdin) != NULL) {
			int err = loop_obey(loop, line);

			if (err != 0)
				fprintf(stderr, "loop: %s: %s", eg_strerror(err), line);
		} else {
			/* There will be no more. */
			fds[1].fd = -1;
			eg_group_release(&loop->group);
		}
	}
	return eg_group_wait(&loop->group);
}

static int loop_begin(struct loop *loop, eg_limit *limit)
{
	int err =
	    eg_group_init(&loop->group, NULL, EG_GROUP_OPTIONS(.shared_limit = limit, .halt = EG_HALT_NOW));

	if (err != 0)
		return err;
	/* The group has it too. */
	loop->limit = eg_limit_ref(limit);
	loop->last = &loop->first;
	return eg_group_hold(&loop->group);
}

static void loop_end(struct loop *loop)
{
	struct job *job;

	eg_group_destroy(&loop->group);
	eg_limit_unref(loop->limit);
	while ((job = loop->first) != NULL) {
		loop->first = job->next;
		free(job);
	}
}

int main(int argc, char **argv)
{
	struct loop loop = {.group = EG_GROUP_INIT};
	eg_limit *limit;
	int err = argc > 1 ? eg_limit_create_tuned(1, atoi(argv[1]), &limit)
			   : eg_limit_create(EG_LIMIT_CPUS, &limit);

	if (err == 0) {
		err = loop_begin(&loop, limit);
		eg_limit_unref(limit);
	}
	if (err == 0)
		err = loop_run(&loop);
	for (const struct job *job = loop.first; job != NULL && err == 0; job = job->next)
		printf("%zu: %ld\n", job->below, atomic_load(&job->primes));
	if (err != 0)
		fprintf(stderr, "loop: %s\n",
			eg_group_error(&loop.group) != NULL ? eg_error_message(eg_group_error(&loop.group))
							    : eg_strerror(err));
	loop_end(&loop);
	return err != 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
