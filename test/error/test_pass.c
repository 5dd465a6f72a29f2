/* SPDX-License-Identifier: MIT */
/*
 * A task passes an error on: that of a group that it waited for, or one of the program's.
 */

#include "support.h"

#include <errgroup.h>
#include <limits.h>
#include <signal.h>

#define DEPTH 40

/*
 * Tasks that fail inside, each in another way
 */

static int task_panic(eg_ctx *ctx, void *arg)
{
	(void)ctx, (void)arg;
	eg_panic("too deep inside");
}

static int task_panic_with(eg_ctx *ctx, void *arg)
{
	eg_error *cause = eg_error_create(-EPROTO, "underneath");
	eg_error *error = eg_error_create_from(cause, -EBADMSG, "malformed");

	(void)ctx, (void)arg;
	eg_error_unref(cause);
	eg_panic_with(error);
}

static int task_say(eg_ctx *ctx, void *arg)
{
	(void)ctx, (void)arg;
	return eg_fail(-ENOENT, "no such %s", "thing");
}

static int task_code(eg_ctx *ctx, void *arg)
{
	(void)ctx, (void)arg;
	return 42;
}

static int task_end_thread(eg_ctx *ctx, void *arg)
{
	(void)ctx, (void)arg;
	pthread_exit(NULL);
}

/* A task that waits for a group of its own with one task, and passes its error on. */
struct nest {
	eg_task_fn *fn;
	unsigned flags;
	int depth; /* of further groups around that */
};

static int task_nest(eg_ctx *ctx, void *arg)
{
	struct nest *nest = arg, inner = {nest->fn, nest->flags, nest->depth - 1};
	__attribute__((cleanup(eg_group_destroyp))) eg_group group = EG_GROUP_INIT;
	int err = eg_group_init(&group, ctx, EG_GROUP_OPTIONS(.flags = nest->flags));

	CHECK(err == 0);
	eg_group_go(&group, nest->depth > 0 ? task_nest : nest->fn, &inner);
	return eg_group_pass(&group);
}

static void run_nest(eg_group *group, struct nest *nest, int expected)
{
	memset(group, 0, sizeof(*group));
	/* The second of two tasks. */
	eg_group_set_limit(group, 1);
	eg_group_go(group, task_nothing, NULL);
	eg_group_go(group, task_nest, nest);
	assert_int_equal(eg_group_wait(group), expected);
}

static void what_is_passed_on_is_the_inner_error(void **state)
{
	static const struct {
		eg_task_fn *fn;
		unsigned flags;
		int code;
		enum eg_error_kind kind;
		const char *message;
		bool traced;
	} cases[] = {
	    {task_panic, 0, EG_EPANIC, EG_ERROR_PANIC, "panic: too deep inside", true},
	    {task_panic_with, 0, -EBADMSG, EG_ERROR_PANIC, "panic: malformed", true},
	    {task_say, 0, -ENOENT, EG_ERROR_RETURNED, "no such thing", false},
	    {task_code, 0, 42, EG_ERROR_RETURNED, "unknown code", false},
	    {task_end_thread, EG_GROUP_NO_HELP, EG_EEXITED, EG_ERROR_EXITED, "the task ended its thread",
	     false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (int depth = 0; depth <= DEPTH; depth += DEPTH) {
			struct nest nest = {cases[i].fn, cases[i].flags, depth};
			eg_group group;
			eg_error *error;

			run_nest(&group, &nest, cases[i].code);
			error = eg_group_error(&group);
			assert_int_equal(eg_error_code(error), cases[i].code);
			assert_int_equal(eg_error_kind(error), cases[i].kind);
			assert_string_equal(eg_error_message(error), cases[i].message);
			assert_int_equal(eg_error_frame_count(error) > 0, cases[i].traced);
			assert_int_equal(eg_error_code(eg_error_cause(error)),
					 cases[i].fn == task_panic_with ? -EBADMSG : 0);
			/* It is the outer group's, and says which of its tasks failed. */
			assert_int_equal(eg_error_task_index(error), 1);
			assert_int_equal(eg_error_worker_slot(error), 0);
			assert_string_equal(eg_error_site(error)->function, "run_nest");
			eg_group_destroy(&group);
		}
}

static size_t count_of(const char *text, const char *part)
{
	size_t count = 0;

	for (; (text = strstr(text, part)) != NULL; text++)
		count++;
	return count;
}

static void both_tasks_are_printed_and_the_rest_once(void **state)
{
	static char text[65536];
	struct nest nest = {task_panic, 0, 1};
	eg_group group;

	(void)state;
	run_nest(&group, &nest, EG_EPANIC);
	assert_true(eg_error_format(eg_group_error(&group), text, sizeof(text)) < sizeof(text));
	assert_int_equal(count_of(text, "too deep inside"), 1);
	assert_int_equal(count_of(text, "worker 0, task 0 [running]:\n"), 1);
	assert_int_equal(count_of(text, "passed on by worker 0, task 0\n"), 1);
	assert_int_equal(count_of(text, "passed on by worker 0, task 1\n"), 1);
	assert_int_equal(count_of(text, "created by task_nest\n"), 2);
	assert_int_equal(count_of(text, "created by run_nest\n"), 1);
	assert_true(strstr(text, "task_panic") != NULL);
	/* In the order in which they did. */
	assert_true(strstr(text, "[running]") < strstr(text, "passed on by worker 0, task 0"));
	assert_true(strstr(text, "by worker 0, task 0\n") < strstr(text, "by worker 0, task 1\n"));
	eg_group_destroy(&group);
}

static void an_error_passed_on_often_is_printed_within_bounds(void **state)
{
	static char text[65536];
	struct nest nest = {task_panic, 0, DEPTH};
	eg_group group;

	(void)state;
	run_nest(&group, &nest, EG_EPANIC);
	assert_true(eg_error_format(eg_group_error(&group), text, sizeof(text)) < sizeof(text));
	assert_non_null(strstr(text, "passed on by"));
	assert_non_null(strstr(text, "times more\n"));
	eg_group_destroy(&group);
}

/*
 * What else the task does
 */

static void panic_in_defer(void *arg)
{
	eg_panic("%s", (const char *)arg);
}

static int task_panic_twice(eg_ctx *ctx, void *arg)
{
	(void)ctx, (void)arg;
	CHECK(eg_defer(panic_in_defer, "second") == 0);
	eg_panic("first");
}

static eg_group shared_inner;

static int task_pass_and_panic(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	if (arg)
		CHECK(eg_defer(panic_in_defer, "fourth") == 0);
	CHECK(eg_defer(panic_in_defer, "third") == 0);
	return eg_group_pass(&shared_inner);
}

static void what_a_task_adds_is_not_added_to_the_inner_error(void **state)
{
	(void)state;
	for (int round = 0; round < 2; round++) {
		eg_group group = EG_GROUP_INIT;
		eg_error *error, *inner;

		shared_inner = (eg_group)EG_GROUP_INIT;
		eg_group_go(&shared_inner, task_panic_twice, NULL);
		eg_group_go(&group, task_pass_and_panic, round ? "more" : NULL);
		assert_int_equal(eg_group_wait(&group), EG_EPANIC);
		inner = eg_group_error(&shared_inner);
		assert_string_equal(eg_error_message(inner), "panic: first");
		assert_string_equal(eg_error_message(eg_error_joined(inner)), "panic: second");
		assert_null(eg_error_joined(eg_error_joined(inner)));
		error = eg_group_error(&group);
		assert_string_equal(eg_error_message(error), "panic: first");
		if (round) {
			error = eg_error_joined(error);
			assert_string_equal(eg_error_message(error), "panic: fourth");
		}
		error = eg_error_joined(error);
		assert_string_equal(eg_error_message(error), "panic: third");
		error = eg_error_joined(error);
		assert_string_equal(eg_error_message(error), "panic: second");
		assert_null(eg_error_joined(error));
		eg_group_destroy(&group);
		eg_group_destroy(&shared_inner);
	}
}

static int task_return_another_code(eg_ctx *ctx, void *arg)
{
	struct nest *nest = arg;

	(void)task_nest(ctx, nest);
	return -EIO;
}

static void with_another_code_the_inner_error_is_the_cause(void **state)
{
	struct nest nest = {task_panic, 0, 0};
	eg_group group = EG_GROUP_INIT;
	eg_error *cause;

	(void)state;
	eg_group_go(&group, task_return_another_code, &nest);
	assert_int_equal(eg_group_wait(&group), -EIO);
	cause = eg_error_cause(eg_group_error(&group));
	assert_int_equal(eg_error_kind(cause), EG_ERROR_PANIC);
	assert_string_equal(eg_error_message(cause), "panic: too deep inside");
	assert_true(eg_error_frame_count(cause) > 0);
	eg_group_destroy(&group);
}

static int task_pass_success(eg_ctx *ctx, void *arg)
{
	struct nest nest = {task_nothing, 0, 3};

	(void)arg;
	return task_nest(ctx, &nest);
}

static void success_is_passed_on_as_success(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_go(&group, task_pass_success, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_null(eg_group_error(&group));
	eg_group_destroy(&group);
}

/*
 * Errors of the program's
 */

static int task_fail_with(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	return eg_fail_with(eg_error_ref(arg));
}

static void the_same_error_may_be_passed_on_by_many_tasks(void **state)
{
	enum { TASKS = 100 };
	eg_error *cause = eg_error_create(-EPROTO, "underneath");
	eg_error *error = eg_error_create_from(cause, -EIO, "shared"), *errors[TASKS];
	bool seen[TASKS] = {false};
	eg_group group;

	(void)state;
	assert_int_equal(eg_group_init(&group, NULL, EG_GROUP_OPTIONS(.limit = 4, .collect = TASKS)), 0);
	for (int i = 0; i < TASKS; i++)
		eg_group_go(&group, task_fail_with, error);
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_int_equal(eg_group_errors(&group, TASKS, errors), TASKS);
	for (int i = 0; i < TASKS; i++) {
		int64_t index = eg_error_task_index(errors[i]);

		assert_string_equal(eg_error_message(errors[i]), "shared");
		assert_ptr_equal(eg_error_cause(errors[i]), cause);
		assert_true(index >= 0 && index < TASKS && !seen[index]);
		seen[index] = true;
	}
	assert_int_equal(eg_error_task_index(error), -1);
	assert_null(eg_error_joined(error));
	eg_group_destroy(&group);
	eg_error_unref(error);
	eg_error_unref(cause);
}

static int task_hand_over(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	return eg_fail_with(arg);
}

static void a_reference_is_handed_over(void **state)
{
	eg_group group = EG_GROUP_INIT;
	size_t heap;

	(void)state;
	assert_int_equal(eg_fail_with(NULL), 0);
	heap = heap_in_use();
	assert_int_equal(eg_fail_with(eg_error_create(-EIO, "outside")), -EIO);
	assert_true(heap_in_use() <= heap);
	eg_group_set_limit(&group, 1);
	eg_group_go(&group, task_hand_over, eg_error_create(INT_MIN, "handed over"));
	eg_group_go(&group, task_hand_over, NULL);
	assert_int_equal(eg_group_wait(&group), INT_MIN);
	assert_string_equal(eg_error_message(eg_group_error(&group)), "handed over");
	assert_int_equal(eg_error_task_index(eg_group_error(&group)), 0);
	assert_int_equal(eg_group_error_count(&group), 1);
	eg_group_destroy(&group);
}

/* A task of one group fails as another group did that is gone. */
static void an_error_may_outlive_its_group_and_fail_another(void **state)
{
	eg_group first = EG_GROUP_INIT, second = EG_GROUP_INIT;
	eg_error *error;

	(void)state;
	eg_group_go(&first, task_panic, NULL);
	assert_int_equal(eg_group_wait(&first), EG_EPANIC);
	error = eg_error_ref(eg_group_error(&first));
	eg_group_destroy(&first);
	eg_group_set_limit(&second, 1);
	for (int i = 0; i < 3; i++)
		eg_group_go(&second, task_nothing, NULL);
	eg_group_go(&second, task_hand_over, error);
	assert_int_equal(eg_group_wait(&second), EG_EPANIC);
	error = eg_group_error(&second);
	assert_int_equal(eg_error_kind(error), EG_ERROR_PANIC);
	assert_int_equal(eg_error_task_index(error), 3);
	assert_true(eg_error_frame_count(error) > 0);
	eg_group_destroy(&second);
}

static void outside_a_task_it_is_a_wait(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(eg_group_pass(&group), 0);
	eg_group_go(&group, task_say, NULL);
	assert_int_equal(eg_group_pass(&group), -ENOENT);
	assert_int_equal(eg_group_pass(&group), -ENOENT);
	eg_group_destroy(&group);
}

static int task_pass_itself(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	return eg_group_pass(arg);
}

static void a_task_cannot_pass_on_its_own_group(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	eg_group_go(&group, task_pass_itself, &group);
	assert_int_equal(eg_group_wait(&group), -EDEADLK);
	assert_int_equal(eg_error_code(eg_group_error(&group)), EG_EINSIDE);
	eg_group_destroy(&group);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(what_is_passed_on_is_the_inner_error),
	    TEST(both_tasks_are_printed_and_the_rest_once),
	    TEST(an_error_passed_on_often_is_printed_within_bounds),
	    TEST(what_a_task_adds_is_not_added_to_the_inner_error),
	    TEST(with_another_code_the_inner_error_is_the_cause),
	    TEST(success_is_passed_on_as_success),
	    TEST(the_same_error_may_be_passed_on_by_many_tasks),
	    TEST(a_reference_is_handed_over),
	    TEST(an_error_may_outlive_its_group_and_fail_another),
	    TEST(outside_a_task_it_is_a_wait),
	    TEST(a_task_cannot_pass_on_its_own_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
