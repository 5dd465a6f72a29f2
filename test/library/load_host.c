/* SPDX-License-Identifier: MIT */
/*
 * A program that knows nothing of the library and loads a plugin that has the static one in it.
 *
 *     load_host PLUGIN thread|fork|fault|again|unused
 *
 * Exit status 0 when all went well, and 42 for a fault that came to the program's own handler; otherwise the line.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MUST(condition)                  \
	do {                             \
		if (!(condition))        \
			_exit(__LINE__); \
	} while (0)

static const char *path;
static bool uses = true, recovers;

static void *load(void *arg)
{
	void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL),
	     *symbol = module ? dlsym(module, "load_use") : NULL;
	int (*use)(int) = (int (*)(int))symbol;
	int err;

	if (!use)
		fprintf(stderr, "%s\n", dlerror());
	MUST(use);
	err = uses ? use(recovers) : 0;
	MUST(err == 0 || (recovers && err == -ENOTSUP));
	MUST(dlclose(module) == 0);
	return arg;
}

/* Its end comes after that of the plugin, but for what is kept of that. */
static void end_thread(void)
{
	pthread_t thread;

	MUST(pthread_create(&thread, NULL, load, NULL) == 0);
	MUST(pthread_join(thread, NULL) == 0);
}

static void fork_later(void)
{
	pid_t child;
	int status;

	load(NULL);
	child = fork();
	if (child == 0)
		_exit(0);
	MUST(child > 0 && waitpid(child, &status, 0) == child && status == 0);
}

static void on_fault(int signal)
{
	(void)signal;
	_exit(42);
}

static void fault_later(void)
{
	recovers = true;
	signal(SIGSEGV, on_fault);
	load(NULL);
	raise(SIGSEGV);
}

static void load_again(void)
{
	for (int i = 0; i < 50; i++)
		load(NULL);
}

static void load_unused(void)
{
	uses = false;
	load_again();
	fork_later();
	end_thread();
}

int main(int count, char **arguments)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} modes[] = {{"thread", end_thread},
		     {"fork", fork_later},
		     {"fault", fault_later},
		     {"again", load_again},
		     {"unused", load_unused}};

	MUST(count == 3);
	path = arguments[1];
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, arguments[2]) == 0) {
			modes[i].run();
			return 0;
		}
	return 255;
}
