/* SPDX-License-Identifier: MIT */
/*
 * A program with the static library in it, which uses it before any of its constructors has run; with the argument "keys",
 * when no thread-specific key is left in the process; with another, by many threads at once which are all the first. Exit
 * status 0 when all is as it should be, otherwise the line of what is not.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <errgroup.h>

#define TASKS 100
#define THREADS 16

#define MUST(condition)                  \
	do {                             \
		if (!(condition))        \
			_exit(__LINE__); \
	} while (0)

/* See test_load.c. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "intercept_tls_get_addr=0";
}

static pthread_key_t key; /* the program's own, and the process's first */
static char value;
static int early;

static int task_count(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	atomic_fetch_add((atomic_int *)arg, 1);
	return 0;
}

static int task_panics(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	eg_panic("early");
}

/* A bit of everything that the library has to have made. */
static void use(void)
{
	eg_ctx *ctx;
	atomic_int ran = 0;
	eg_group group = EG_GROUP_INIT;
	char text[4096];

	MUST(eg_group_set_limit(&group, 4) == 0);
	for (int i = 0; i < TASKS; i++)
		MUST(eg_group_go(&group, task_count, &ran) == 0);
	MUST(eg_group_wait(&group) == 0 && atomic_load(&ran) == TASKS);
	MUST(eg_group_go(&group, task_panics, NULL) == 0);
	MUST(eg_group_wait(&group) == EG_EPANIC);
	MUST(eg_error_format(eg_group_error(&group), text, sizeof(text)) > 0);
	MUST(eg_group_destroy(&group) == 0);
	MUST(eg_ctx_with_timeout(NULL, 1000000, &ctx) == 0);
	MUST(eg_ctx_wait_until(ctx, INT64_MAX) == 0);
	eg_ctx_unref(ctx);
}

/* Nothing is inherited held, and a child may do as its parent did. */
static void use_in_child(void)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		use();
		_exit(0);
	}
	MUST(child > 0 && waitpid(child, &status, 0) == child);
	MUST(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/*
 * The lowest priority that programs may use: before the constructors of all files that give none. glibc gives them
 * main's arguments.
 */
static void __attribute__((constructor(101))) begin(int count)
{
	MUST(pthread_key_create(&key, NULL) == 0);
	MUST(pthread_setspecific(key, &value) == 0);
	if (count > 1)
		return;
	use();
	use_in_child();
	early = 1;
}

static void use_without_keys(void)
{
	pthread_key_t other;

	while (pthread_key_create(&other, NULL) == 0)
		MUST(pthread_setspecific(other, &value) == 0);
	use();
	use_in_child();
	MUST(pthread_getspecific(other) == &value);
}

static pthread_barrier_t all;

static void *thread_main(void *arg)
{
	(void)arg;
	pthread_barrier_wait(&all);
	use();
	return NULL;
}

int main(int count, char **arguments)
{
	pthread_t threads[THREADS];

	MUST(early || count > 1);
	if (count > 1 && strcmp(arguments[1], "keys") == 0) {
		use_without_keys();
		return 0;
	}
	MUST(pthread_barrier_init(&all, NULL, THREADS) == 0);
	for (int i = 0; i < THREADS; i++)
		MUST(pthread_create(&threads[i], NULL, thread_main, NULL) == 0);
	for (int i = 0; i < THREADS; i++)
		MUST(pthread_join(threads[i], NULL) == 0);
	use_in_child();
	MUST(pthread_getspecific(key) == &value);
	return 0;
}
