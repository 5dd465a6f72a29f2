/* SPDX-License-Identifier: MIT */
/*
 * Misuse and bad input: refused with the code that the headers promise, nothing changed, never undefined.
 */

#include "support.h"

#include <limits.h>
#include <signal.h>

/*
 * Arguments
 */

static void null_groups_and_functions_are_refused(void **state)
{
	eg_group group = EG_GROUP_INIT;
	static const eg_group zero = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(eg_group_init(NULL, NULL, NULL), -EINVAL);
	assert_int_equal(eg_group_set_limit(NULL, 1), -EINVAL);
	assert_int_equal(eg_group_go(NULL, task_nothing, NULL), -EINVAL);
	assert_int_equal(eg_group_go(&group, NULL, NULL), -EINVAL);
	assert_int_equal((eg_group_go)(NULL, task_nothing, NULL), -EINVAL);
	assert_int_equal((eg_group_go)(&group, NULL, NULL), -EINVAL);
	assert_int_equal(eg_group_try_go(NULL, task_nothing, NULL), -EINVAL);
	assert_int_equal(eg_group_try_go(&group, NULL, NULL), -EINVAL);
	assert_int_equal(eg_group_go_copy(NULL, task_nothing, "", 1), -EINVAL);
	assert_int_equal(eg_group_go_copy(&group, NULL, "", 1), -EINVAL);
	assert_int_equal(eg_group_go_copy(&group, task_nothing, NULL, 1), -EINVAL);
	assert_int_equal(eg_group_wait(NULL), -EINVAL);
	assert_int_equal(eg_group_wait_until(NULL, INT64_MAX), -EINVAL);
	assert_int_equal(eg_group_cancel(NULL, NULL), -EINVAL);
	assert_int_equal(eg_group_reset(NULL), -EINVAL);
	assert_null(eg_group_error(NULL));
	assert_int_equal(eg_group_errors(NULL, 0, NULL), 0);
	assert_int_equal(eg_group_error_count(NULL), 0);
	assert_int_equal(eg_group_pass(NULL), -EINVAL);
	assert_null(eg_group_ctx(NULL));
	assert_memory_equal(&group, &zero, sizeof(group));
}

/* What is no limit: 0, which the options alone know, and negative numbers that have no name. */
static const int no_limits[] = {0, -3, -4, -4096, INT_MIN, INT_MIN + 1};

#define NO_LIMITS (sizeof(no_limits) / sizeof(no_limits[0]))

static void what_is_no_limit_is_refused_and_changes_nothing(void **state)
{
	eg_group group = EG_GROUP_INIT;
	struct tally gate = TALLY_INIT;

	(void)state;
	for (size_t i = 0; i < NO_LIMITS; i++)
		assert_int_equal(eg_group_set_limit(&group, no_limits[i]), -EINVAL);
	assert_int_equal(eg_group_set_limit(&group, 1), 0);
	for (size_t i = 0; i < NO_LIMITS; i++)
		assert_int_equal(eg_group_set_limit(&group, no_limits[i]), -EINVAL);
	assert_int_equal(eg_group_slots(&group), 1);
	assert_int_equal(eg_group_try_go(&group, task_gate, &gate), 0);
	assert_int_equal(eg_group_try_go(&group, task_nothing, NULL), -EAGAIN);
	tally_add(&gate, 1);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

static void hostile_limits_are_taken_at_their_word(void **state)
{
	static const int limits[] = {INT_MAX, INT_MAX - 1,   1 << 30,      65536,
				     65537,   EG_LIMIT_NONE, EG_LIMIT_CPUS};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
		atomic_long ran = 0;
		eg_group group;

		options.limit = limits[i];
		options.backlog = INT_MAX;
		assert_int_equal(eg_group_init(&group, NULL, &options), 0);
		assert_int_equal(eg_group_set_limit(&group, limits[i]), 0);
		for (int k = 0; k < 100; k++)
			assert_int_equal(eg_group_go(&group, task_count, &ran), 0);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(atomic_load(&ran), 100);
		eg_group_destroy(&group);
	}
}

/*
 * Options
 */

static void options_are_refused_whole(struct eg_group_options options)
{
	eg_group group;
	eg_group before;

	memset(&group, 0x5a, sizeof(group));
	before = group;
	assert_int_equal(eg_group_init(&group, NULL, &options), -EINVAL);
	assert_memory_equal(&group, &before, sizeof(group));
}

static void options_of_a_wrong_size_with_unknown_flags_limit_or_backlog_are_refused(void **state)
{
	const struct eg_group_options good = EG_GROUP_OPTIONS_INIT;
	struct eg_group_options options;

	(void)state;
	static const size_t sizes[] = {0, 1, sizeof(size_t), sizeof(good) - 1, SIZE_MAX, SIZE_MAX / 2};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		options = good;
		options.size = sizes[i];
		options_are_refused_whole(options);
	}
	for (unsigned bit = 4; bit < 32; bit++) {
		options = good;
		options.flags = 1U << bit;
		options_are_refused_whole(options);
	}
	for (size_t i = 1; i < NO_LIMITS; i++) {
		options = good;
		options.limit = no_limits[i];
		options_are_refused_whole(options);
	}
	options = good;
	options.backlog = EG_BACKLOG_NONE - 1;
	options_are_refused_whole(options);
	options.backlog = INT_MIN;
	options_are_refused_whole(options);
}

/* A program built against later headers passes more fields; what it leaves zero cannot be missed. */
static void larger_options_are_taken_if_what_is_unknown_is_zero(void **state)
{
	struct {
		struct eg_group_options known;
		unsigned char later[64];
	} options;
	eg_group group;

	(void)state;
	memset(&options, 0, sizeof(options));
	options.known.size = sizeof(options);
	options.known.limit = 1;
	assert_int_equal(eg_group_init(&group, NULL, &options.known), 0);
	eg_group_go(&group, task_return, CODE(-EIO));
	assert_int_equal(eg_group_wait(&group), -EIO);
	eg_group_destroy(&group);
	for (size_t i = 0; i < sizeof(options.later); i += 9) {
		memset(options.later, 0, sizeof(options.later));
		options.later[i] = 1;
		assert_int_equal(eg_group_init(&group, NULL, &options.known), -EINVAL);
	}
}

static void huge_collect_keeps_what_there_is(void **state)
{
	struct eg_group_options options = EG_GROUP_OPTIONS_INIT;
	eg_error *errors[100];
	eg_group group;

	(void)state;
	options.collect = UINT_MAX;
	options.limit = 2;
	assert_int_equal(eg_group_init(&group, NULL, &options), 0);
	for (int i = 0; i < 100; i++)
		eg_group_go(&group, task_return, CODE(-EIO));
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_int_equal(eg_group_errors(&group, 100, errors), 100);
	for (int i = 0; i < 100; i++)
		assert_int_equal(eg_error_code(errors[i]), -EIO);
	assert_int_equal(eg_group_errors(&group, SIZE_MAX, errors), 100);
	eg_group_destroy(&group);
}

static void copies_beyond_any_object_are_refused(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(eg_group_go_copy(&group, task_nothing, "", SIZE_MAX), -EOVERFLOW);
	assert_int_equal(eg_group_go_copy(&group, task_nothing, "", SIZE_MAX - 15), -EOVERFLOW);
	assert_int_equal(eg_group_go_copy(&group, task_nothing, "", (size_t)PTRDIFF_MAX + 1), -EOVERFLOW);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
}

/*
 * Panics with nothing to unwind to, in child processes
 */

static void panic_outside(void *arg)
{
	(void)arg;
	eg_panic("nobody is listening");
}

static void panic_with_outside(void *arg)
{
	(void)arg;
	eg_panic_with(eg_error_create(-EIO, "nobody is listening"));
}

static void *panic_on_foreign_thread_main(void *arg)
{
	(void)arg;
	eg_panic("nobody is listening");
}

static void panic_on_foreign_thread(void *arg)
{
	pthread_t thread;

	(void)arg;
	if (!pthread_create(&thread, NULL, panic_on_foreign_thread_main, NULL))
		pthread_join(thread, NULL);
}

/* The helping waiter is in a task while it helps, and no longer when wait has returned. */
static void panic_after_helping(void *arg)
{
	eg_group group = EG_GROUP_INIT;

	(void)arg;
	for (int i = 0; i < 100; i++)
		eg_group_go(&group, task_nothing, NULL);
	if (!eg_group_wait(&group))
		eg_panic("nobody is listening");
}

static void a_panic_outside_a_task_is_one_line_and_an_abort(void **state)
{
	/* The first two have the child's only thread do it. */
	static void (*const ways[])(void *) = {panic_outside, panic_with_outside, panic_on_foreign_thread,
					       panic_after_helping};

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		struct child child;

		if (i >= 2 && !child_may_start_threads())
			continue;
		child_run(ways[i], NULL, &child);
		assert_true(child_killed(&child, SIGABRT));
		assert_true(strlen(child.text) > 1);
		assert_ptr_equal(strchr(child.text, '\n'), child.text + strlen(child.text) - 1);
		assert_null(strstr(child.text, "0x"));
	}
}

/*
 * A task that runs on the waiting thread jumps to a buffer set before the wait. The thread is in no task then, and what
 * it does as if it were is told.
 */

static struct jump before_wait;

static __attribute__((noinline)) int use_stack(int depth)
{
	volatile char room[4096];

	memset((void *)(uintptr_t)room, depth, sizeof(room));
	return depth == 0 ? room[7] : use_stack(depth - 1) + room[8];
}

/* As a pointer, so that compilers do not see that it does not return. */
static void (*volatile give_up)(const char *format, ...) = eg_panic;

static __attribute__((noinline)) void panic_deeper(int depth)
{
	volatile char room[4096];

	room[0] = (char)depth;
	if (depth == 0)
		give_up("nobody is listening");
	else
		panic_deeper(depth - 1);
	room[1] = room[0];
}

static void jump_out_and_panic(void *arg)
{
	static eg_group group;
	static int how;

	how = (int)(intptr_t)arg;
	memset(&group, 0, sizeof(group));
	before_wait.thread = pthread_self();
	eg_group_set_limit(&group, 1);
	while (setjmp(before_wait.to) == 0) {
		eg_group_go(&group, task_jump_out, &before_wait);
		if (eg_group_wait(&group))
			_Exit(3);
	}
	/* The group still has the task, and this thread counts as inside it. */
	if (eg_group_wait(&group) != EG_EINSIDE || eg_group_destroy(&group) != EG_EINSIDE)
		_Exit(5);
	if (how & 1)
		use_stack(10);
	panic_deeper(how & 2 ? 10 : 0);
}

static void a_panic_after_a_jump_out_of_a_task_is_one_line_and_an_abort(void **state)
{
	(void)state;
	if (!child_may_start_threads())
		skip();
	for (int how = 0; how < 4; how++) {
		struct child child;

		child_run(jump_out_and_panic, CODE(how), &child);
		assert_true(child_killed(&child, SIGABRT));
		assert_ptr_equal(strstr(child.text, "liberrgroup: "), child.text);
		assert_ptr_equal(strchr(child.text, '\n'), child.text + strlen(child.text) - 1);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(null_groups_and_functions_are_refused),
	    TEST(what_is_no_limit_is_refused_and_changes_nothing),
	    TEST(hostile_limits_are_taken_at_their_word),
	    TEST(options_of_a_wrong_size_with_unknown_flags_limit_or_backlog_are_refused),
	    TEST(larger_options_are_taken_if_what_is_unknown_is_zero),
	    TEST(huge_collect_keeps_what_there_is),
	    TEST(copies_beyond_any_object_are_refused),
	    TEST(a_panic_outside_a_task_is_one_line_and_an_abort),
	    TEST(a_panic_after_a_jump_out_of_a_task_is_one_line_and_an_abort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
