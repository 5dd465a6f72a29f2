#!/bin/sh
# SPDX-License-Identifier: MIT
#
# sh test/task/test_exceptions.sh BUILD
#
# What becomes of C++ exceptions that leave a function which the library has called: the process ends by
# std::terminate, whoever called it and whoever would catch it further up. Exceptions that stay inside are the program's.
# Prints TAP. The compilers are $CXX or c++, and clang++ if it is there.
set -u
library=$(CDPATH='' cd -- "$1" && pwd)/src
top=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
include=$top/include
# shellcheck source=test/tap.sh
. "$top/test/tap.sh"

cat >probe.cc <<'END'
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <errgroup.h>
#include <exception>
#include <pthread.h>
#include <stdexcept>
#include <string>

namespace {

enum { TERMINATED = 3, CAUGHT = 4, MISSED = 5, BROKEN = 6 };

struct failure : std::runtime_error {
	using std::runtime_error::runtime_error;
};

/* The exception is still there: nothing was unwound. */
[[noreturn]] void terminate_handler()
{
	try {
		if (std::current_exception())
			std::rethrow_exception(std::current_exception());
	} catch (const failure &) {
		std::_Exit(TERMINATED);
	} catch (...) {
	}
	std::_Exit(MISSED);
}

[[noreturn]] void do_throw()
{
	throw failure("thrown");
}

pthread_t thread; /* the one that is to throw, or all if not set */
bool chooses;

bool is_here()
{
	return !chooses || pthread_equal(thread, pthread_self());
}

extern "C" {

void call_throws(void *)
{
	do_throw();
}

int task_nothing(eg_ctx *, void *)
{
	return 0;
}

int task_throws(eg_ctx *, void *)
{
	if (is_here())
		do_throw();
	return -EAGAIN;
}

int task_defers(eg_ctx *, void *)
{
	if (!is_here())
		return -EAGAIN;
	return eg_defer(call_throws, nullptr);
}

int task_panics_and_defers(eg_ctx *, void *)
{
	if (!is_here())
		return -EAGAIN;
	if (eg_defer(call_throws, nullptr) == 0)
		eg_panic("a panic");
	return 0;
}

int task_has_a_scope(eg_ctx *, void *)
{
	eg_scope scope;

	if (!is_here())
		return -EAGAIN;
	try {
		eg_scope_begin(&scope);
		if (eg_defer(call_throws, nullptr) == 0)
			eg_scope_end(&scope);
	} catch (...) {
		std::_Exit(CAUGHT);
	}
	return 0;
}

void hook_throws(eg_error *, void *)
{
	do_throw();
}

int task_panics(eg_ctx *, void *)
{
	if (!is_here())
		return -EAGAIN;
	eg_panic("a panic");
}

int task_waits(eg_ctx *, void *)
{
	eg_group inner = EG_GROUP_INIT;

	if (!is_here())
		return -EAGAIN;
	try {
		eg_group_go(&inner, task_throws, nullptr);
		return eg_group_wait(&inner) == -EAGAIN ? -EAGAIN : 0;
	} catch (...) {
		std::_Exit(CAUGHT);
	}
}

int task_cancels(eg_ctx *, void *)
{
	eg_ctx_callback callback = EG_CTX_CALLBACK_INIT;
	eg_ctx *ctx;

	if (!is_here())
		return -EAGAIN;
	try {
		if (eg_ctx_with_cancel(nullptr, &ctx) == 0 &&
		    eg_ctx_on_end(ctx, call_throws, nullptr, &callback) == 0)
			eg_ctx_cancel(ctx, nullptr);
	} catch (...) {
		std::_Exit(CAUGHT);
	}
	return 0;
}

int task_catches(eg_ctx *, void *arg)
{
	try {
		do_throw();
	} catch (const std::exception &) {
		++*static_cast<int *>(arg);
	}
	return 0;
}

int task_ends_its_thread(eg_ctx *, void *)
{
	pthread_exit(nullptr);
}

ssize_t write_throws(void *, const char *, size_t)
{
	do_throw();
}
}

struct scenario {
	const char *name;
	eg_task_fn *task;
};

const scenario scenarios[] = {
	{"task", task_throws},
	{"defer", task_defers},
	{"panic_and_defer", task_panics_and_defers},
	{"scope", task_has_a_scope},
	{"hook", task_panics},
	{"inner", task_waits},
	{"callback", task_cancels},
};

/* What the function or its deferred calls throw, the waiting thread would catch. */
int run_task(eg_task_fn *task, bool helps, bool copies)
{
	char bytes[64] = "";

	chooses = helps;
	thread = pthread_self();
	for (;;) {
		eg_group_options options = EG_GROUP_OPTIONS_INIT;
		eg_group group;
		int err;

		options.limit = 1;
		options.flags = helps ? 0 : EG_GROUP_NO_HELP;
		if (eg_group_init(&group, nullptr, &options) != 0)
			return BROKEN;
		try {
			if (copies)
				eg_group_go_copy(&group, task, bytes, sizeof(bytes));
			else
				eg_group_go(&group, task, nullptr);
			err = eg_group_wait(&group);
		} catch (...) {
			return CAUGHT;
		}
		if (!helps || err != -EAGAIN)
			return MISSED;
		/* The task ran on another thread. */
		eg_group_destroy(&group);
	}
}

int run_callback(bool is_deadline)
{
	eg_ctx_callback callback = EG_CTX_CALLBACK_INIT;
	eg_ctx *ctx;

	try {
		if (eg_ctx_with_deadline(nullptr, is_deadline ? eg_clock_now_ns() : INT64_MAX, &ctx) != 0 ||
		    eg_ctx_on_end(ctx, call_throws, nullptr, &callback) != 0)
			return BROKEN;
		if (!is_deadline)
			eg_ctx_cancel(ctx, nullptr);
		/* Waits for the call, which does not come back. */
		eg_ctx_wait_until(ctx, INT64_MAX);
		eg_ctx_off_end(&callback);
	} catch (...) {
		return CAUGHT;
	}
	return MISSED;
}

int run_value()
{
	static const int key = 0;
	eg_ctx *ctx;

	if (eg_ctx_with_value(nullptr, &key, &thread, call_throws, &ctx) != 0)
		return BROKEN;
	try {
		eg_ctx_unref(ctx);
	} catch (...) {
		return CAUGHT;
	}
	return MISSED;
}

int run_stream()
{
	cookie_io_functions_t functions = {};
	eg_error *error = eg_error_create(-EIO, "an error");
	FILE *stream;

	functions.write = write_throws;
	stream = fopencookie(nullptr, "w", functions);
	setvbuf(stream, nullptr, _IONBF, 0);
	try {
		eg_error_print(error, stream);
	} catch (...) {
		return CAUGHT;
	}
	return MISSED;
}

/* What stays inside of a task is the program's, and the end of a thread is no exception. */
int run_others()
{
	eg_group group = EG_GROUP_INIT;
	int caught = 0;

	if (eg_group_set_limit(&group, 1) != 0)
		return BROKEN;
	for (int i = 0; i < 100; i++)
		eg_group_go(&group, task_catches, &caught);
	if (eg_group_wait(&group) != 0 || caught != 100 || eg_task_slot() != -1)
		return BROKEN;
	eg_group_destroy(&group);
	eg_group_options options = EG_GROUP_OPTIONS_INIT;
	options.flags = EG_GROUP_NO_HELP;
	if (eg_group_init(&group, nullptr, &options) != 0)
		return BROKEN;
	eg_group_go(&group, task_ends_its_thread, nullptr);
	if (eg_group_wait(&group) != EG_EEXITED)
		return BROKEN;
	eg_group_destroy(&group);
	group = EG_GROUP_INIT;
	eg_group_go(&group, task_nothing, nullptr);
	return eg_group_wait(&group) == 0 ? 0 : BROKEN;
}

}

int main(int argc, char **argv)
{
	std::string name = argc > 1 ? argv[1] : "", how = argc > 2 ? argv[2] : "";

	std::set_terminate(terminate_handler);
	if (name == "others")
		return run_others();
	if (name == "cancel" || name == "deadline")
		return run_callback(name == "deadline");
	if (name == "value")
		return run_value();
	if (name == "stream")
		return run_stream();
	if (name == "hook")
		eg_panic_set_hook(hook_throws, nullptr);
	for (const scenario &scenario : scenarios)
		if (name == scenario.name)
			return run_task(scenario.task, how != "worker", how == "copy");
	return BROKEN;
}
END

# ends EXPECTED NAME ARGUMENT...
ends() {
    expected=$1
    name=$2
    shift 2
    timeout 60 ./probe "$@" 2>/dev/null
    status=$?
    echo "exit status $status, expected $expected (3: std::terminate, 4: caught, 5: neither)" >why
    [ $status -eq "$expected" ]
    report "$name" $?
}

# all COMPILER LIBRARY OPTION...
all() {
    what="$1, $2"
    compiler=$1
    shift 2
    # shellcheck disable=SC2086
    if ! $compiler -std=c++17 -D_GNU_SOURCE -g -O1 "-I$include" -o probe probe.cc "$@" 2>why; then
        report "$what: builds" 1
        return
    fi
    for scenario in task defer panic_and_defer scope hook inner callback; do
        for how in worker waiter copy; do
            ends 3 "$what: $scenario on a $how" "$scenario" "$how"
        done
    done
    ends 3 "$what: a function called when a context is cancelled" cancel
    ends 3 "$what: a function called at a deadline" deadline
    ends 3 "$what: a function that gives back a context's value" value
    ends 3 "$what: a stream that an error is printed to" stream
    ends 0 "$what: exceptions that are caught inside, and ends of threads" others
}

for compiler in "${CXX:-c++}" clang++; do
    command -v "${compiler%% *}" >/dev/null 2>&1 || continue
    all "$compiler" shared "-L$library" "-Wl,-rpath,$library" -lerrgroup -pthread
    all "$compiler" static "-L$library" -l:liberrgroup.a -pthread -ldl
done
[ "$number" -gt 0 ] || skip_all 'no C++ compiler'
finish
