/* SPDX-License-Identifier: MIT */
/*
 * Printing a backtrace while memory runs out: each allocation that it takes fails in turn, once or from then on, in a child
 * process that has not loaded libdw before. The program's malloc is this file's, which shared objects call as well.
 */

#include "support.h"

#include <dlfcn.h>
#include <link.h>
#include <sys/wait.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

static volatile bool is_armed; /* read by what the compiler takes for malloc */
static bool is_for_good;
static volatile long calls;
static long fails_at;
static uintptr_t loader_begin, loader_end;

/* What the loader takes for a thread's variables it cannot do without, whoever asks for them. */
static bool is_to_fail(const void *caller)
{
	if (!is_armed || (uintptr_t)caller - loader_begin < loader_end - loader_begin)
		return false;
	calls++;
	if (calls != fails_at && !(is_for_good && calls > fails_at))
		return false;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return is_to_fail(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return is_to_fail(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size)
{
	return is_to_fail(__builtin_return_address(0)) ? NULL : __libc_realloc(memory, size);
}

static int find_loader(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	(void)arg;
	if (strstr(info->dlpi_name, "/ld-") == NULL && strstr(info->dlpi_name, "ld-linux") == NULL)
		return 0;
	loader_begin = info->dlpi_addr;
	for (size_t i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_LOAD)
			loader_end =
			    info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;
	return 1;
}

/* valgrind puts its own in the place of this file's. */
static bool is_counted(void)
{
	char *copy;

	is_armed = true;
	copy = strdup("called by the C library");
	is_armed = false;
	free(copy);
	return calls > 0;
}

static __attribute__((noinline)) void innermost(int number)
{
	eg_panic("number %d", number);
}

static int task_panic(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	innermost(7);
	return 0;
}

/* Which call is to fail; the statuses of the child. */
struct attempt {
	eg_error *error;
	long at;
	bool for_good;
};

enum { WAS_REACHED = 11, WAS_NOT_REACHED = 12, WRONG = 13 };

static void format_without(void *arg)
{
	const struct attempt *attempt = arg;
	static char text[65536], again[65536];

	fails_at = attempt->at;
	is_for_good = attempt->for_good;
	is_armed = true;
	eg_error_format(attempt->error, text, sizeof(text));
	is_armed = false;
	/* Whatever became of names: what needs no memory is there, now and later. */
	eg_error_format(attempt->error, again, sizeof(again));
	if (strncmp(text, "panic: number 7\n", 16) != 0 || strncmp(again, text, 16) != 0 ||
	    strstr(text, "created by ") == NULL || strstr(again, "test_libdw_memory") == NULL)
		_Exit(WRONG);
	_Exit(calls >= fails_at ? WAS_REACHED : WAS_NOT_REACHED);
}

static void memory_may_run_out_at_any_moment_of_a_look_up(void **state)
{
	eg_group group = EG_GROUP_INIT;
	struct attempt attempt = {NULL, 0, false};
	struct child child;
	bool is_through = false;

	(void)state;
	dl_iterate_phdr(find_loader, NULL);
	assert_true(loader_end > loader_begin);
	if (!is_counted())
		skip();
	calls = 0;
	eg_group_go(&group, task_panic, NULL);
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);
	attempt.error = eg_group_error(&group);
	while (!is_through) {
		attempt.at++;
		for (int i = 0; i < 2; i++) {
			attempt.for_good = i == 1;
			child_run(format_without, &attempt, &child);
			is_through = WIFEXITED(child.status) && WEXITSTATUS(child.status) == WAS_NOT_REACHED;
			if (!is_through && !child_exited(&child, WAS_REACHED))
				fail_msg("allocation %ld%s", attempt.at,
					 attempt.for_good ? " and later" : "");
		}
	}
	/* The names take some, even without libdw. */
	assert_in_range(attempt.at, 3, 10000);
	eg_group_destroy(&group);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(memory_may_run_out_at_any_moment_of_a_look_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
