/* SPDX-License-Identifier: MIT */
/*
 * What a limit that tunes itself finds, beside what each fixed limit gets done: a table.
 *
 *     limit_tuned [SECONDS [SECONDS FOR EACH FIXED LIMIT]]      20 and 2
 *
 * Three loads. Two are services on loopback connections: each connection has a thread that answers a byte with a byte after the
 * time that the service takes. The third computes.
 *
 *   capacity   10 ms a request, 32 served at once, the others queue
 *   knee       10 ms a request; past 16 at once each more makes all of them slower by an eighth
 *   compute    1 ms of CPU
 */
#include <errgroup.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST 128
#define MS 1000000L
#define SECOND (1000 * MS)

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void sleep_for(long ns)
{
	struct timespec time = {ns / SECOND, ns % SECOND};

	while (nanosleep(&time, &time) != 0)
		;
}

/*
 * The service
 */

static struct service {
	bool has_knee;
	sem_t places;
	atomic_int serving;
} service;

static void serve(void)
{
	int now;

	if (!service.has_knee) {
		sem_wait(&service.places);
		sleep_for(10 * MS);
		sem_post(&service.places);
		return;
	}
	now = atomic_fetch_add(&service.serving, 1) + 1;
	sleep_for(now <= 16 ? 10 * MS : 10 * MS + 10 * MS * (now - 16) / 8);
	atomic_fetch_sub(&service.serving, 1);
}

static void *serve_connection(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char byte;

	while (read(fd, &byte, 1) == 1) {
		serve();
		if (write(fd, &byte, 1) != 1)
			break;
	}
	close(fd);
	return NULL;
}

static void *accept_all(void *arg)
{
	int listener = (int)(intptr_t)arg, one = 1;

	for (;;) {
		int fd = accept(listener, NULL, NULL);
		pthread_t thread;

		if (fd < 0)
			die("accept");
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (pthread_create(&thread, NULL, serve_connection, (void *)(intptr_t)fd) != 0)
			die("pthread_create");
		pthread_detach(thread);
	}
	return NULL;
}

static int connections[MOST];

static void service_start(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	pthread_t thread;

	sem_init(&service.places, 0, 32);
	if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) != 0 ||
	    listen(listener, MOST) != 0 || getsockname(listener, (struct sockaddr *)&address, &length) != 0)
		die("listen");
	if (pthread_create(&thread, NULL, accept_all, (void *)(intptr_t)listener) != 0)
		die("pthread_create");
	for (int i = 0; i < MOST; i++) {
		connections[i] = socket(AF_INET, SOCK_STREAM, 0);
		if (connections[i] < 0 || connect(connections[i], (struct sockaddr *)&address, length) != 0)
			die("connect");
		(void)setsockopt(connections[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
}

/*
 * The tasks
 */

static struct {
	eg_group *group;
	atomic_bool over;
	atomic_long ended;
} run;

static int next(eg_task_fn *fn)
{
	atomic_fetch_add(&run.ended, 1);
	return atomic_load(&run.over) ? 0 : eg_group_go(run.group, fn, NULL);
}

static int request(eg_ctx *ctx, void *arg)
{
	int fd = connections[eg_task_slot()];
	char byte = 'x';

	(void)ctx;
	(void)arg;
	if (write(fd, &byte, 1) != 1 || read(fd, &byte, 1) != 1)
		return -1;
	return next(request);
}

static long cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return time.tv_sec * SECOND + time.tv_nsec;
}

static int compute(eg_ctx *ctx, void *arg)
{
	long end = cpu_ns() + MS;

	(void)ctx;
	(void)arg;
	while (cpu_ns() < end)
		;
	return next(compute);
}

struct load {
	const char *name;
	eg_task_fn *fn;
	bool has_knee;
};

/* Returns tasks a second; with a path, prints the number at each second. */
static double measure(const struct load *load, eg_limit *limit, long seconds, bool shows)
{
	eg_group group;
	int64_t begin;

	service.has_knee = load->has_knee;
	atomic_store(&run.over, false);
	atomic_store(&run.ended, 0);
	run.group = &group;
	if (eg_group_init(&group, NULL,
			  EG_GROUP_OPTIONS(.limit = MOST, .flags = EG_GROUP_NO_HELP, .shared_limit = limit)))
		die("eg_group_init");
	begin = eg_clock_now_ns();
	for (int i = 0; i < 2 * MOST; i++)
		eg_group_go(&group, load->fn, NULL);
	for (long second = 0; second < seconds; second++) {
		sleep_for(SECOND);
		if (shows)
			printf(" %d", eg_limit_now(limit));
	}
	atomic_store(&run.over, true);
	{
		double per_second =
		    (double)atomic_load(&run.ended) * 1e9 / (double)(eg_clock_now_ns() - begin);

		if (eg_group_wait(&group))
			die("a request failed");
		eg_group_destroy(&group);
		return per_second;
	}
}

int main(int argc, char **argv)
{
	static const struct load loads[] = {
	    {"capacity", request, false}, {"knee", request, true}, {"compute", compute, false}};
	static const int fixed[] = {1, 2, 4, 8, 12, 16, 20, 24, 32, 40, 64, MOST};
	long seconds = argc > 1 ? atol(argv[1]) : 20, seconds_fixed = argc > 2 ? atol(argv[2]) : 2;

	setvbuf(stdout, NULL, _IOLBF, 0);
	service_start();
	for (size_t l = 0; l < sizeof(loads) / sizeof(loads[0]); l++) {
		double best = 0, tuned;
		int best_at = 0;
		eg_limit *limit;

		printf("%s\n  limit  tasks/s\n", loads[l].name);
		for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
			double per_second;

			if (eg_limit_create(fixed[i], &limit))
				die("eg_limit_create");
			per_second = measure(&loads[l], limit, seconds_fixed, false);
			eg_limit_unref(limit);
			printf("  %5d %8.0f\n", fixed[i], per_second);
			if (per_second > best) {
				best = per_second;
				best_at = fixed[i];
			}
		}
		if (eg_limit_create_tuned(2, MOST, &limit))
			die("eg_limit_create_tuned");
		printf("  from 2, each second:");
		tuned = measure(&loads[l], limit, seconds, true);
		eg_limit_unref(limit);
		printf("\n  tuned %8.0f, %.2f of the best, which is %d\n", tuned, tuned / best, best_at);
	}
	return 0;
}
