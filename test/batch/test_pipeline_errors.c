/* SPDX-License-Identifier: MIT */
/*
 * Pipelines that end early: by errors, panics, ends of threads, cancellation and deadlines, in every stage and at every item.
 * Whatever happens, each item that the source gave has come to its end or was dropped, once.
 */

#include <sys/wait.h>

#include "batch/pipeline_world.h"

#include "support.h"

static const enum eg_stage_kind kinds[] = {EG_STAGE_SERIAL, EG_STAGE_PARALLEL, EG_STAGE_IN_ORDER,
					   EG_STAGE_SERIAL, EG_STAGE_IN_ORDER};

enum { STAGES = 5, WINDOW = 4, ITEMS = 24 };

/* Of the stages of so many kinds, 0 being the source. */
static void world_begin(struct world *world, int limit, struct eg_group_options *ret_group)
{
	static const struct eg_group_options options = EG_GROUP_OPTIONS_INIT;

	world_init(world, kinds, STAGES, WINDOW, ITEMS);
	*ret_group = options;
	ret_group->limit = limit;
}

static void world_expect(struct world *world, eg_error *error, int code, int result)
{
	assert_int_equal(result, code);
	assert_int_equal(eg_error_code(error), code);
	assert_int_equal(eg_error_task_index(error), world->event_item);
	assert_int_equal(world->happened, 1);
	world_check_none_lost(world);
	assert_true(world->dropped <= WINDOW);
	eg_error_unref(error);
	world_finish(world);
}

static void run_event(enum event event, size_t stage, long item, int limit, int code)
{
	struct world world;
	struct eg_group_options group;
	eg_error *error = NULL;
	int result;

	world_begin(&world, limit, &group);
	/* A stage that ends the thread is not to end the test's. */
	if (event == EVENT_EXIT)
		group.flags = EG_GROUP_NO_HELP;
	world.event = event;
	world.event_stage = stage;
	world.event_item = item;
	result = world_run_for(&world, NULL, &group, &error);
	world_expect(&world, error, code, result);
}

static void run_everywhere(enum event event, int code)
{
	for (int limit = 1; limit <= 3; limit++)
		for (size_t stage = 0; stage < STAGES; stage++)
			for (long item = 0; item < ITEMS; item += IS_SANITIZED || event == EVENT_EXIT ? 5 : 1)
				run_event(event, stage, item, limit, code);
}

static void an_error_anywhere_ends_it_and_drops_what_is_under_way(void **state)
{
	(void)state;
	run_everywhere(EVENT_ERROR, -EIO);
}

static void a_panic_anywhere_does_so_too(void **state)
{
	(void)state;
	run_everywhere(EVENT_PANIC, EG_EPANIC);
}

static void the_end_of_a_thread_in_a_stage_does_so_too(void **state)
{
	(void)state;
	run_everywhere(EVENT_EXIT, EG_EEXITED);
}

static void nothing_comes_after_an_item_that_failed_where_order_counts(void **state)
{
	(void)state;
	for (int i = 0; goes_on(i, 50); i++) {
		struct world world;
		struct eg_group_options group;

		world_begin(&world, 3, &group);
		world.event = i % 2 ? EVENT_ERROR : EVENT_PANIC;
		world.event_stage = 2;
		world.event_item = i % ITEMS;
		assert_int_not_equal(world_run(&world, NULL, &group), 0);
		for (long later = world.event_item + 1; later < ITEMS; later++)
			assert_true(world.things[later].stages <= 1);
		world_finish(&world);
	}
}

/*
 * Cancellation
 */

static void a_parent_that_is_cancelled_ends_it(void **state)
{
	(void)state;
	for (int limit = 1; limit <= 3; limit++) {
		for (size_t stage = 0; stage < STAGES; stage++) {
			for (long item = 0; item < ITEMS - 2; item += 3) {
				struct world world;
				struct eg_group_options group;
				eg_ctx *parent = ctx_under(NULL);
				eg_error *error = NULL;

				world_begin(&world, limit, &group);
				world.event = EVENT_CANCEL;
				world.event_stage = stage;
				world.event_item = item;
				world.to_cancel = parent;
				assert_int_equal(world_run_for(&world, parent, &group, &error), -ECANCELED);
				assert_int_equal(eg_error_code(error), -ECANCELED);
				assert_ptr_equal(eg_error_cause(error), eg_ctx_cause(parent));
				world_check_none_lost(&world);
				/* Nobody pulls any more but who was about to. */
				if (limit == 1)
					assert_true(world.pulled <= item + 1);
				eg_error_unref(error);
				eg_ctx_unref(parent);
				world_finish(&world);
			}
		}
	}
}

static void one_that_is_cancelled_by_the_last_call_is_done(void **state)
{
	struct world world;
	struct eg_group_options group;
	eg_ctx *parent = ctx_under(NULL);

	(void)state;
	world_begin(&world, 1, &group);
	world.items = 1;
	world.event = EVENT_CANCEL;
	world.event_stage = STAGES - 1;
	world.to_cancel = parent;
	/* The source has not said that it has ended. */
	assert_int_equal(world_run(&world, parent, &group), -ECANCELED);
	world_check_all_done(&world);
	eg_ctx_unref(parent);
	world_finish(&world);
}

static int source_awaits_end(eg_ctx *ctx, void *arg, void **item)
{
	atomic_fetch_sub((atomic_long *)arg, 1);
	CHECK(eg_ctx_wait_until(ctx, EG_CTX_NO_DEADLINE) == 0);
	*item = arg;
	return 1;
}

static int stage_never(eg_ctx *ctx, void *arg, void **item)
{
	(void)ctx;
	(void)arg;
	(void)item;
	CHECK(false);
	return 0;
}

static void drop_counts(void *item, void *arg)
{
	(void)item;
	atomic_fetch_add((atomic_long *)arg, 1);
}

static void a_deadline_ends_it_and_a_stage_sees_that(void **state)
{
	atomic_long dropped = 0;
	const struct eg_stage stages[] = {{source_awaits_end, &dropped, EG_STAGE_SERIAL},
					  {stage_never, NULL, EG_STAGE_IN_ORDER}};
	eg_error *error = NULL;
	eg_ctx *parent;

	(void)state;
	assert_int_equal(eg_ctx_with_timeout(NULL, 1000000, &parent), 0);
	assert_int_equal(eg_pipeline(parent, stages, 2,
				     EG_PIPELINE_OPTIONS(.drop = drop_counts, .drop_arg = &dropped), &error),
			 -ETIMEDOUT);
	assert_int_equal(eg_error_code(error), -ETIMEDOUT);
	/* What was asked for; the time may have come before. */
	assert_int_equal(dropped, 0);
	eg_error_unref(error);
	eg_ctx_unref(parent);
}

static void with_a_parent_that_is_over_nothing_is_called(void **state)
{
	const struct eg_stage stages[] = {{stage_never, NULL, EG_STAGE_SERIAL},
					  {stage_never, NULL, EG_STAGE_IN_ORDER}};
	eg_ctx *parent = ctx_under(NULL);
	eg_error *error = NULL;

	(void)state;
	eg_ctx_cancel(parent, NULL);
	assert_int_equal(eg_pipeline(parent, stages, 2, NULL, &error), -ECANCELED);
	assert_int_equal(eg_error_code(error), -ECANCELED);
	eg_error_unref(error);
	eg_ctx_unref(parent);
}

/*
 * What errors do to the rest
 */

/* Every fifth item fails, by an error or a panic, which must not keep the others from their turn. */
struct halting {
	long items, pulled, fails_to; /* the items below fail */
	atomic_long failed, ended, dropped, over;
	long next;
	char here[200];
};

static int halting_source(eg_ctx *ctx, void *arg, void **item)
{
	struct halting *halting = arg;

	(void)ctx;
	if (halting->pulled == halting->items)
		return 0;
	*item = &halting->here[halting->pulled++];
	return 1;
}

static int halting_stage(eg_ctx *ctx, void *arg, void **item)
{
	struct halting *halting = arg;
	long number = (char *)*item - halting->here;

	(void)ctx;
	if (number % 5 != 0 || number >= halting->fails_to)
		return 0;
	atomic_fetch_add(&halting->failed, 1);
	if (number % 2 == 0)
		eg_panic("item %ld", number);
	return eg_fail(-EIO, "item %ld", number);
}

static int halting_sink(eg_ctx *ctx, void *arg, void **item)
{
	struct halting *halting = arg;
	long number = (char *)*item - halting->here;

	CHECK(number >= halting->next);
	halting->next = number + 1;
	atomic_fetch_add(&halting->ended, 1);
	if (eg_ctx_err(ctx) != 0)
		atomic_fetch_add(&halting->over, 1);
	return 0;
}

static void halting_drop(void *item, void *arg)
{
	(void)item;
	atomic_fetch_add(&((struct halting *)arg)->dropped, 1);
}

static int halting_run(struct halting *halting, int limit, unsigned halt, unsigned halt_after)
{
	const struct eg_stage stages[] = {{halting_source, halting, EG_STAGE_SERIAL},
					  {halting_stage, halting, EG_STAGE_PARALLEL},
					  {halting_sink, halting, EG_STAGE_IN_ORDER}};
	struct eg_group_options group = EG_GROUP_OPTIONS_INIT;
	int code;

	group.limit = limit;
	group.halt = halt;
	group.halt_after = halt_after;
	code = eg_pipeline(
	    NULL, stages, 3,
	    EG_PIPELINE_OPTIONS(.window = 6, .drop = halting_drop, .drop_arg = halting, .group = &group),
	    NULL);
	assert_int_equal(halting->ended + halting->dropped, halting->pulled);
	return code;
}

static void where_errors_halt_nothing_the_other_items_go_on_in_order(void **state)
{
	(void)state;
	for (int limit = 1; limit <= 3; limit++) {
		struct halting halting = {.items = 200, .fails_to = 200};

		assert_int_not_equal(halting_run(&halting, limit, EG_HALT_NEVER, 0), 0);
		assert_int_equal(halting.pulled, 200);
		assert_int_equal(halting.failed, 40);
		assert_int_equal(halting.dropped, 40);
		assert_int_equal(halting.over, 0);
	}
}

static void so_many_errors_end_it_as_are_asked_for(void **state)
{
	static const unsigned halts[] = {EG_HALT_CANCEL, EG_HALT_NOW, EG_HALT_SOON};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		for (unsigned after = 0; after < 4; after++) {
			struct halting halting = {.items = 200, .fails_to = 200};

			assert_int_not_equal(halting_run(&halting, 1, halts[i], after), 0);
			assert_int_equal(halting.failed, after ? after : 1);
			assert_int_equal(halting.pulled, 5 * halting.failed - 4);
		}
	}
}

static void fewer_errors_than_that_end_nothing(void **state)
{
	(void)state;
	for (int limit = 1; limit <= 3; limit++) {
		struct halting halting = {.items = 200, .fails_to = 15};

		assert_int_not_equal(halting_run(&halting, limit, EG_HALT_SOON, 4), 0);
		assert_int_equal(halting.failed, 3);
		assert_int_equal(halting.ended, 197);
	}
}

/*
 * Single cases
 */

static int source_fails(eg_ctx *ctx, void *arg, void **item)
{
	(void)ctx;
	(void)item;
	return eg_fail((int)(intptr_t)arg, "no input");
}

static void an_error_of_the_source_at_once_is_the_result(void **state)
{
	static const int codes[] = {-EIO, 2, EG_EFORKED - 100};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const struct eg_stage stages[] = {{source_fails, CODE(codes[i]), EG_STAGE_SERIAL},
						  {stage_never, NULL, EG_STAGE_IN_ORDER}};
		eg_error *error = NULL;

		assert_int_equal(eg_pipeline(NULL, stages, 2, NULL, &error), codes[i]);
		assert_string_equal(eg_error_message(error), "no input");
		assert_int_equal(eg_error_task_index(error), 0);
		eg_error_unref(error);
	}
}

static int source_one(eg_ctx *ctx, void *arg, void **item)
{
	atomic_long *asked = arg;

	(void)ctx;
	*item = arg;
	return atomic_fetch_add(asked, 1) == 0;
}

static int stage_replaces_and_panics(eg_ctx *ctx, void *arg, void **item)
{
	(void)ctx;
	*item = arg;
	eg_panic("replaced");
}

static void drop_only(void *item, void *arg)
{
	CHECK(item == arg);
	atomic_fetch_add((atomic_long *)arg, 1);
}

static void what_a_stage_has_stored_when_it_fails_is_dropped(void **state)
{
	atomic_long asked = 0, replaced = 0;
	const struct eg_stage stages[] = {{source_one, &asked, EG_STAGE_SERIAL},
					  {stage_replaces_and_panics, &replaced, EG_STAGE_PARALLEL}};

	(void)state;
	assert_int_equal(
	    eg_pipeline(NULL, stages, 2, EG_PIPELINE_OPTIONS(.drop = drop_only, .drop_arg = &replaced), NULL),
	    EG_EPANIC);
	assert_int_equal(replaced, 1);
}

static void a_panic_of_the_drop_function_costs_no_other_item(void **state)
{
	static const enum event events[] = {EVENT_ERROR, EVENT_PANIC, EVENT_CANCEL};

	(void)state;
	for (int i = 0; i < 9; i++) {
		struct world world;
		struct eg_group_options group;
		eg_ctx *parent = ctx_under(NULL);

		world_begin(&world, 1 + i / 3, &group);
		world.event = events[i % 3];
		world.event_stage = 2;
		world.event_item = 5;
		world.to_cancel = parent;
		world.drop_panics = true;
		assert_int_not_equal(world_run(&world, parent, &group), 0);
		world_check_none_lost(&world);
		eg_ctx_unref(parent);
		world_finish(&world);
	}
}

static int stage_defers_and_fails(eg_ctx *ctx, void *arg, void **item)
{
	(void)ctx;
	(void)item;
	CHECK(eg_defer(free, arg) == 0);
	return eg_fail(-EPERM, "not today");
}

static void an_error_is_the_tasks_that_called(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		atomic_long asked = 0;
		const struct eg_stage stages[] = {{source_one, &asked, EG_STAGE_SERIAL},
						  {stage_defers_and_fails, malloc(1), EG_STAGE_PARALLEL}};
		eg_error *error = NULL;

		assert_int_equal(eg_pipeline(NULL, stages, 2, NULL, &error), -EPERM);
		assert_string_equal(eg_error_message(error), "not today");
		assert_int_equal(eg_error_kind(error), EG_ERROR_RETURNED);
		assert_string_equal(eg_error_site(error)->function, __func__);
		eg_error_unref(error);
	}
}

static int task_with_pipeline(eg_ctx *ctx, void *arg)
{
	atomic_long asked = 0;
	const struct eg_stage stages[] = {{source_one, &asked, EG_STAGE_SERIAL},
					  {stage_defers_and_fails, malloc(1), EG_STAGE_PARALLEL}};

	(void)arg;
	return eg_pipeline(ctx, stages, 2, NULL, NULL);
}

static void a_task_fails_as_its_pipeline_did(void **state)
{
	eg_group group = EG_GROUP_INIT;

	(void)state;
	assert_int_equal(eg_group_go(&group, task_with_pipeline, NULL), 0);
	assert_int_equal(eg_group_wait(&group), -EPERM);
	assert_string_equal(eg_error_message(eg_group_error(&group)), "not today");
	eg_group_destroy(&group);
}

static int source_of_five(eg_ctx *ctx, void *arg, void **item)
{
	(void)ctx;
	*item = arg;
	return ++*(int *)arg <= 5;
}

static int stage_cancels_itself(eg_ctx *ctx, void *arg, void **item)
{
	(void)arg;
	(void)item;
	return eg_ctx_cancel(ctx, NULL);
}

static void one_whose_context_a_stage_cancels_says_that_items_are_missing(void **state)
{
	int pulled = 0;
	const struct eg_stage stages[] = {{source_of_five, &pulled, EG_STAGE_SERIAL},
					  {stage_cancels_itself, NULL, EG_STAGE_SERIAL}};
	eg_error *error;

	(void)state;
	assert_int_equal(eg_pipeline(NULL, stages, 2, EG_PIPELINE_OPTIONS(.window = 1), &error), -ECANCELED);
	assert_int_equal(pulled, 1);
	assert_int_equal(eg_error_kind(error), EG_ERROR_SKIPPED);
	eg_error_unref(error);
}

/* A stage that the caller helps with ends the caller's thread. */
static void *thread_with_pipeline(void *arg)
{
	struct world *world = arg;
	struct eg_group_options group = EG_GROUP_OPTIONS_INIT;

	group.limit = 1;
	world_run(world, NULL, &group);
	return NULL;
}

static void a_stage_that_ends_the_callers_thread_leaves_nothing_behind(void **state)
{
	(void)state;
	for (size_t stage = 0; stage < STAGES; stage++) {
		struct world world;
		struct eg_group_options group;
		pthread_t thread;

		world_begin(&world, 1, &group);
		world.event = EVENT_EXIT;
		world.event_stage = stage;
		world.event_item = 7;
		assert_int_equal(pthread_create(&thread, NULL, thread_with_pipeline, &world), 0);
		assert_int_equal(pthread_join(thread, NULL), 0);
		world_check_none_lost(&world);
		world_finish(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(an_error_anywhere_ends_it_and_drops_what_is_under_way),
	    TEST(a_panic_anywhere_does_so_too),
	    TEST(the_end_of_a_thread_in_a_stage_does_so_too),
	    TEST(nothing_comes_after_an_item_that_failed_where_order_counts),
	    TEST(a_parent_that_is_cancelled_ends_it),
	    TEST(one_that_is_cancelled_by_the_last_call_is_done),
	    TEST(a_deadline_ends_it_and_a_stage_sees_that),
	    TEST(with_a_parent_that_is_over_nothing_is_called),
	    TEST(one_whose_context_a_stage_cancels_says_that_items_are_missing),
	    TEST(where_errors_halt_nothing_the_other_items_go_on_in_order),
	    TEST(so_many_errors_end_it_as_are_asked_for),
	    TEST(fewer_errors_than_that_end_nothing),
	    TEST(an_error_of_the_source_at_once_is_the_result),
	    TEST(what_a_stage_has_stored_when_it_fails_is_dropped),
	    TEST(a_panic_of_the_drop_function_costs_no_other_item),
	    TEST(an_error_is_the_tasks_that_called),
	    TEST(a_task_fails_as_its_pipeline_did),
	    TEST(a_stage_that_ends_the_callers_thread_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
