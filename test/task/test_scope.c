/* SPDX-License-Identifier: MIT */
/*
 * Scopes and taking deferred calls back: what is deferred in a scope is called when the scope ends, however it ends,
 * and misuse is one line and an abort.
 */

#include "support.h"

#include <signal.h>

/* The calls made so far, as a string of letters. */
static char calls[64];

static void note(void *arg)
{
	size_t length = strlen(calls);

	if (length + 1 < sizeof(calls))
		calls[length] = (char)(intptr_t)arg;
}

static void note_and_panic(void *arg)
{
	note(arg);
	eg_panic("in a deferred call");
}

static void note_in_scope(void *arg)
{
	EG_SCOPE(scope);
	CHECK(eg_defer(note, CODE('-')) == 0);
	note(arg);
}

/* Runs one task; the group is left for the test to look at. */
static int run_one(eg_group *group, eg_task_fn *fn, void *arg)
{
	memset(group, 0, sizeof(*group));
	memset(calls, 0, sizeof(calls));
	eg_group_go(group, fn, arg);
	return eg_group_wait(group);
}

static void run_expecting(eg_task_fn *fn, int code, const char *expected)
{
	eg_group group;

	assert_int_equal(run_one(&group, fn, NULL), code);
	assert_string_equal(calls, expected);
	eg_group_destroy(&group);
}

static void note_local(void *arg)
{
	note(CODE(*(char *)arg));
}

static int leave_early(int how)
{
	char local = 'l';

	EG_SCOPE(scope);
	CHECK(eg_defer(note_local, &local) == 0);
	if (how == 0)
		return 0;
	CHECK(eg_defer(note, CODE('m')) == 0);
	if (how == 1)
		return 1;
	eg_panic("inside");
}

static int task_scopes(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	CHECK(eg_defer(note, CODE('a')) == 0);
	{
		EG_SCOPE(outer);
		CHECK(eg_defer(note, CODE('b')) == 0);
		{
			EG_SCOPE(inner);
			CHECK(eg_defer(note, CODE('c')) == 0);
			CHECK(eg_defer(note, CODE('d')) == 0);
		}
		CHECK(strcmp(calls, "dc") == 0);
		CHECK(eg_defer(note, CODE('e')) == 0);
	}
	CHECK(strcmp(calls, "dceb") == 0);
	CHECK(leave_early(0) == 0);
	CHECK(leave_early(1) == 1);
	CHECK(strcmp(calls, "dceblml") == 0);
	if (arg)
		leave_early(2);
	return 0;
}

static int task_scopes_panicking(eg_ctx *ctx, void *arg)
{
	(void)arg;
	return task_scopes(ctx, CODE(1));
}

static void a_scopes_calls_are_made_when_it_ends_however_it_is_left(void **state)
{
	(void)state;
	run_expecting(task_scopes, 0, "dceblmla");
	run_expecting(task_scopes_panicking, EG_EPANIC, "dceblmlmla");
}

static int task_panic_in_scopes_call(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	CHECK(eg_defer(note, CODE('a')) == 0);
	EG_SCOPE(outer);
	CHECK(eg_defer(note_in_scope, CODE('b')) == 0);
	{
		EG_SCOPE(inner);
		CHECK(eg_defer(note, CODE('c')) == 0);
		CHECK(eg_defer(note_and_panic, CODE('d')) == 0);
	}
	note(CODE('!'));
	return 0;
}

static void a_panic_in_a_scopes_call_unwinds_and_the_others_are_made(void **state)
{
	(void)state;
	run_expecting(task_panic_in_scopes_call, EG_EPANIC, "dcb-a");
}

static int task_undefer(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	CHECK(eg_undefer(note, CODE('a')) == -ENOENT);
	CHECK(eg_undefer(NULL, NULL) == -EINVAL);
	CHECK(eg_defer(note, CODE('a')) == 0);
	CHECK(eg_defer(note, CODE('b')) == 0);
	CHECK(eg_defer(note, CODE('a')) == 0);
	CHECK(eg_defer(note, CODE('c')) == 0);
	CHECK(eg_undefer(note, CODE('a')) == 0);
	CHECK(eg_undefer(note_in_scope, CODE('b')) == -ENOENT);
	return 0;
}

static void undefer_takes_back_the_latest_that_matches(void **state)
{
	(void)state;
	run_expecting(task_undefer, 0, "cba");
	assert_int_equal(eg_undefer(note, NULL), -EPERM);
}

/* What is taken out from below a scope does not let the scope lose a call of its own. */
static int task_undefer_below_scopes(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	CHECK(eg_defer(note, CODE('a')) == 0);
	CHECK(eg_defer(note, CODE('b')) == 0);
	{
		EG_SCOPE(outer);
		CHECK(eg_defer(note, CODE('c')) == 0);
		{
			EG_SCOPE(inner);
			CHECK(eg_undefer(note, CODE('b')) == 0);
			CHECK(eg_undefer(note, CODE('c')) == 0);
			CHECK(eg_defer(note, CODE('d')) == 0);
		}
		CHECK(strcmp(calls, "d") == 0);
		CHECK(eg_defer(note, CODE('e')) == 0);
	}
	CHECK(strcmp(calls, "de") == 0);
	return 0;
}

static void undefer_below_a_scope_leaves_the_scope_its_calls(void **state)
{
	(void)state;
	run_expecting(task_undefer_below_scopes, 0, "dea");
}

/* Hand over hand: each registration takes back the one before. The stack of calls must not grow. */
static int task_hand_over_hand(eg_ctx *ctx, void *arg)
{
	size_t heap = 0;

	(void)ctx;
	(void)arg;
	for (intptr_t i = 0; i < 10000; i++) {
		CHECK(eg_defer(note_local, (void *)(i + 1)) == 0);
		CHECK(i == 0 || eg_undefer(note_local, (void *)i) == 0);
		if (i == 100)
			heap = heap_in_use();
	}
	CHECK(heap_in_use() < heap + 4096);
	CHECK(eg_undefer(note_local, (void *)(intptr_t)10000) == 0);
	return 0;
}

static void calls_taken_back_leave_no_room_used(void **state)
{
	(void)state;
	run_expecting(task_hand_over_hand, 0, "");
}

static void a_scope_outside_a_task_is_empty(void **state)
{
	(void)state;
	EG_SCOPE(scope);
	assert_int_equal(eg_defer(note, NULL), -EPERM);
}

/* Each task has its own, also those that run inside another's wait. */
static int task_scoped_wait(eg_ctx *ctx, void *arg)
{
	eg_group group = EG_GROUP_INIT;

	(void)ctx;
	(void)arg;
	EG_SCOPE(scope);
	CHECK(eg_defer(note, CODE('o')) == 0);
	eg_group_set_limit(&group, 1);
	eg_group_go(&group, task_scopes_panicking, NULL);
	CHECK(eg_group_wait(&group) == EG_EPANIC);
	CHECK(strcmp(calls, "dceblmlmla") == 0);
	eg_group_destroy(&group);
	return 0;
}

static void scopes_of_nested_groups_are_apart(void **state)
{
	(void)state;
	run_expecting(task_scoped_wait, 0, "dceblmlmlao");
}

/*
 * The thread ends inside a scope: what it was to clean up may have been on the stack, so nothing is called; what the
 * task deferred outside is.
 */
static int task_exit_in_scope(eg_ctx *ctx, void *arg)
{
	eg_scope scope;

	(void)ctx;
	(void)arg;
	CHECK(eg_defer(note, CODE('a')) == 0);
	eg_scope_begin(&scope);
	CHECK(eg_defer(note, CODE('b')) == 0);
	CHECK(eg_defer(note, CODE('c')) == 0);
	pthread_exit(NULL);
}

static void a_thread_that_ends_in_a_scope_loses_its_calls_only(void **state)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_group group;

	(void)state;
	options.flags = EG_GROUP_NO_HELP;
	memset(calls, 0, sizeof(calls));
	assert_int_equal(eg_group_init(&group, NULL, &options), 0);
	eg_group_go(&group, task_exit_in_scope, NULL);
	assert_int_equal(eg_group_wait(&group), EG_EEXITED);
	assert_string_equal(calls, "a");
	eg_group_destroy(&group);
}

/*
 * Misuse, in child processes. The tasks run on the waiting thread, so that the children start none.
 */

static eg_scope misused[2];

static int task_return_in_scope(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	eg_scope_begin(&misused[0]);
	return 0;
}

static int task_end_out_of_order(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	eg_scope_begin(&misused[0]);
	eg_scope_begin(&misused[1]);
	eg_scope_end(&misused[0]);
	return 0;
}

static int task_end_twice(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	eg_scope_begin(&misused[0]);
	eg_scope_end(&misused[0]);
	eg_scope_end(&misused[0]);
	return 0;
}

static int task_end_of_another(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	eg_scope_end(&misused[0]);
	return 0;
}

static int task_return_while_forbidden(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	eg_panic_forbid();
	return 0;
}

static int task_allow_panic(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	eg_panic_allow();
	return 0;
}

static int task_panic_while_forbidden(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	eg_panic_forbid();
	eg_panic_forbid();
	eg_panic_allow();
	eg_panic("not here");
}

static int task_panic_with_while_forbidden(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	eg_panic_forbid();
	eg_panic_with(NULL);
}

static void misuse(void *arg)
{
	eg_task_fn *const *fn = arg;
	eg_group group = EG_GROUP_INIT;

	/* Without one, as by the caller of a function that was never called. */
	if (!*fn)
		eg_panic_allow();
	eg_group_go(&group, *fn, NULL);
	if (eg_group_wait(&group))
		_Exit(3);
}

static void unbalanced_scopes_and_sections_are_one_line_and_an_abort(void **state)
{
	static eg_task_fn *const ways[] = {
	    task_return_in_scope,       task_end_out_of_order,           task_end_twice,
	    task_end_of_another,        task_return_while_forbidden,     task_allow_panic,
	    task_panic_while_forbidden, task_panic_with_while_forbidden, NULL};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct child child;

		if (ways[i] && !child_may_start_threads())
			continue;
		child_run(misuse, (void *)(uintptr_t)&ways[i], &child);
		assert_true(child_killed(&child, SIGABRT));
		assert_true(strlen(child.text) > 1);
		assert_ptr_equal(strstr(child.text, "liberrgroup: "), child.text);
		assert_ptr_equal(strchr(child.text, '\n'), child.text + strlen(child.text) - 1);
	}
}

/* A section counts for its task: one in a task that waits does not bind the tasks that it helps with. */
static int task_waits_while_forbidden(eg_ctx *ctx, void *arg)
{
	eg_group group = EG_GROUP_INIT;

	(void)ctx;
	(void)arg;
	eg_panic_forbid();
	eg_group_set_limit(&group, 1);
	eg_group_go(&group, task_scopes_panicking, NULL);
	CHECK(eg_group_wait(&group) == EG_EPANIC);
	eg_group_destroy(&group);
	eg_panic_allow();
	eg_panic("afterwards");
}

static void a_section_without_panics_is_its_tasks_own(void **state)
{
	(void)state;
	eg_panic_forbid();
	run_expecting(task_waits_while_forbidden, EG_EPANIC, "dceblmlmla");
	eg_panic_allow();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(a_scopes_calls_are_made_when_it_ends_however_it_is_left),
	    TEST(a_panic_in_a_scopes_call_unwinds_and_the_others_are_made),
	    TEST(undefer_takes_back_the_latest_that_matches),
	    TEST(undefer_below_a_scope_leaves_the_scope_its_calls),
	    TEST(calls_taken_back_leave_no_room_used),
	    TEST(a_scope_outside_a_task_is_empty),
	    TEST(scopes_of_nested_groups_are_apart),
	    TEST(a_thread_that_ends_in_a_scope_loses_its_calls_only),
	    TEST(unbalanced_scopes_and_sections_are_one_line_and_an_abort),
	    TEST(a_section_without_panics_is_its_tasks_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
