/* SPDX-License-Identifier: MIT */
/*
 * What is dear to make, once for each slot: made by the first task of a slot, used by one at a time, taken back in the end.
 */

#include "support.h"

#include <signal.h>

/* What slot_init and slot_finish do, and what they have done. */
struct maker {
	atomic_long calls, made, finished;
	long fails;       /* the first so many calls return -EIO */
	long panics;      /* the first so many calls after that panic */
	bool needs_ctx;   /* the context is not the background */
	bool deferred;    /* it defers a call */
	atomic_long ends; /* of tasks, told by deferred calls */
};

/* A slot's data. Not atomic: only the slot keeps tasks apart. */
struct tool {
	struct maker *maker;
	long used;
	int slot;
};

static void count_end(void *arg)
{
	atomic_fetch_add(&((struct maker *)arg)->ends, 1);
}

static int tool_make(eg_ctx *ctx, void *arg, void **ret_data)
{
	struct maker *maker = arg;
	long call = atomic_fetch_add(&maker->calls, 1);
	struct tool *tool;

	CHECK(!maker->needs_ctx || ctx);
	CHECK(*ret_data == NULL);
	CHECK(eg_task_slot_data() == NULL);
	if (maker->deferred)
		CHECK(eg_defer(count_end, maker) == 0);
	if (call < maker->fails)
		return eg_fail(-EIO, "tool %ld cannot be made", call);
	if (call < maker->fails + maker->panics)
		eg_panic("tool %ld", call);
	tool = malloc(sizeof(*tool));
	if (!tool)
		return -ENOMEM;
	*tool = (struct tool){maker, 0, eg_task_slot()};
	*ret_data = tool;
	atomic_fetch_add(&maker->made, 1);
	return 0;
}

static void tool_finish(void *arg, void *data)
{
	struct tool *tool = data;

	CHECK(tool && tool->maker == arg);
	atomic_fetch_add(&tool->maker->finished, 1);
	free(tool);
}

static int task_uses_tool(eg_ctx *ctx, void *arg)
{
	struct tool *tool = eg_task_slot_data();

	(void)ctx;
	CHECK(tool && tool->slot == eg_task_slot());
	if (tool)
		tool->used++;
	atomic_fetch_add((atomic_long *)arg, 1);
	return 0;
}

static void group_begin(eg_group *group, struct maker *maker, int limit, unsigned flags)
{
	assert_int_equal(
	    eg_group_init(group, NULL,
			  EG_GROUP_OPTIONS(.limit = limit, .flags = flags, .slot_init = tool_make,
					   .slot_finish = tool_finish, .slot_arg = maker)),
	    0);
}

static void outside_tasks_and_in_other_groups_there_is_no_data(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_null(eg_task_slot_data());
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_null(eg_task_slot_data());
	eg_group_destroy(&group);
}

static void each_slot_that_is_used_has_its_own_made_once_and_finished_once(void **state)
{
	static const int limits[] = {1, 3, 8};

	(void)state;
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct maker maker = {.needs_ctx = true};
		long count = scaled(20000);
		atomic_long ran = 0;
		eg_group group;

		group_begin(&group, &maker, limits[i], 0);
		for (long k = 0; k < count; k++)
			eg_group_go(&group, task_uses_tool, &ran);
		assert_int_equal(eg_group_wait(&group), 0);
		assert_int_equal(atomic_load(&ran), count);
		assert_in_range(atomic_load(&maker.made), 1, limits[i]);
		assert_int_equal(atomic_load(&maker.calls), atomic_load(&maker.made));
		assert_int_equal(atomic_load(&maker.finished), 0);
		eg_group_destroy(&group);
		assert_int_equal(atomic_load(&maker.finished), atomic_load(&maker.made));
	}
}

static int task_meets_with_tool(eg_ctx *ctx, void *arg)
{
	CHECK(eg_task_slot_data() != NULL);
	return task_meet(ctx, arg);
}

static void as_many_are_made_as_tasks_run_at_once(void **state)
{
	struct meeting meeting = {TALLY_INIT, 5};
	struct maker maker = {0};
	eg_group group;

	(void)state;
	group_begin(&group, &maker, 5, 0);
	for (int i = 0; i < 5; i++)
		eg_group_go(&group, task_meets_with_tool, &meeting);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&maker.made), 5);
	eg_group_destroy(&group);
	assert_int_equal(atomic_load(&maker.finished), 5);
}

static void a_group_that_runs_nothing_makes_nothing(void **state)
{
	struct maker maker = {0};
	eg_group group;

	(void)state;
	group_begin(&group, &maker, 2, EG_GROUP_SKIP_UNSTARTED);
	eg_group_cancel(&group, NULL);
	for (int i = 0; i < 10; i++)
		eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&group), -ECANCELED);
	eg_group_destroy(&group);
	assert_int_equal(atomic_load(&maker.calls), 0);
	assert_int_equal(atomic_load(&maker.finished), 0);
}

static void a_task_whose_slot_cannot_be_made_ready_fails_uncalled_and_the_next_tries_anew(void **state)
{
	struct maker maker = {.fails = 3, .panics = 2, .deferred = true};
	eg_error *errors[8];
	atomic_long ran = 0;
	eg_group group;

	(void)state;
	assert_int_equal(eg_group_init(&group, NULL,
				       EG_GROUP_OPTIONS(.limit = 1, .collect = 8, .slot_init = tool_make,
							.slot_finish = tool_finish, .slot_arg = &maker)),
			 0);
	for (int i = 0; i < 10; i++)
		eg_group_go(&group, task_uses_tool, &ran);
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_int_equal(atomic_load(&ran), 5);
	assert_int_equal(atomic_load(&maker.calls), 6);
	/* What the function has deferred is done at the end of the task that it began. */
	assert_int_equal(atomic_load(&maker.ends), 6);
	assert_int_equal(eg_group_errors(&group, 8, errors), 5);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(eg_error_task_index(errors[i]), i);
		assert_int_equal(eg_error_worker_slot(errors[i]), 0);
		assert_int_equal(eg_error_kind(errors[i]), i < 3 ? EG_ERROR_RETURNED : EG_ERROR_PANIC);
	}
	assert_string_equal(eg_error_message(errors[2]), "tool 2 cannot be made");
	assert_string_equal(eg_error_message(errors[4]), "panic: tool 4");
	eg_group_destroy(&group);
	assert_int_equal(atomic_load(&maker.made), 1);
	assert_int_equal(atomic_load(&maker.finished), 1);
}

static int exit_in_init(eg_ctx *ctx, void *arg, void **ret_data)
{
	(void)ctx;
	(void)ret_data;
	if (atomic_fetch_add((atomic_long *)arg, 1) == 0)
		pthread_exit(NULL);
	return 0;
}

static void a_thread_that_ends_in_there_fails_the_task(void **state)
{
	atomic_long calls = 0;
	eg_group group;

	(void)state;
	assert_int_equal(eg_group_init(&group, NULL,
				       EG_GROUP_OPTIONS(.limit = 1, .flags = EG_GROUP_NO_HELP,
							.slot_init = exit_in_init, .slot_arg = &calls)),
			 0);
	eg_group_go(&group, task_nothing, NULL);
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&group), EG_EEXITED);
	assert_int_equal(eg_group_error_count(&group), 1);
	assert_int_equal(atomic_load(&calls), 2);
	eg_group_destroy(&group);
}

static void data_stays_for_later_rounds_and_after_a_reset(void **state)
{
	struct maker maker = {0};
	atomic_long ran = 0;
	eg_group group;

	(void)state;
	group_begin(&group, &maker, 1, 0);
	for (int i = 0; i < 6; i++) {
		eg_group_go(&group, task_uses_tool, &ran);
		assert_int_equal(eg_group_wait(&group), 0);
		if (i % 2)
			assert_int_equal(eg_group_reset(&group), 0);
	}
	assert_int_equal(atomic_load(&ran), 6);
	assert_int_equal(atomic_load(&maker.calls), 1);
	eg_group_destroy(&group);
	assert_int_equal(atomic_load(&maker.finished), 1);
}

static int each_uses_tool(eg_ctx *ctx, void *arg, size_t index)
{
	(void)index;
	return task_uses_tool(ctx, arg);
}

static int piece_uses_tool(eg_ctx *ctx, void *arg, size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++)
		CHECK(task_uses_tool(ctx, arg) == 0);
	return 0;
}

static void ranges_have_it_too(void **state)
{
	struct maker maker = {.fails = 1};
	atomic_long ran = 0;
	eg_group group;

	(void)state;
	group_begin(&group, &maker, 1, 0);
	assert_int_equal(eg_group_go_each(&group, 100, each_uses_tool, &ran), 0);
	assert_int_equal(eg_group_wait(&group), -EIO);
	assert_int_equal(atomic_load(&ran), 99);
	eg_group_destroy(&group);
	assert_int_equal(atomic_load(&maker.finished), 1);

	/* The piece that makes it fails with all its indices, as one error. */
	maker = (struct maker){.panics = 1};
	atomic_store(&ran, 0);
	group_begin(&group, &maker, 1, 0);
	assert_int_equal(eg_group_go_pieces(&group, 100, 10, piece_uses_tool, &ran), 0);
	assert_int_equal(eg_group_wait(&group), EG_EPANIC);
	assert_int_equal(atomic_load(&ran), 90);
	assert_int_equal(eg_group_error_count(&group), 1);
	eg_group_destroy(&group);
	assert_int_equal(atomic_load(&maker.finished), 1);
}

static int task_has_no_data(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	(void)arg;
	CHECK(eg_task_slot_data() == NULL);
	return 0;
}

static int task_waits_for_inner_group(eg_ctx *ctx, void *arg)
{
	struct maker inner_maker = {0};
	void *data = eg_task_slot_data();
	eg_group inner = EG_GROUP_INIT, equipped;
	atomic_long ran = 0;

	(void)ctx;
	CHECK(data != NULL);
	eg_group_set_limit(&inner, 1);
	CHECK(eg_group_go(&inner, task_has_no_data, NULL) == 0);
	CHECK(eg_group_wait(&inner) == 0);
	eg_group_destroy(&inner);
	group_begin(&equipped, &inner_maker, 1, 0);
	CHECK(eg_group_go(&equipped, task_uses_tool, &ran) == 0);
	CHECK(eg_group_wait(&equipped) == 0);
	eg_group_destroy(&equipped);
	CHECK(atomic_load(&inner_maker.finished) == 1);
	CHECK(eg_task_slot_data() == data);
	atomic_fetch_add((atomic_long *)arg, 1);
	return 0;
}

static void in_nested_groups_the_data_is_the_innermost_ones(void **state)
{
	struct maker maker = {0};
	atomic_long ran = 0;
	eg_group group;

	(void)state;
	group_begin(&group, &maker, 2, 0);
	for (int i = 0; i < 4; i++)
		eg_group_go(&group, task_waits_for_inner_group, &ran);
	assert_int_equal(eg_group_wait(&group), 0);
	assert_int_equal(atomic_load(&ran), 4);
	eg_group_destroy(&group);
	assert_int_equal(atomic_load(&maker.finished), atomic_load(&maker.made));
}

static int init_of_nothing(eg_ctx *ctx, void *arg, void **ret_data)
{
	(void)ctx;
	*ret_data = arg;
	return 0;
}

static void count_finish(void *arg, void *data)
{
	CHECK(data == NULL);
	atomic_fetch_add((atomic_long *)arg, 1);
}

static int task_has_its_argument(eg_ctx *ctx, void *arg)
{
	(void)ctx;
	CHECK(eg_task_slot_data() == arg);
	return 0;
}

static void either_function_may_be_missing(void **state)
{
	atomic_long finished = 0;
	eg_group group;

	(void)state;
	assert_int_equal(eg_group_init(&group, NULL,
				       EG_GROUP_OPTIONS(.slot_init = init_of_nothing, .slot_arg = &finished)),
			 0);
	eg_group_go(&group, task_has_its_argument, &finished);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);

	/* Nothing is left of it for a group that has the same memory. */
	assert_int_equal(
	    eg_group_init(&group, NULL,
			  EG_GROUP_OPTIONS(.limit = 1, .slot_finish = count_finish, .slot_arg = &finished)),
	    0);
	eg_group_go(&group, task_has_its_argument, NULL);
	eg_group_go(&group, task_has_its_argument, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	assert_int_equal(atomic_load(&finished), 1);
}

struct wait_in_finish {
	eg_group *group;
	atomic_long calls;
};

static void finish_uses_group(void *arg, void *data)
{
	struct wait_in_finish *use = arg;

	(void)data;
	CHECK(eg_group_go(use->group, task_nothing, NULL) == -ECANCELED);
	atomic_fetch_add(&use->calls, 1);
}

static void a_group_that_is_destroyed_accepts_nothing_from_slot_finish(void **state)
{
	eg_group group;
	struct wait_in_finish use = {.group = &group};

	(void)state;
	assert_int_equal(
	    eg_group_init(&group, NULL,
			  EG_GROUP_OPTIONS(.limit = 1, .slot_finish = finish_uses_group, .slot_arg = &use)),
	    0);
	eg_group_go(&group, task_nothing, NULL);
	assert_int_equal(eg_group_wait(&group), 0);
	eg_group_destroy(&group);
	assert_int_equal(atomic_load(&use.calls), 1);
}

static void finish_panics(void *arg, void *data)
{
	(void)arg;
	(void)data;
	eg_panic("in slot_finish");
}

static int task_destroys_group(eg_ctx *ctx, void *arg)
{
	eg_group group;

	(void)ctx;
	(void)arg;
	EXPECT(eg_group_init(&group, NULL, EG_GROUP_OPTIONS(.slot_finish = finish_panics)) == 0);
	eg_group_go(&group, task_nothing, NULL);
	EXPECT(eg_group_wait(&group) == 0);
	eg_group_destroy(&group);
	return 0;
}

static void child_panics_in_slot_finish(void *arg)
{
	eg_group group = EG_GROUP_INIT;

	(void)arg;
	eg_group_set_limit(&group, 1);
	eg_group_go(&group, task_destroys_group, NULL);
	EXPECT(eg_group_wait(&group) == 0);
}

static void a_panic_in_slot_finish_ends_the_process(void **state)
{
	struct child child;

	(void)state;
	if (!child_may_start_threads())
		skip();
	child_run(child_panics_in_slot_finish, NULL, &child);
	assert_true(child_killed(&child, SIGABRT));
	assert_non_null(strstr(child.text, "panic between eg_panic_forbid and eg_panic_allow"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
	    TEST(outside_tasks_and_in_other_groups_there_is_no_data),
	    TEST(each_slot_that_is_used_has_its_own_made_once_and_finished_once),
	    TEST(as_many_are_made_as_tasks_run_at_once),
	    TEST(a_group_that_runs_nothing_makes_nothing),
	    TEST(a_task_whose_slot_cannot_be_made_ready_fails_uncalled_and_the_next_tries_anew),
	    TEST(a_thread_that_ends_in_there_fails_the_task),
	    TEST(data_stays_for_later_rounds_and_after_a_reset),
	    TEST(ranges_have_it_too),
	    TEST(in_nested_groups_the_data_is_the_innermost_ones),
	    TEST(either_function_may_be_missing),
	    TEST(a_group_that_is_destroyed_accepts_nothing_from_slot_finish),
	    TEST(a_panic_in_slot_finish_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
